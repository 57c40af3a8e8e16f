"""Each stream's new audio, whatever the windows."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from inference.features import HISTORY_SAMPLES
from inference.stretches import BATCH_FRAMES, Memory, Stretch, batches, cuts, padded, stretches
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


def audio_of(stretch: Stretch) -> NDArray[np.float32]:
    row = np.full(HISTORY_SAMPLES + stretch.frames * FRAME, np.nan, np.float32)
    stretch.write(row)
    return row


def test_the_first_window_of_a_stream_is_all_new() -> None:
    (stretch,) = stretches([window(Stream(), 0, 50)])
    assert (stretch.frames, stretch.joined, stretch.parts) == (50, False, [(0, 0, 0, 50)])
    np.testing.assert_array_equal(audio_of(stretch), np.concatenate([np.zeros(HISTORY_SAMPLES), AUDIO[: 50 * FRAME]]))


def test_what_was_heard_is_not_heard_again_but_known_before_the_new() -> None:
    (stretch,) = stretches([window(remembered(60), 20, 85)])
    assert (stretch.frames, stretch.joined, stretch.parts) == (25, True, [(0, 40, 0, 25)])
    np.testing.assert_array_equal(audio_of(stretch), AUDIO[60 * FRAME - HISTORY_SAMPLES : 85 * FRAME])


def test_windows_of_one_stream_become_one_stretch() -> None:
    stream, other = Stream(), Stream()
    one, two = stretches([window(stream, 0, 25), window(other, 0, 30), window(stream, 0, 50), window(stream, 25, 75)])
    assert (one.stream, one.frames) == (stream, 75)
    assert one.parts == [(0, 0, 0, 25), (2, 25, 25, 50), (3, 25, 50, 75)]
    assert (two.stream, two.frames, two.parts) == (other, 30, [(1, 0, 0, 30)])


def test_after_a_gap_a_stretch_begins_with_the_window() -> None:
    (stretch,) = stretches([window(remembered(10), 20, 60)])
    assert (stretch.frames, stretch.joined) == (40, False)
    assert not audio_of(stretch)[:HISTORY_SAMPLES].any()


def test_a_gap_between_windows_splits_the_stretch() -> None:
    stream = Stream()
    first, second = stretches([window(stream, 0, 30), window(stream, 40, 60)])
    assert (first.frames, second.frames, second.joined) == (30, 20, False)
    assert [len(batch) for batch in batches([first, second], 8)] == [1, 1]


def test_a_window_that_reaches_back_before_the_call_begins_with_the_call() -> None:
    mirrored = np.concatenate([AUDIO[: 20 * FRAME][::-1], AUDIO[: 20 * FRAME]])
    (stretch,) = stretches([Window(0, Role.EMOTION, 0, 20 * FRAME, mirrored)])
    assert (stretch.frames, stretch.parts) == (20, [(0, 20, 0, 20)])
    np.testing.assert_array_equal(audio_of(stretch)[HISTORY_SAMPLES:], AUDIO[: 20 * FRAME])


def test_of_what_is_new_only_what_is_wanted_is_taken() -> None:
    wide = replace(window(remembered(50), 20, 150), wanted=25 * FRAME)
    (stretch,) = stretches([wide])
    assert (stretch.frames, stretch.joined, stretch.parts) == (25, False, [(0, 105, 0, 25)])
    np.testing.assert_array_equal(audio_of(stretch), AUDIO[125 * FRAME - HISTORY_SAMPLES : 150 * FRAME])


def test_where_less_is_new_than_is_wanted_all_of_it_is_taken() -> None:
    (stretch,) = stretches([replace(window(remembered(50), 20, 60), wanted=25 * FRAME)])
    assert (stretch.frames, stretch.joined) == (10, True)


def test_a_window_without_anything_new_has_an_empty_part() -> None:
    (stretch,) = stretches([window(remembered(50), 10, 50)])
    assert (stretch.frames, stretch.parts) == (0, [(0, 40, 0, 0)])
    assert list(batches([stretch], 8)) == []


def paused(stream: Stream, start: int, end: int, speech_from: int) -> Window:
    """As `window`, with speech from frame `speech_from` on."""
    plain = window(stream, start, end)
    return replace(plain, speech=np.arange(start, end) >= speech_from)


def test_a_pause_before_new_speech_is_left_out_but_for_its_end() -> None:
    (stretch,) = stretches([paused(remembered(60), 20, 160, 140)], lead_frames=25)
    assert (stretch.frames, stretch.joined, stretch.parts) == (45, False, [(0, 95, 0, 45)])
    np.testing.assert_array_equal(audio_of(stretch), AUDIO[115 * FRAME - HISTORY_SAMPLES : 160 * FRAME])


def test_a_short_pause_or_an_unknown_one_is_heard() -> None:
    for given in (paused(remembered(60), 20, 100, 85), window(remembered(60), 20, 160)):
        (stretch,) = stretches([given], lead_frames=25)
        assert stretch.joined
        assert stretch.frames == given.end_sample // FRAME - 60


def test_a_pause_within_a_stream_splits_the_stretch() -> None:
    stream = Stream()
    first, second = stretches([window(stream, 0, 30), paused(stream, 0, 130, 110)], lead_frames=25)
    assert (first.frames, second.frames, second.parts) == (30, 45, [(1, 85, 0, 45)])


def cost(lengths: list[int], ends: list[int]) -> int:
    begins = [0, *ends[:-1]]
    return sum((end - begin) * lengths[end - 1] + BATCH_FRAMES for begin, end in zip(begins, ends, strict=True))


def test_batches_are_cut_where_padding_would_cost_more_than_a_batch() -> None:
    assert cuts([20, *[25] * 12, 26, 27, 30], 64) == [16]
    assert cuts([*[25] * 30, 50, 50], 64) == [30, 32]
    assert cuts([25] * 70, 32)[-1] == 70
    assert cuts([], 8) == []


def test_no_other_cuts_would_cost_less() -> None:
    rng = np.random.default_rng(3)
    for _ in range(30):
        lengths = sorted(rng.integers(1, 120, size=int(rng.integers(1, 9))).tolist())
        places = range(1, len(lengths))
        every = [[*some, len(lengths)] for count in range(len(lengths)) for some in combinations(places, count)]
        allowed = [ends for ends in every if max(np.diff([0, *ends])) <= 4]
        found = cuts(lengths, 4)
        assert max(np.diff([0, *found])) <= 4
        assert cost(lengths, found) == min(cost(lengths, ends) for ends in allowed)
        assert cost(lengths, cuts(lengths, 64)) == min(cost(lengths, ends) for ends in every)


def test_batches_hold_every_stretch_once() -> None:
    lengths = (25, 25, 200, 25, 30, 160)
    found = list(batches(stretches([window(Stream(), 0, min(200, frames)) for frames in lengths]), 3))
    assert sorted(stretch.frames for batch in found for stretch in batch) == sorted(lengths)
    assert max(len(batch) for batch in found) <= 3


def test_a_batch_is_padded_with_zeros_at_its_end() -> None:
    (batch,) = batches(stretches([window(Stream(), 0, 20), window(Stream(), 0, 35)]), 8)
    audio, lengths = padded(batch)
    assert lengths.tolist() == [20, 35]
    assert audio.shape == (2, HISTORY_SAMPLES + 35 * FRAME)
    assert not audio[0, HISTORY_SAMPLES + 20 * FRAME :].any()
