"""From samples to edges and cuts. The gate is scripted, so that every frame of speech is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scripted import LoudnessGate, loud, pieces, quiet
from vad.cuts import Clipped, ContextCut, Cutting, FellSilent, Lasted, NoSpeech, Occurrence, SpeechCut
from vad.endpointing import Backend, Closed, EndpointingConfig, Opened
from vad.grid import FRAME_SAMPLES
from vad.listener import Listener
from vad.pcm import Samples

ENDPOINTING = EndpointingConfig(onset=0.5, offset=0.1, onset_s=0.2, hangover_s=0.4)
JUDGED_FRAMES = 25
HOP, HORIZON, CONTEXT, SPEECH = 25, 150, 150, 75
CUTTING = Cutting(HOP, HORIZON, CONTEXT, SPEECH, no_speech=300)
Kind = TypeVar("Kind", bound=Occurrence)


@pytest.fixture(autouse=True)
def scripted_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vad.listener.WebrtcDetector", LoudnessGate)


def listener(cutting: Cutting = CUTTING, *, judged: bool = False, backend: Backend = "cascade") -> Listener:
    return Listener(replace(ENDPOINTING, backend=backend), cutting, JUDGED_FRAMES if judged else 0)


def heard(*parts: Samples, cutting: Cutting = CUTTING, flush: bool = False) -> list[Occurrence]:
    ear = listener(cutting)
    out = ear.feed(np.concatenate(parts))
    return out + ear.finish_hearing() + ear.flush() if flush else out


def of(occurrences: list[Occurrence], kind: type[Kind]) -> list[Kind]:
    return [occurrence for occurrence in occurrences if isinstance(occurrence, kind)]


def edges(occurrences: list[Occurrence]) -> list[Occurrence]:
    return [occurrence for occurrence in occurrences if isinstance(occurrence, (Opened, Closed))]


def same(one: list[Occurrence], other: list[Occurrence]) -> bool:
    """Equality that looks into arrays."""
    return [repr_of(occurrence) for occurrence in one] == [repr_of(occurrence) for occurrence in other]


def repr_of(occurrence: Occurrence) -> list[object]:
    values = [getattr(occurrence, name) for name in occurrence.__slots__]
    return [type(occurrence), *(value.tobytes() if isinstance(value, np.ndarray) else value for value in values)]


# --- edges and order


def lasted(*parts: Samples) -> list[Lasted]:
    return of(heard(*parts, cutting=replace(CUTTING, marks=(20, 50))), Lasted)


def test_a_segment_tells_when_it_has_come_to_each_mark() -> None:
    assert lasted(quiet(50), loud(60), quiet(50)) == [Lasted(70, 50, 20), Lasted(100, 50, 50)]


def test_the_silence_before_a_segment_is_closed_does_not_count() -> None:
    assert lasted(quiet(50), loud(19), quiet(50)) == []


def test_every_segment_tells_its_own_marks() -> None:
    out = lasted(quiet(50), loud(30), quiet(50), loud(30), quiet(50))
    assert [(each.start, each.frames) for each in out] == [(50, 20), (130, 20)]


def test_without_marks_nothing_is_told() -> None:
    assert of(heard(quiet(50), loud(200)), Lasted) == []


def test_edges_stand_at_the_frames_of_speech() -> None:
    assert edges(heard(quiet(50), loud(60), quiet(50))) == [Opened(50, 55), Closed(50, 110, 129)]


def test_occurrences_come_in_the_order_in_which_they_became_certain() -> None:
    out = heard(quiet(50), loud(160), quiet(60), loud(40), quiet(400))
    assert len(out) > 12
    assert [each.decided for each in out] == sorted(each.decided for each in out)


@given(st.lists(st.integers(1, 9_000), max_size=25))
@settings(max_examples=15, deadline=None)
def test_any_chunking_gives_equal_occurrences(sizes: list[int]) -> None:
    audio = np.concatenate([quiet(37), loud(101), quiet(9), loud(20), quiet(333), loud(12), quiet(3)])
    cutting = replace(CUTTING, marks=(20, 50))
    ear = listener(cutting)
    out = [each for piece in pieces(audio, sizes) for each in ear.feed(piece)] + ear.finish_hearing() + ear.flush()
    assert same(out, heard(audio, cutting=cutting, flush=True))


def test_the_last_frames_are_heard_although_they_fill_no_block() -> None:
    assert edges(heard(quiet(50), loud(7), flush=True)) == [Opened(50, 55), Closed(50, 57, 57)]


@pytest.mark.parametrize("samples", [0, 1, 319, 320, 1_600])
def test_a_very_short_stream_is_simply_silent(samples: int) -> None:
    assert heard(quiet(10)[:samples], flush=True) == []


# --- context cuts


def test_context_is_cut_at_every_hop_with_new_speech_and_only_there() -> None:
    cuts = of(heard(quiet(160), loud(60), quiet(200)), ContextCut)
    assert [cut.decided for cut in cuts] == [175, 200, 225]


def test_nothing_is_cut_in_silence() -> None:
    assert of(heard(quiet(500), flush=True), ContextCut) == []


def test_a_noise_that_is_no_segment_is_not_cut() -> None:
    assert of(heard(quiet(100), loud(3), quiet(100), flush=True), ContextCut) == []


def test_a_context_cut_holds_the_audio_before_its_right_edge() -> None:
    audio = np.concatenate([quiet(160), loud(60)])
    cut = of(heard(audio), ContextCut)[-1]
    np.testing.assert_array_equal(cut.samples, audio[(200 - CONTEXT) * FRAME_SAMPLES : 200 * FRAME_SAMPLES])


def test_a_context_cut_says_which_frames_hold_speech() -> None:
    cut = of(heard(quiet(160), loud(60)), ContextCut)[-1]
    assert np.flatnonzero(cut.speech).tolist() == list(range(110, CONTEXT))


def test_context_is_mirrored_where_the_stream_began() -> None:
    audio = loud(40)
    cut = of(heard(audio), ContextCut)[0]
    near = 25 * FRAME_SAMPLES
    assert cut.samples.shape == (CONTEXT * FRAME_SAMPLES,)
    np.testing.assert_array_equal(cut.samples[-near:], audio[:near])
    np.testing.assert_array_equal(cut.samples[-2 * near : -near], audio[:near][::-1])


def test_mirrored_frames_do_not_count_as_speech() -> None:
    cut = of(heard(loud(40)), ContextCut)[0]
    assert np.flatnonzero(cut.speech).tolist() == list(range(CONTEXT - 25, CONTEXT))


def test_the_end_of_the_stream_cuts_once_more_if_there_is_new_speech() -> None:
    assert [cut.decided for cut in of(heard(quiet(160), loud(33), flush=True), ContextCut)] == [175, 193]


def test_the_end_of_the_stream_cuts_nothing_twice() -> None:
    assert [cut.decided for cut in of(heard(quiet(160), loud(40), flush=True), ContextCut)] == [175, 200]


def test_without_a_context_length_no_context_is_cut() -> None:
    assert of(heard(loud(200), cutting=Cutting(HOP, HORIZON, speech=SPEECH), flush=True), ContextCut) == []


# --- speech cuts


def test_speech_is_cut_at_hops_once_the_segment_is_long_enough() -> None:
    cuts = of(heard(quiet(50), loud(100)), SpeechCut)
    assert [(cut.start, cut.end) for cut in cuts] == [(50, 100), (50, 125), (75, 150)]


def test_a_speech_cut_never_straddles_a_segment() -> None:
    out = heard(quiet(50), loud(80), quiet(30), loud(80), quiet(60), loud(35), quiet(50))
    segments = {edge.start: edge.end for edge in of(out, Closed)}
    cuts = of(out, SpeechCut)
    assert {cut.segment for cut in cuts} == set(segments) == {50, 160, 300}
    assert all(cut.segment <= cut.start < cut.end <= segments[cut.segment] for cut in cuts)


def test_the_last_cut_of_a_segment_ends_with_it() -> None:
    out = heard(quiet(50), loud(95), quiet(60))
    assert of(out, SpeechCut)[-1].end == of(out, Closed)[0].end == 145


def test_the_last_cut_of_a_segment_comes_before_its_end() -> None:
    out = heard(quiet(55), loud(20), quiet(60))
    assert [type(each) for each in out if not isinstance(each, ContextCut)] == [Opened, SpeechCut, Closed]


def test_the_cut_of_a_short_segment_holds_its_speech_only() -> None:
    (cut,) = of(heard(quiet(55), speech := loud(20), quiet(60)), SpeechCut)
    assert (cut.start, cut.end) == (55, 75)
    np.testing.assert_array_equal(cut.samples, speech)


def test_a_segment_shorter_than_the_floor_is_not_cut() -> None:
    assert of(heard(quiet(50), loud(14), quiet(60)), SpeechCut) == []


def test_a_pause_within_a_segment_gives_no_new_cut() -> None:
    assert [cut.end for cut in of(heard(quiet(50), loud(50), quiet(17), loud(8)), SpeechCut)] == [100, 125]


def test_voiced_is_the_part_that_holds_speech() -> None:
    cut = of(heard(quiet(50), loud(40), quiet(15), loud(20)), SpeechCut)[-1]
    assert (cut.start, cut.end, cut.voiced) == (50, 125, pytest.approx(60 / 75))


def test_without_a_speech_length_no_speech_is_cut() -> None:
    assert of(heard(loud(200), cutting=Cutting(HOP, HORIZON, CONTEXT), flush=True), SpeechCut) == []


# --- silence


def test_the_stream_fell_silent_once_one_horizon_after_the_last_speech() -> None:
    out = heard(quiet(50), loud(60), quiet(600))
    assert [each.decided for each in of(out, FellSilent)] == [275]  # the first hop at or after 110 + 150


def test_every_silence_is_told() -> None:
    out = heard(loud(60), quiet(300), loud(60), quiet(300))
    assert len(of(out, FellSilent)) == 2


def test_a_pause_shorter_than_the_horizon_is_not_told() -> None:
    assert of(heard(loud(60), quiet(140), loud(60)), FellSilent) == []


def test_a_stream_that_never_spoke_does_not_fall_silent() -> None:
    assert of(heard(quiet(600)), FellSilent) == []


def test_long_silence_is_reported_once_with_its_level() -> None:
    (report,) = of(heard(quiet(1000)), NoSpeech)
    assert (report.decided, report.seconds) == (300, 6.0)
    assert report.level_db == pytest.approx(-63, abs=1)  # a sine of 0.001


def test_long_silence_is_reported_again_after_speech() -> None:
    reports = of(heard(quiet(400), loud(50), quiet(400)), NoSpeech)
    assert [report.decided for report in reports] == [300, 750]


@pytest.mark.parametrize("hop", [7, 35, 250])
def test_long_silence_is_reported_whatever_the_hop(hop: int) -> None:
    (report,) = of(heard(quiet(1000), cutting=Cutting(hop, HORIZON, CONTEXT, no_speech=300)), NoSpeech)
    assert 300 <= report.decided < 300 + hop


def test_digital_silence_has_a_level_too() -> None:
    (report,) = of(heard(np.zeros(400 * FRAME_SAMPLES, np.float32)), NoSpeech)
    assert report.level_db == pytest.approx(-120)


# --- signal


def test_frames_at_full_scale_are_reported() -> None:
    audio = quiet(100)
    audio[30 * FRAME_SAMPLES : 37 * FRAME_SAMPLES : FRAME_SAMPLES] = -1.0
    assert of(heard(audio), Clipped) == [Clipped(50, 7)]


def test_a_few_frames_at_full_scale_are_no_clipping() -> None:
    audio = quiet(100)
    audio[30 * FRAME_SAMPLES : 34 * FRAME_SAMPLES : FRAME_SAMPLES] = 1.0
    assert of(heard(audio), Clipped) == []


def test_snr_is_speech_against_the_noise_of_pauses() -> None:
    cut = of(heard(quiet(150, 0.001), loud(100, 0.1)), ContextCut)[-1]
    assert cut.snr_db == pytest.approx(40, abs=1)


def test_snr_is_unknown_before_any_pause() -> None:
    assert of(heard(loud(100)), ContextCut)[-1].snr_db is None


def test_the_noise_estimate_follows_the_noise() -> None:
    cut = of(heard(quiet(50, 0.0001), quiet(1000, 0.01), loud(100, 0.1)), ContextCut)[-1]
    assert cut.snr_db == pytest.approx(20, abs=1)


# --- gaps


def test_a_gap_keeps_the_clock() -> None:
    ear = listener()
    out = ear.feed(quiet(50)) + ear.gap(100 * FRAME_SAMPLES) + ear.feed(np.concatenate([loud(30), quiet(50)]))
    assert edges(out) == [Opened(150, 155), Closed(150, 180, 199)]
    assert ear.received_samples == 230 * FRAME_SAMPLES


def test_a_gap_counts_as_silence() -> None:
    ear = listener()
    out = ear.feed(loud(50)) + ear.gap(30 * FRAME_SAMPLES)
    assert edges(out)[-1] == Closed(0, 50, 69)


def test_frames_that_a_gap_touches_hold_no_speech_whatever_the_gate_says(monkeypatch: pytest.MonkeyPatch) -> None:
    class AlwaysSpeech(LoudnessGate):
        def feed(self, samples: Samples) -> bytes:
            return bytes([255]) * (len(samples) // FRAME_SAMPLES)

    monkeypatch.setattr("vad.listener.WebrtcDetector", AlwaysSpeech)
    ear = listener()
    part = FRAME_SAMPLES // 2
    out = ear.feed(loud(50)[:-part]) + ear.gap(48 * FRAME_SAMPLES + 2 * part) + ear.feed(loud(51)[part:])
    assert edges(out)[1:] == [Closed(0, 49, 68), Opened(99, 104)]


@given(st.lists(st.integers(1, 9_000), max_size=10))
@settings(max_examples=10, deadline=None)
def test_a_gap_cut_in_parts_is_one_gap(sizes: list[int]) -> None:
    total = 20 * FRAME_SAMPLES
    whole, cut = listener(), listener()
    one = whole.feed(loud(33)) + whole.gap(total) + whole.feed(loud(40))
    parts = cut.feed(loud(33))
    for size in sizes:
        size = min(size, total)
        total -= size
        parts += cut.gap(size)
    assert same(parts + cut.gap(total) + cut.feed(loud(40)), one)


# --- a judge behind the gate


def judgement_free(ear: Listener) -> dict[int, int]:
    """The blocks that wait, as first frame -> frames."""
    return {start: end - start for start, end, _ in ear.take_unjudged()}


ONES, ZEROS = bytes([255] * 5), bytes(5)


def test_only_what_the_gate_lets_pass_is_judged() -> None:
    ear = listener(judged=True)
    ear.feed(np.concatenate([quiet(50), loud(12), quiet(38)]))
    assert judgement_free(ear) == {50: 15}


def test_with_silero_alone_all_but_silence_is_judged() -> None:
    ear = listener(judged=True, backend="silero")
    muted = np.zeros(10 * FRAME_SAMPLES, np.float32)
    ear.feed(np.concatenate([quiet(10), loud(3), muted, quiet(7)]))
    assert judgement_free(ear) == {0: 15, 20: 10}


def test_with_webrtcvad_alone_nothing_is_judged() -> None:
    ear = listener(judged=True, backend="webrtcvad")
    out = ear.feed(np.concatenate([quiet(50), loud(20), quiet(50)]))
    assert judgement_free(ear) == {}
    assert edges(out) == [Opened(50, 55), Closed(50, 70, 89)]


def test_a_block_comes_with_the_audio_before_it() -> None:
    audio = np.concatenate([quiet(50), loud(5)])
    ear = listener(judged=True)
    ear.feed(audio)
    ((start, end, window),) = ear.take_unjudged()
    assert (start, end) == (50, 55)
    np.testing.assert_array_equal(window, audio[(55 - JUDGED_FRAMES) * FRAME_SAMPLES :])


def test_before_the_stream_began_there_was_silence() -> None:
    audio = loud(10)
    ear = listener(judged=True)
    ear.feed(audio)
    ((start, end, window),) = ear.take_unjudged()
    assert (start, end, len(window)) == (0, 10, (JUDGED_FRAMES + 5) * FRAME_SAMPLES)
    assert not window[: -len(audio)].any()
    np.testing.assert_array_equal(window[-len(audio) :], audio)


def test_of_a_longer_judgement_the_last_frames_count() -> None:
    ear = listener(judged=True)
    out = ear.feed(np.concatenate([quiet(50), loud(13)])) + ear.finish_hearing()
    blocks = judgement_free(ear)
    assert blocks == {50: 10, 60: 3}
    for frame in blocks:
        out += ear.judge(frame, bytes([0, 0]) + bytes([255]) * 8)
    assert edges(out + ear.flush())[-1] == Closed(52, 63, 63)


def test_nothing_is_decided_past_a_block_that_waits_for_its_judge() -> None:
    ear = listener(judged=True)
    ear.feed(np.concatenate([quiet(50), loud(5), quiet(500)]))
    assert (ear.frame, ear.waiting) == (50, True)
    ear.judge(50, ZEROS)
    assert (ear.frame, ear.waiting) == (555, False)


def test_the_judge_overrules_the_gate() -> None:
    ear = listener(judged=True)
    out = ear.feed(np.concatenate([quiet(50), loud(20), quiet(50)]))
    for frame, count in judgement_free(ear).items():
        out += ear.judge(frame, bytes(count))
    assert edges(out) == []


def test_where_the_judge_failed_the_gate_stands() -> None:
    ear = listener(judged=True)
    out = ear.feed(np.concatenate([quiet(50), loud(20), quiet(50)]))
    for frame in judgement_free(ear):
        out += ear.judge(frame, None)
    assert edges(out) == [Opened(50, 55), Closed(50, 70, 89)]


@given(st.permutations([50, 55, 60, 65]))
@settings(max_examples=10, deadline=None)
def test_judgements_may_come_in_any_order(order: list[int]) -> None:
    ear = listener(judged=True)
    out = [each for part in (quiet(50), *[loud(5)] * 4, quiet(50)) for each in ear.feed(part)]
    for frame in order:
        out += ear.judge(frame, ZEROS if frame == 50 else ONES)
    assert edges(out) == [Opened(55, 60), Closed(55, 70, 89)]


def test_a_judge_who_is_far_behind_loses_no_audio() -> None:
    audio = np.concatenate([quiet(20), loud(60), quiet(3000)])
    ear = listener(judged=True)
    ear.feed(audio)
    out = [each for frame, count in judgement_free(ear).items() for each in ear.judge(frame, bytes([255]) * count)]
    assert same(out, heard(audio))


def test_a_run_of_blocks_is_judged_at_once_and_is_never_long() -> None:
    ear = listener(judged=True)
    ear.feed(np.concatenate([quiet(10), loud(120), quiet(5), loud(5)]))
    assert judgement_free(ear) == {10: 50, 60: 50, 110: 20, 135: 5}


def test_a_judgement_that_is_too_short_is_none() -> None:
    ear = listener(judged=True)
    out = ear.feed(np.concatenate([quiet(50), loud(20), quiet(50)]))
    out += ear.judge(50, ZEROS)
    assert edges(out) == [Opened(50, 55), Closed(50, 70, 89)]


def test_memory_does_not_grow_with_the_stream() -> None:
    ear = listener()
    for _ in range(60):
        ear.feed(quiet(250))
    assert ear.received_samples - ear._history.start < 40 * 16_000


# --- a hop that is changed


def changing(audio: Samples, hops: dict[int, int], cutting: Cutting = CUTTING, phase: int = 0) -> list[Occurrence]:
    """All occurrences, with another hop from the frames on that `hops` names; these are whole blocks. Cuts come `phase`
    after the multiples of a hop that is not HOP."""
    ear, out, at = listener(cutting), [], 0
    for frame in [*sorted(hops), len(audio) // FRAME_SAMPLES]:
        out += ear.feed(audio[at * FRAME_SAMPLES : frame * FRAME_SAMPLES])
        hop = hops.get(frame, HOP)
        ear.set_hop(hop, 0 if hop == HOP else phase)
        at = frame
    return out + ear.finish_hearing() + ear.flush()


def test_cuts_come_at_multiples_of_the_new_hop_from_then_on_and_back() -> None:
    out = changing(np.concatenate([quiet(50), loud(500)]), {210: 50, 420: HOP})
    looks = [cut.decided for cut in of(out, ContextCut)]
    assert looks == [*range(75, 201, 25), *range(250, 401, 50), *range(425, 551, 25)]
    assert [cut.decided for cut in of(out, SpeechCut)] == looks[1:]


def test_with_a_phase_cuts_come_so_much_after_the_multiples_of_the_hop() -> None:
    audio = np.concatenate([quiet(50), loud(600)])
    looks = [cut.decided for cut in of(changing(audio, {210: 100, 520: HOP}, phase=75), ContextCut)]
    assert looks == [*range(75, 201, 25), 275, 375, 475, *range(525, 651, 25)]


def test_a_call_that_begins_with_a_wide_hop_looks_first_after_its_phase() -> None:
    ear = listener()
    ear.set_hop(100, 25)
    assert [cut.decided for cut in of(ear.feed(loud(400)), ContextCut)] == [25, 125, 225, 325]


def test_what_came_before_a_change_of_the_hop_is_looked_at_too() -> None:
    """The last look at the narrow hop was at frame 200, the next of the wide one with its phase at 275."""
    audio = np.concatenate([quiet(205), loud(40), quiet(300)])
    silences = [
        [each.decided for each in of(changing(audio, {205: 100} if wide else {}, phase=75), FellSilent)]
        for wide in (False, True)
    ]
    assert silences == [[400], [475]]


@given(
    turns=st.dictionaries(st.integers(1, 150).map(lambda block: 5 * block), st.sampled_from([25, 50, 100])),
    phase=st.sampled_from([0, 25, 75]),
    spoken=st.lists(st.integers(15, 160), min_size=1, max_size=4),
    silent=st.integers(1, 120),
)
@settings(max_examples=40, deadline=None)
def test_no_speech_is_lost_however_the_hop_is_changed(
    turns: dict[int, int], phase: int, spoken: list[int], silent: int
) -> None:
    audio = np.concatenate([part for frames in spoken for part in (quiet(silent), loud(frames))] + [quiet(60)])
    hops = {frame: hop for frame, hop in turns.items() if frame * FRAME_SAMPLES < len(audio)}
    out = changing(audio, hops, phase=phase)
    speech = {frame for edge in of(out, Closed) for frame in range(edge.start, edge.end)}
    assert len(speech) >= sum(spoken)
    cuts = of(out, ContextCut)
    known = {frame for cut in cuts for frame, holds in enumerate(cut.speech.tolist(), cut.decided - CONTEXT) if holds}
    assert {frame for frame in speech if loud_at(audio, frame)} <= known
    for cut in cuts:
        at = cut.decided * FRAME_SAMPLES
        np.testing.assert_array_equal(cut.samples[-min(at, CONTEXT * FRAME_SAMPLES) :], audio[:at][-len(cut.samples) :])


def loud_at(audio: Samples, frame: int) -> bool:
    return bool(np.abs(audio[frame * FRAME_SAMPLES : (frame + 1) * FRAME_SAMPLES]).max() >= 0.02)


@pytest.mark.parametrize("hop", [50, 75])
def test_the_cuts_of_speech_leave_nothing_out_while_a_hop_is_no_longer_than_they_are(hop: int) -> None:
    out = changing(np.concatenate([quiet(50), loud(500), quiet(60), loud(130), quiet(60)]), {155: hop, 400: HOP})
    segments = [(edge.start, edge.end) for edge in of(out, Closed)]
    assert len(segments) == 2
    cut = {frame for each in of(out, SpeechCut) for frame in range(each.start, each.end)}
    assert cut == {frame for start, end in segments for frame in range(start, end)}


def test_a_hop_is_never_wider_than_the_audio_that_is_kept() -> None:
    audio = np.concatenate([quiet(50), loud(900)])
    cuts = of(changing(audio, {100: 10_000}), ContextCut)
    assert [cut.decided for cut in cuts][:4] == [75, 100, 145, 290]
    np.testing.assert_array_equal(cuts[3].samples, audio[(290 - CONTEXT) * FRAME_SAMPLES : 290 * FRAME_SAMPLES])


def test_edges_do_not_depend_on_the_hop() -> None:
    audio = np.concatenate([quiet(50), loud(60), quiet(80), loud(200), quiet(90), loud(33), quiet(200)])
    assert edges(changing(audio, {100: 100, 300: 50, 505: HOP})) == edges(heard(audio, flush=True))


def test_silence_is_told_also_where_the_hop_is_wide() -> None:
    out = changing(np.concatenate([quiet(50), loud(60), quiet(600)]), {115: 100})
    assert [each.decided for each in of(out, FellSilent)] == [300]
    assert [each.decided for each in of(out, NoSpeech)] == [500]


@given(st.lists(st.integers(1, 9_000), max_size=25))
@settings(max_examples=10, deadline=None)
def test_a_hop_that_is_changed_at_the_same_frame_gives_equal_occurrences_for_any_chunking(sizes: list[int]) -> None:
    audio = np.concatenate([quiet(37), loud(101), quiet(9), loud(150), quiet(333), loud(12), quiet(3)])
    turns = {100: 100, 250: HOP}
    ear, out, at = listener(), [], 0
    for frame in [*turns, len(audio) // FRAME_SAMPLES]:
        for piece in pieces(audio[at * FRAME_SAMPLES : frame * FRAME_SAMPLES], sizes):
            out += ear.feed(piece)
        ear.set_hop(turns.get(frame, HOP))
        at = frame
    assert same(out + ear.finish_hearing() + ear.flush(), changing(audio, turns))
