"""Each stream's new audio, whatever the windows."""

from __future__ import annotations

import numpy as np

from inference.features import HISTORY_SAMPLES
from inference.stretches import Memory, batches, padded, stretches
from monitor.analysis import Role, Stream, Window

FRAME = 320
AUDIO = np.arange(1, 200 * FRAME + 1, dtype=np.float32)


def window(stream: Stream, start: int, end: int) -> Window:
    """Frames [start, end) of the stream."""
    return Window(0, Role.EMOTION, 0, end * FRAME, AUDIO[start * FRAME : end * FRAME], stream)


def remembered(end: int) -> Stream:
    stream = Stream()
    stream.memory = Memory(end * FRAME, np.zeros(3, np.float32))
    return stream


def test_the_first_window_of_a_stream_is_all_new() -> None:
    (stretch,) = stretches([window(Stream(), 0, 50)])
    assert (stretch.frames, stretch.joined, stretch.parts) == (50, False, [(0, 0, 0, 50)])
    np.testing.assert_array_equal(stretch.audio, np.concatenate([np.zeros(HISTORY_SAMPLES), AUDIO[: 50 * FRAME]]))


def test_what_was_heard_is_not_heard_again_but_known_before_the_new() -> None:
    (stretch,) = stretches([window(remembered(60), 20, 85)])
    assert (stretch.frames, stretch.joined, stretch.parts) == (25, True, [(0, 40, 0, 25)])
    np.testing.assert_array_equal(stretch.audio, AUDIO[60 * FRAME - HISTORY_SAMPLES : 85 * FRAME])


def test_windows_of_one_stream_become_one_stretch() -> None:
    stream, other = Stream(), Stream()
    one, two = stretches([window(stream, 0, 25), window(other, 0, 30), window(stream, 0, 50), window(stream, 25, 75)])
    assert (one.stream, one.frames) == (stream, 75)
    assert one.parts == [(0, 0, 0, 25), (2, 25, 25, 50), (3, 25, 50, 75)]
    assert (two.stream, two.frames, two.parts) == (other, 30, [(1, 0, 0, 30)])


def test_after_a_gap_a_stretch_begins_with_the_window() -> None:
    (stretch,) = stretches([window(remembered(10), 20, 60)])
    assert (stretch.frames, stretch.joined) == (40, False)
    assert not stretch.audio[:HISTORY_SAMPLES].any()


def test_a_gap_between_windows_splits_the_stretch() -> None:
    stream = Stream()
    first, second = stretches([window(stream, 0, 30), window(stream, 40, 60)])
    assert (first.frames, second.frames, second.joined) == (30, 20, False)
    assert [len(batch) for batch in batches([first, second], 8)] == [1, 1]


def test_a_window_that_reaches_back_before_the_call_begins_with_the_call() -> None:
    mirrored = np.concatenate([AUDIO[: 20 * FRAME][::-1], AUDIO[: 20 * FRAME]])
    (stretch,) = stretches([Window(0, Role.EMOTION, 0, 20 * FRAME, mirrored)])
    assert (stretch.frames, stretch.parts) == (20, [(0, 20, 0, 20)])
    np.testing.assert_array_equal(stretch.audio[HISTORY_SAMPLES:], AUDIO[: 20 * FRAME])


def test_a_window_without_anything_new_has_an_empty_part() -> None:
    (stretch,) = stretches([window(remembered(50), 10, 50)])
    assert (stretch.frames, stretch.parts) == (0, [(0, 40, 0, 0)])
    assert list(batches([stretch], 8)) == []


def test_batches_hold_stretches_of_similar_length_and_at_most_so_many() -> None:
    found = stretches([window(Stream(), 0, frames) for frames in (25, 25, 100, 25, 30, 160)])
    sizes = [sorted(stretch.frames for stretch in batch) for batch in batches(found, 3)]
    assert sizes == [[25, 25, 25], [30], [100, 160]]


def test_a_batch_is_padded_with_zeros_at_its_end() -> None:
    (batch,) = batches(stretches([window(Stream(), 0, 20), window(Stream(), 0, 35)]), 8)
    audio, lengths = padded(batch)
    assert lengths.tolist() == [20, 35]
    assert audio.shape == (2, HISTORY_SAMPLES + 35 * FRAME)
    assert not audio[0, HISTORY_SAMPLES + 20 * FRAME :].any()
