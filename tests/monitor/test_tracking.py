"""Who speaks, told from scripted embeddings: a speaker is a direction on a sphere, a window a noisy view of it."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.analysis import SpeakerSpec
from monitor.floor import CHUNK_FRAMES, EDGE, Floor, both_ways
from monitor.tracking import Changed, Confirmed, Finding, Merged, SpeakerTracker, TrackingConfig
from monitor.voices import JOINT_SATURATION, SATURATION, Likeness, Voices
from vad.cuts import SpeechCut

SIZE, HOP, WINDOW = 64, 25, 75
NOISE = 0.09
"""Per dimension; two windows of one speaker then have a cosine of about 1 / (1 + 64 * 0.09**2) = 0.66."""
SPEC = SpeakerSpec(
    "m", "none", WINDOW * 320, SIZE, same_mean=0.66, same_std=0.1, different_mean=0.0, different_std=0.12
)
TOLERANCE = 15
"""0.3 s."""

Talk = list[tuple[str | None, int]]
"""Who speaks for how many frames; None is a pause. `AB` is A and B at once."""


def direction(speakers: str) -> NDArray[np.float64]:
    at = np.zeros(SIZE)
    at[[ord(speaker) - ord("A") for speaker in speakers]] = 1.0
    return at / math.sqrt(len(speakers))


def turned(degrees: float) -> NDArray[np.float64]:
    """A voice that much turned from A's towards B's."""
    angle = float(np.radians(degrees))
    return math.cos(angle) * direction("A") + math.sin(angle) * direction("B")


def cuts(talk: Talk) -> list[SpeechCut]:
    """The windows a listener would cut: at every hop within a segment of speech, and at its end."""
    out, start = [], 0
    for paused, run in _segments(talk):
        if not paused:
            ends = sorted({*range(start + 50, start + run, HOP), start + run})
            out += [_cut(start, max(start, end - WINDOW), end) for end in ends if run >= 15]
        start += run
    return out


def _segments(talk: Talk) -> list[tuple[bool, int]]:
    out: list[tuple[bool, int]] = []
    for speaker, frames in talk:
        if out and out[-1][0] == (speaker is None):
            out[-1] = (out[-1][0], out[-1][1] + frames)
        else:
            out.append((speaker is None, frames))
    return out


def _cut(segment: int, start: int, end: int) -> SpeechCut:
    return SpeechCut(end, segment, start, end, np.zeros(0, np.float32), 1.0)


def embedding(talk: Talk, cut: SpeechCut, rng: np.random.Generator) -> NDArray[np.float32]:
    """The mean of the directions of all frames of the cut, with noise."""
    frames = np.concatenate([np.tile(direction(who) if who else np.zeros(SIZE), (n, 1)) for who, n in talk])
    clean = frames[cut.start : cut.end].mean(axis=0)
    return np.asarray(clean / np.linalg.norm(clean) + NOISE * rng.standard_normal(SIZE), np.float32)


def follow(talk: Talk, config: TrackingConfig = TrackingConfig(), seed: int = 0) -> list[Finding]:
    tracker, rng = SpeakerTracker(SPEC, config), np.random.default_rng(seed)
    return [finding for cut in cuts(talk) for finding in tracker.hear(cut, embedding(talk, cut, rng))]


def changes(findings: list[Finding]) -> list[Changed]:
    return [finding for finding in findings if isinstance(finding, Changed)]


def path(findings: list[Finding]) -> list[str]:
    """The speakers in the order in which they had the floor."""
    return [change.after for change in changes(findings)]


SEEDS = pytest.mark.parametrize("seed", range(5))


@SEEDS
def test_one_speaker_stays_one(seed: int) -> None:
    talk: Talk = [("A", 400), (None, 60), ("A", 90), (None, 200), ("A", 300)]
    assert path(follow(talk, seed=seed)) == ["S1"]


def test_the_first_speaker_has_the_floor_from_the_start_of_their_segment() -> None:
    assert follow([(None, 110), ("A", 60)]) == [Changed(None, "S1", 110, 1.0)]


@SEEDS
def test_two_who_alternate_with_pauses_change_where_a_segment_starts(seed: int) -> None:
    talk: Talk = [("A", 200), (None, 40), ("B", 200), (None, 40), ("A", 200), (None, 40), ("B", 200)]
    found = changes(follow(talk, seed=seed))
    assert [change.after for change in found] == ["S1", "S2", "S1", "S2"]
    assert [change.boundary for change in found] == [0, 240, 480, 720]


@SEEDS
def test_two_who_alternate_without_a_pause_change_within_a_third_of_a_second(seed: int) -> None:
    found = changes(follow([("A", 230), ("B", 260), ("A", 215), ("B", 240)], seed=seed))
    assert [change.after for change in found] == ["S1", "S2", "S1", "S2"]
    for change, true in zip(found, [0, 230, 490, 705], strict=True):
        assert abs(change.boundary - true) <= TOLERANCE


def test_a_change_names_who_had_the_floor_before() -> None:
    found = changes(follow([("A", 200), (None, 40), ("B", 200), (None, 40), ("C", 200)]))
    assert [(change.before, change.after) for change in found] == [(None, "S1"), ("S1", "S2"), ("S2", "S3")]


def test_a_change_is_told_only_once_it_is_believed() -> None:
    found = changes(follow([("A", 230), ("B", 260), ("A", 215)]))
    assert all(change.confidence >= TrackingConfig().certainty for change in found)


@SEEDS
def test_a_known_speaker_who_returns_has_the_same_name(seed: int) -> None:
    talk: Talk = [
        ("A", 200),
        (None, 40),
        ("B", 200),
        (None, 40),
        ("C", 200),
        (None, 40),
        ("A", 150),
        (None, 40),
        ("B", 150),
    ]
    assert path(follow(talk, seed=seed)) == ["S1", "S2", "S3", "S1", "S2"]


@SEEDS
def test_a_short_noise_creates_no_speaker(seed: int) -> None:
    talk: Talk = [("A", 250), (None, 40), ("N", 30), (None, 40), ("A", 250)]
    assert path(follow(talk, seed=seed)) == ["S1"]


def test_short_noises_do_not_add_up_to_a_speaker() -> None:
    noise: Talk = [(None, 40), ("N", 28), (None, 40), ("A", 100)]
    assert path(follow([("A", 250), *noise, *noise, *noise])) == ["S1"]


def test_a_speaker_is_confirmed_once_after_three_seconds() -> None:
    tracker, rng = SpeakerTracker(SPEC, TrackingConfig(confirm_s=3.0)), np.random.default_rng(0)
    talk: Talk = [("A", 400)]
    at = [cut.end for cut in cuts(talk) if Confirmed("S1") in tracker.hear(cut, embedding(talk, cut, rng))]
    assert at == [150]


def test_a_speaker_of_two_seconds_stays_provisional() -> None:
    talk: Talk = [("A", 300), (None, 40), ("B", 100)]
    assert [each for each in follow(talk) if isinstance(each, Confirmed)] == [Confirmed("S1")]


def test_each_speaker_is_confirmed_once() -> None:
    talk: Talk = [("A", 400), (None, 40), ("B", 400), (None, 40), ("A", 400), (None, 40), ("B", 400)]
    assert [each for each in follow(talk) if isinstance(each, Confirmed)] == [Confirmed("S1"), Confirmed("S2")]


def test_an_embedding_of_nothing_is_ignored() -> None:
    tracker = SpeakerTracker(SPEC, TrackingConfig())
    assert tracker.hear(_cut(0, 0, 75), np.zeros(SIZE, np.float32)) == []
    assert tracker.current is None


def test_an_embedding_of_nothing_in_the_midst_of_speech_changes_nothing() -> None:
    talk: Talk = [("A", 300), (None, 40), ("B", 300)]
    tracker, rng = SpeakerTracker(SPEC, TrackingConfig()), np.random.default_rng(0)
    out: list[Finding] = []
    for at, cut in enumerate(cuts(talk)):
        heard = embedding(talk, cut, rng)
        out += tracker.hear(cut, np.zeros(SIZE, np.float32) if at == 4 else heard)
    assert path(out) == ["S1", "S2"]


def test_the_length_of_an_embedding_does_not_matter() -> None:
    talk: Talk = [("A", 230), ("B", 260), ("A", 215)]
    one, other = SpeakerTracker(SPEC, TrackingConfig()), SpeakerTracker(SPEC, TrackingConfig())
    rng = np.random.default_rng(0)
    for at, cut in enumerate(cuts(talk)):
        heard = embedding(talk, cut, rng)
        assert one.hear(cut, heard) == other.hear(cut, heard * np.float32(2.0 ** (at % 7)))


@pytest.mark.parametrize("most", [1, 2])
def test_there_are_never_more_speakers_than_allowed(most: int) -> None:
    talk: Talk = [("A", 200), (None, 40), ("B", 200), (None, 40), ("C", 300), (None, 40), ("D", 300)]
    names = set(path(follow(talk, TrackingConfig(max_speakers=most))))
    assert names == {f"S{n + 1}" for n in range(most)}


def test_whoever_has_the_floor_is_current() -> None:
    talk: Talk = [("A", 200), (None, 40), ("B", 200)]
    tracker, rng = SpeakerTracker(SPEC, TrackingConfig()), np.random.default_rng(0)
    seen = []
    for cut in cuts(talk):
        tracker.hear(cut, embedding(talk, cut, rng))
        seen.append(tracker.current)
    assert (seen[0], seen[-1]) == ("S1", "S2")


@SEEDS
def test_boundaries_never_run_backwards(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    talk: Talk = []
    for _ in range(12):
        talk += [(str(rng.choice(list("ABC"))), int(rng.integers(40, 250))), (None, int(rng.integers(25, 60)))]
    found = changes(follow(talk, seed=seed))
    assert len(found) > 4
    assert all(one.boundary <= other.boundary for one, other in pairwise(found))
    assert all(one.after == other.before for one, other in pairwise(found))


@SEEDS
def test_three_who_take_turns_are_three(seed: int) -> None:
    talk: Talk = [(who, 150) for name in "ABCBAC" for who in (name, None)]
    talk = [(who, frames if who else 40) for who, frames in talk]
    assert path(follow(talk, seed=seed)) == ["S1", "S2", "S3", "S2", "S1", "S3"]


@SEEDS
def test_a_listeners_mhm_does_not_take_the_floor(seed: int) -> None:
    pause: tuple[None, int] = (None, 40)
    talk: Talk = [("A", 300), pause, ("B", 300), pause, ("A", 150), ("AB", 20), ("A", 150), pause, ("B", 200)]
    assert path(follow(talk, seed=seed)) == ["S1", "S2", "S1", "S2"]


@SEEDS
def test_where_two_talk_at_once_the_floor_passes_once(seed: int) -> None:
    talk: Talk = [("A", 300), (None, 40), ("B", 300), (None, 40), ("A", 200), ("AB", 50), ("B", 200)]
    found = changes(follow(talk, seed=seed))
    assert [change.after for change in found] == ["S1", "S2", "S1", "S2"]
    assert 880 - TOLERANCE <= found[-1].boundary <= 930 + TOLERANCE


def voices(turns: list[tuple[float, int]], seed: int = 0) -> list[Finding]:
    """What is said of turns of voices that are `turned` by so many degrees, with pauses between them."""
    tracker, rng = SpeakerTracker(SPEC, TrackingConfig()), np.random.default_rng(seed)
    out: list[Finding] = []
    begin = 0
    for degrees, frames in turns:
        for end in sorted({*range(begin + 50, begin + frames, HOP), begin + frames}):
            heard = turned(degrees) + NOISE * rng.standard_normal(SIZE)
            out += tracker.hear(_cut(begin, max(begin, end - WINDOW), end), heard.astype(np.float32))
        begin += frames + 40
    return out


@SEEDS
def test_two_names_for_one_voice_become_one(seed: int) -> None:
    found = voices([(0, 300), (70, 200), *[(35.0, 200)] * 8], seed)
    assert "S2" in path(found)
    assert [each for each in found if isinstance(each, Merged)] == [Merged("S2", "S1", confirmed=True)]
    after = found[found.index(Merged("S2", "S1", confirmed=True)) + 1 :]
    assert not changes(after)


@SEEDS
def test_two_voices_are_never_merged(seed: int) -> None:
    found = voices([(0, 300), (90, 300)] * 6, seed)
    assert not [each for each in found if isinstance(each, Merged)]
    assert path(found) == ["S1", "S2"] * 6


def test_whoever_was_merged_is_not_named_again() -> None:
    found = voices([(0, 300), (70, 200), *[(35.0, 200)] * 8])
    talk_on = voices([(0, 300), (70, 200), *[(35.0, 200)] * 8, (125.0, 300)])
    assert talk_on[: len(found)] == found
    assert path(talk_on)[-1] == "S3"


def test_a_long_call_is_forgotten_window_by_window_but_not_its_voices() -> None:
    turns = [(0.0, 600), (90.0, 600)] * 14
    assert path(voices(turns)) == ["S1", "S2"] * 14


def test_the_same_windows_give_the_same_findings() -> None:
    talk: Talk = [("A", 230), ("B", 260), ("A", 215), (None, 40), ("C", 200)]
    assert follow(talk) == follow(talk)


def test_voices_that_are_like_nobody_known_are_borne_where_nobody_new_may_come() -> None:
    follow([("A", 400), ("B", 600)], TrackingConfig(max_speakers=1))
    strict = SpeakerSpec("m", "none", WINDOW * 320, SIZE, 0.9, 0.05, 0.0, 0.03)
    tracker = SpeakerTracker(strict, TrackingConfig(max_speakers=1))
    for cut in cuts([("A", 1000)]):
        tracker.hear(cut, np.asarray(direction("A") if cut.end < 400 else -direction("A"), np.float32))
    assert tracker.current == "S1"


@given(st.integers(1, 60), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_both_walks_at_once_are_the_forward_backward_algorithm(chunks: int, states: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    belief = rng.dirichlet(np.ones(states))
    transitions = rng.dirichlet(np.ones(states), (chunks, states))
    likelihood = np.exp(-rng.exponential(3, (chunks, states)))
    forward, backward = np.zeros((chunks, states)), np.ones((chunks, states))
    now = belief
    for chunk in range(chunks):
        now = forward[chunk] = (now @ transitions[chunk]) * likelihood[chunk]
    for chunk in range(chunks - 2, -1, -1):
        backward[chunk] = transitions[chunk + 1] @ (likelihood[chunk + 1] * backward[chunk + 1])
    both = forward * backward
    found, ahead = both_ways(belief.tolist(), transitions, likelihood)
    np.testing.assert_allclose(found, both / both.sum(axis=1, keepdims=True), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ahead, forward, rtol=1e-9)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(15, 120)), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_a_chunk_has_the_mean_odds_of_the_windows_over_it(talk: list[tuple[int, int]], seed: int) -> None:
    floor, begin = Floor(0.25, 0.5, 0.001), 0
    for pause, run in talk:
        begin += pause
        segment = [cut for cut in cuts([(None, begin), ("A", run)]) if cut.start >= begin]
        last = begin
        for cut in segment:
            floor.extend(last, last == begin, cut.start, cut.end)
            last = cut.end
        begin += run
    odds = np.random.default_rng(seed).normal(size=(len(floor.windows), 2))
    pooled = floor.pooled(odds)
    assert not pooled[-1].any()
    for chunk, found in zip(floor.starts, pooled.T[:, :-1], strict=True):
        middle = chunk + CHUNK_FRAMES / 2
        weights = [min(middle - start, end - middle) / ((end - start) / 2) + EDGE for start, end in floor.windows]
        over = [at for at, weight in enumerate(weights) if weight >= EDGE]
        mean = np.average(odds[over], axis=0, weights=[weights[at] for at in over]) if over else np.zeros(2)
        np.testing.assert_allclose(found, mean, atol=1e-9)


@given(st.floats(0.1, 30), st.integers(0, 2**32 - 1))
def test_odds_are_those_of_normal_distributions(count: float, seed: int) -> None:
    """Against the posterior of a mean under a normal prior (any textbook): the voice's windows are `count` times their
    mean, of which as many count as saturation leaves; what all voices share is 0 here."""
    rng, likeness = np.random.default_rng(seed), Likeness(SPEC)
    window, total = direction("A"), count * rng.normal(size=SIZE) / math.sqrt(SIZE)
    known = count / (1 + count / SATURATION)
    precision = 1 / likeness.between + known / likeness.within
    mean = total * (known / count) / likeness.within / precision
    variance, fresh = likeness.within + 1 / precision, likeness.within + likeness.between
    away = window - mean
    expected = float(
        window @ window / fresh - away @ away / variance + likeness.dimensions * math.log(fresh / variance)
    )
    slope, offset, _ = likeness.line(count, float(total @ total))
    assert offset + slope * float(window @ total) == pytest.approx(expected / 2)


@given(st.floats(0.1, 30), st.floats(0.1, 30), st.integers(0, 2**32 - 1))
def test_odds_that_two_voices_are_one(one: float, other: float, seed: int) -> None:
    """p(all of one voice) / p(the one) p(the other), by integrating the voice out."""
    rng, likeness = np.random.default_rng(seed), Likeness(SPEC)
    totals = rng.normal(size=(2, SIZE)) * np.array([[one], [other]]) / math.sqrt(SIZE)
    inner = (totals @ totals.T).tolist()
    older, newer, odds = likeness.likest_pair(inner, [one, other], [0, 1])
    scales = [1 / (1 + count / JOINT_SATURATION) for count in (one, other)]
    counts, (a, b) = np.array([one, other]) * scales, totals * np.array(scales)[:, None]

    def evidence(known: float, of: NDArray[np.float64]) -> float:
        spread = likeness.within + known * likeness.between
        fit = likeness.between * float(of @ of) / (likeness.within * spread)
        return (fit - likeness.dimensions * math.log(spread / likeness.within)) / 2

    assert (older, newer) == (0, 1)
    assert odds == pytest.approx(evidence(counts.sum(), a + b) - evidence(counts[0], a) - evidence(counts[1], b))


def test_what_is_forgotten_stays_in_the_sums_and_what_is_learned_comes_to_them() -> None:
    rng = np.random.default_rng(0)
    voices, twin = (Voices(Likeness(SPEC), SIZE, most, 5) for most in (20, 1000))
    for each in (voices, twin):
        each.found(), each.found()
    for at in range(100):
        heard, whose = rng.normal(size=SIZE).astype(np.float32), int(rng.integers(2))
        for each in (voices, twin):
            each.add(heard, at // 7, 25 * at, 25 * at + 75, 1 / 3)
            each.learn(len(each.known) - 1, whose)
    assert (len(voices.known), len(twin.known)) == (20, 100)
    for _ in range(2):
        for mine, theirs in zip(voices.models(), twin.models(), strict=True):
            np.testing.assert_allclose(mine, theirs)
        np.testing.assert_allclose(voices.odds(10, 0.5), twin.odds(10, 0.5))
        for each in (voices, twin):  # sums that were learned step by step are those that are summed up anew
            each.give(np.zeros(len(each.known), np.bool_), None)


def test_many_voices_are_weighed_as_few_are() -> None:
    """Products are taken voice by voice where there are few; nobody may notice."""
    rng = np.random.default_rng(1)
    few, many = (Voices(Likeness(SPEC), SIZE, 100, 20) for _ in range(2))
    for each, known in ((few, 2), (many, 9)):
        for _ in range(known):
            each.found()
    for at in range(60):
        whose = at // 10 % 2
        heard = (direction("AB"[whose]) + NOISE * rng.standard_normal(SIZE)).astype(np.float32)
        for each in (few, many):
            each.add(heard, at // 5, 25 * at, 25 * at + 75, 1.0)
            each.learn(at, whose)
    for each in (few, many):
        each.weigh_again(4, 1.0, 0.5)
    assert many.shares[:2, :56].argmax(axis=0).tolist() == few.shares[:, :56].argmax(axis=0).tolist()
    np.testing.assert_allclose(many.shares[:2], few.shares, atol=1e-6)
