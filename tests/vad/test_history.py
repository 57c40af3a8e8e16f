"""A history answers by absolute sample index and stays small."""

from __future__ import annotations

import numpy as np
import pytest

from vad.history import AudioHistory, lookback
from vad.pcm import Samples


def ramp(start: int, end: int) -> Samples:
    """Samples that say where they stand."""
    return np.arange(start, end, dtype=np.float32)


def filled(end: int) -> AudioHistory:
    history = AudioHistory()
    history.append(ramp(0, end))
    return history


def test_samples_are_found_where_they_were_put() -> None:
    history = filled(1_000)
    history.append(ramp(1_000, 100_000))
    np.testing.assert_array_equal(history.view(999, 70_000), ramp(999, 70_000))
    assert history.end == 100_000


def test_samples_keep_their_index_after_others_were_discarded() -> None:
    history = filled(50_000)
    history.discard_before(40_000)
    history.append(ramp(50_000, 60_000))
    np.testing.assert_array_equal(history.view(40_000, 60_000), ramp(40_000, 60_000))


def test_nothing_from_the_index_on_is_discarded() -> None:
    history = filled(100_000)
    history.discard_before(90_000)
    assert history.start <= 90_000


def test_memory_is_bounded_by_what_is_kept() -> None:
    history = AudioHistory()
    for start in range(0, 3_000_000, 5_000):
        history.append(ramp(start, start + 5_000))
        history.discard_before(start - 10_000)
        assert history.end - history.start < 70_000


def test_a_burst_does_not_keep_its_memory() -> None:
    history = filled(2_000_000)
    history.discard_before(1_999_000)
    history.append(ramp(2_000_000, 2_000_010))
    assert len(history._buffer) < 70_000
    np.testing.assert_array_equal(history.view(1_999_000, 2_000_010), ramp(1_999_000, 2_000_010))


def test_discarding_beyond_the_end_leaves_an_empty_history_that_goes_on() -> None:
    history = filled(40_000)
    history.discard_before(90_000)
    history.append(ramp(40_000, 40_010))
    np.testing.assert_array_equal(history.view(40_000, 40_010), ramp(40_000, 40_010))


@pytest.mark.parametrize(("start", "end"), [(10_000, 10_001), (49_999, 50_001), (45_000, 44_000)])
def test_what_is_not_there_cannot_be_viewed(start: int, end: int) -> None:
    history = filled(50_000)
    history.discard_before(40_000)
    with pytest.raises(IndexError, match=r"are not in \[40000, 50000\)"):
        history.view(start, end)


def test_lookback_gives_the_samples_before_an_index() -> None:
    np.testing.assert_array_equal(lookback(filled(1_000), 900, 300), ramp(600, 900))


def test_lookback_is_mirrored_at_the_start_of_the_stream() -> None:
    assert lookback(filled(1_000), 3, 5).tolist() == [1.0, 0.0, 0.0, 1.0, 2.0]


def test_lookback_mirrors_as_often_as_needed() -> None:
    assert lookback(filled(2), 2, 7).tolist() == [0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0]


def test_later_audio_does_not_change_what_was_viewed() -> None:
    history = filled(40_000)
    views = {start: history.view(start, start + 10) for start in range(0, 40_000, 1_000)}
    window = lookback(history, 40_000, 10)
    for _ in range(50):
        history.discard_before(history.end - 5_000)
        history.append(np.zeros(3_000, np.float32))
    for start, view in views.items():
        np.testing.assert_array_equal(view, ramp(start, start + 10))
    np.testing.assert_array_equal(window, ramp(39_990, 40_000))


def test_there_is_no_lookback_on_an_empty_stream() -> None:
    with pytest.raises(IndexError, match="no audio"):
        lookback(AudioHistory(), 0, 5)
