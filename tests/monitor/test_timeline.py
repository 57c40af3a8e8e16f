"""Per frame the answer of the window in which it lay nearest the middle; older ones as sums per second."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.analysis import EmotionAnalysis
from monitor.timeline import KEPT_FRAMES, KEPT_SECONDS, FrameTimeline, Span

WINDOW = 100


def analysis(frames: int, value: float) -> EmotionAnalysis:
    return EmotionAnalysis(np.full((frames, 9), value, np.float32), np.full(frames, -value, np.float32))


def apply(
    timeline: FrameTimeline, end: int, value: float = 1.0, speech: range | None = None, given: int = WINDOW
) -> None:
    """A window that says `value` of all its frames; `speech`: absolute frames, None for all."""
    at = np.arange(end - WINDOW, end)
    mask = np.ones(WINDOW, np.bool_) if speech is None else np.isin(at, speech)
    timeline.apply(end, mask, analysis(given, value))


def values(timeline: FrameTimeline, start: int, end: int) -> list[float]:
    return timeline.logits(start, end)[0][:, 0].tolist()


def spoken(seconds: int) -> FrameTimeline:
    """A window at every second, the one that ends at second n saying n."""
    timeline = FrameTimeline()
    for second in range(1, seconds + 1):
        apply(timeline, second * 50, float(second))
    return timeline


def test_an_empty_timeline_says_nothing() -> None:
    assert FrameTimeline().span(-100, 100).frames == 0


def test_a_span_sums_logits_arousal_and_frames() -> None:
    timeline = FrameTimeline()
    apply(timeline, 100, 2.0)
    span = timeline.span(10, 40)
    assert (span.logits.tolist(), span.arousal, span.frames) == ([60.0] * 9, -60.0, 30)


def test_spans_add_up() -> None:
    total = Span(np.ones(9), 1.0, 2) + Span(np.full(9, 2.0), 3.0, 5)
    assert (total.logits.tolist(), total.arousal, total.frames) == ([3.0] * 9, 4.0, 7)


def test_a_frame_has_the_answer_of_the_window_in_which_it_lay_nearest_the_middle() -> None:
    timeline = FrameTimeline()
    apply(timeline, 100, 1.0)
    apply(timeline, 150, 2.0)
    assert values(timeline, 0, 150) == [1.0] * 76 + [2.0] * 74  # frame 75 lies as near; the first answer stays


def test_the_newest_frames_are_provisional() -> None:
    timeline = FrameTimeline()
    apply(timeline, 100, 1.0)
    before = values(timeline, 99, 100)
    apply(timeline, 150, 2.0)
    assert (before, values(timeline, 99, 100)) == ([1.0], [2.0])


def test_a_frame_nearer_the_middle_before_keeps_its_answer() -> None:
    timeline = FrameTimeline()
    apply(timeline, 100, 1.0)
    apply(timeline, 102, 2.0)
    assert values(timeline, 50, 51) == [1.0]


def test_frames_without_speech_do_not_count() -> None:
    timeline = FrameTimeline()
    apply(timeline, 100, 1.0, speech=range(20, 30))
    assert timeline.span(0, 100).frames == 10


def test_the_newest_window_says_what_is_speech() -> None:
    timeline = FrameTimeline()
    apply(timeline, 100, 1.0, speech=range(50, 100))
    apply(timeline, 150, 1.0, speech=range(50, 80))
    assert timeline.span(0, 150).frames == 30


def test_a_window_with_fewer_answers_than_frames_leaves_its_last_frames_unsaid() -> None:
    timeline = FrameTimeline()
    apply(timeline, 100, 1.0, given=97)
    assert timeline.span(0, 100).frames == 97
    assert timeline.logits(95, 100)[1].tolist() == [True, True, False, False, False]


def test_a_window_that_begins_before_the_call_fills_only_what_is_in_it() -> None:
    timeline = FrameTimeline()
    rising = np.repeat(np.arange(WINDOW, dtype=np.float32)[:, None], 9, axis=1)
    timeline.apply(30, np.ones(WINDOW, np.bool_), EmotionAnalysis(rising, rising[:, 0]))
    assert values(timeline, 0, 30) == list(range(70, 100))


def test_a_short_first_window_with_fewer_answers_is_laid_right() -> None:
    timeline = FrameTimeline()
    apply(timeline, 30, 1.0, given=80)
    assert timeline.span(0, 30).frames == 10


def test_frames_between_two_windows_are_silence() -> None:
    timeline = FrameTimeline()
    apply(timeline, 100)
    apply(timeline, 400)
    assert timeline.span(100, 300).frames == 0
    assert timeline.span(0, 400).frames == 200


def test_single_frames_are_kept_for_a_minute() -> None:
    assert len(spoken(70).logits(0, 3500)[0]) == KEPT_FRAMES


def test_folding_into_seconds_changes_no_sum() -> None:
    young, old = spoken(50), spoken(200)
    for start, end in ((0, 2400), (500, 1000), (150, 200)):
        np.testing.assert_allclose(old.span(start, end).logits, young.span(start, end).logits)
        assert old.span(start, end).frames == young.span(start, end).frames == end - start


def test_a_span_over_the_fold_is_the_sum_of_both_sides() -> None:
    timeline = spoken(100)
    fold = 100 * 50 - KEPT_FRAMES
    assert timeline.span(fold - 500, fold + 500).frames == 1000
    np.testing.assert_allclose(
        timeline.span(fold - 500, fold + 500).logits,
        (timeline.span(fold - 500, fold) + timeline.span(fold, fold + 500)).logits,
    )


def test_a_second_covered_in_part_counts_in_part() -> None:
    timeline = spoken(200)
    assert timeline.span(100, 125).frames == 25
    np.testing.assert_allclose(timeline.span(100, 125).logits * 2, timeline.span(100, 150).logits)


def test_speech_folds_as_it_was_masked() -> None:
    timeline = FrameTimeline()
    apply(timeline, 100, 1.0, speech=range(20, 30))
    apply(timeline, 100 + KEPT_FRAMES)
    assert timeline.span(0, 100).frames == 10


LONG = spoken(100)


@given(st.lists(st.integers(0, 5_000), min_size=3, max_size=3).map(sorted))
@settings(max_examples=60, deadline=None)
def test_spans_are_additive(cuts: list[int]) -> None:
    start, middle, end = cuts
    whole, parts = LONG.span(start, end), LONG.span(start, middle) + LONG.span(middle, end)
    np.testing.assert_allclose(parts.logits, whole.logits, atol=1e-6)
    assert parts.arousal == pytest.approx(whole.arousal)
    assert abs(parts.frames - whole.frames) <= 1  # a second in part may round


@pytest.mark.parametrize("silence_s", [59, 61, 119, 121, 600, 2 * 3600, 4 * 3600, 30 * 3600])
def test_a_long_silence_between_windows_loses_nothing_of_the_last_minutes(silence_s: int) -> None:
    timeline = spoken(10)
    again = 500 + silence_s * 50
    for second in range(1, 100):
        apply(timeline, again + second * 50)
    assert timeline.span(again, again + 99 * 50).frames == 99 * 50
    assert timeline.span(600, again - 60).frames == 0


def test_what_was_said_before_a_long_silence_is_still_known() -> None:
    timeline = spoken(10)
    for second in range(1, 100):
        apply(timeline, 1800 * 50 + second * 50)
    assert timeline.span(0, 500).frames == 500


def test_two_hours_are_kept() -> None:
    timeline = FrameTimeline()
    every = 10 * KEPT_FRAMES
    for end in range(every, 45 * every, every):
        apply(timeline, end)
        heard = min(end, KEPT_SECONDS * 50) // every
        assert timeline.span(end - KEPT_SECONDS * 50, end).frames == heard * WINDOW


def test_memory_ends_somewhere() -> None:
    timeline = FrameTimeline()
    for hour in range(40):
        for minute in range(1, 3):
            apply(timeline, hour * 60 * KEPT_FRAMES + minute * KEPT_FRAMES)
    assert len(timeline._seconds) <= 2 * KEPT_SECONDS
