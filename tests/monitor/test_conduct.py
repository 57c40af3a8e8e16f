"""Silence, shares of speech, overlap and interruptions, counted in whole seconds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.conduct import LAG_SECONDS, Conduct
from vad.grid import FRAMES_PER_SECOND as SECOND


def heard(*spans: tuple[int, float, float], until_s: float, channels: int = 2) -> Conduct:
    """Speech of (channel, start, end) in seconds, each edge told when it is there; all counted up to `until_s`."""
    conduct = Conduct(channels)
    edges = [(round(start * SECOND), channel, None) for channel, start, _ in spans]
    edges += [(round(end * SECOND), channel, round(start * SECOND)) for channel, start, end in spans]
    parties = ["customer", "agent"][:channels]
    for frame, channel, start in sorted(edges, key=lambda edge: (edge[0], edge[2] is None)):
        conduct.passed(frame, parties)
        if start is None:
            conduct.opened(channel, frame)
        else:
            conduct.closed(channel, start, frame)
    conduct.passed(round((until_s + LAG_SECONDS) * SECOND), parties)
    return conduct


def test_nobody_has_spoken_since_the_last_word_of_those_that_are_meant() -> None:
    conduct = heard((0, 0, 4), (1, 5, 9), until_s=20)
    assert conduct.silence_s([0, 1], 20 * SECOND) == pytest.approx(11)
    assert conduct.silence_s([0], 20 * SECOND) == pytest.approx(16)
    conduct.opened(1, 19 * SECOND)
    assert conduct.silence_s([0, 1], 20 * SECOND) == 0.0


def test_before_anyone_has_spoken_the_silence_is_as_long_as_the_call() -> None:
    assert heard(until_s=7).silence_s([0], 7 * SECOND) == pytest.approx(7)


def test_a_share_of_speech_is_that_of_the_newest_seconds() -> None:
    conduct = heard((1, 0, 30), (0, 30, 36), (1, 36, 60), until_s=60)
    assert conduct.talk_ratio("customer", 60) == pytest.approx(0.1)
    assert conduct.talk_ratio("customer", 30) == pytest.approx(0.2)
    assert conduct.talk_ratio("agent", 20) == 1.0
    assert conduct.talk_ratio("customer", 20) == 0.0


def test_a_share_of_next_to_nothing_is_none() -> None:
    conduct = heard((0, 0, 4), until_s=30)
    assert conduct.talk_ratio("customer", 30) is None
    assert conduct.talk_ratio("agent", 30) is None
    assert heard((0, 0, 20), until_s=20).talk_ratio("customer", 30) is None


def test_overlap_is_what_both_spoke_at_once() -> None:
    conduct = heard((0, 0, 10), (1, 7, 12), (0, 20, 22), until_s=30)
    assert conduct.overlap_ratio(30) == pytest.approx(3 / 30)
    assert conduct.overlap_ratio(15) == 0.0


def test_interruptions_are_those_of_the_newest_seconds() -> None:
    conduct = heard(until_s=100)
    for second in (5, 50, 90):
        conduct.took(1, second * SECOND)
    assert [conduct.interruptions(1, seconds, 100 * SECOND) for seconds in (5, 60, 3600)] == [0, 2, 3]
    assert conduct.interruptions(0, 60, 100 * SECOND) == 0


def test_who_turns_out_to_be_another_has_said_what_that_one_said() -> None:
    conduct = Conduct(1)
    conduct.opened(0, 0)
    conduct.passed(12 * SECOND, ["S1"])
    conduct.passed(22 * SECOND, ["S2"])
    conduct.passed(32 * SECOND, ["S3"])
    assert conduct.talk_ratio("S1", 30) == pytest.approx(1 / 3)
    conduct.merged("S3", "S1")
    conduct.merged("S4", "S1")
    assert conduct.talk_ratio("S1", 30) == pytest.approx(2 / 3)
    assert conduct.talk_ratio("S1", 10) == 1.0
    assert conduct.talk_ratio("S2", 10) == 0.0
    assert sorted(map(str, conduct.parties)) == ["S1", "S2"]


SPANS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 900), st.integers(5, 200)), max_size=12)


@given(SPANS)
def test_the_counts_are_those_of_the_frames(drawn: list[tuple[int, int, int]]) -> None:
    """Against frame by frame; segments of a channel follow on each other as an endpointer's do."""
    free, spans = [0, 0], []
    for channel, start, length in sorted(drawn, key=lambda span: span[1]):
        start = max(start, free[channel] + 5)
        spans.append((channel, start / SECOND, (start + length) / SECOND))
        free[channel] = start + length
    seconds = max(5, -(-max(free) // SECOND))
    frames = np.zeros((2, seconds * SECOND), bool)
    for channel, start_s, end_s in spans:
        frames[channel, round(start_s * SECOND) : round(end_s * SECOND)] = True
    conduct = heard(*spans, until_s=seconds)
    assert conduct.overlap_ratio(seconds) == pytest.approx((frames[0] & frames[1]).mean())
    if frames.sum() >= 5 * SECOND and frames[0].any():
        assert conduct.talk_ratio("customer", seconds) == pytest.approx(frames[0].sum() / frames.sum())
