"""Whatever its length, each frame of a recording is asked about once, in windows that the model can take."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.cutting import MARGIN_SAMPLES, WINDOW_SAMPLES, CausalCutter, Cutter, Piece, WholeCutter

FRAME = 320
LONGEST = 30 * 16_000


def pieces_of(cutter: Cutter, frames: int, block: int) -> tuple[list[Piece], np.ndarray]:
    """The pieces of a recording whose samples count up, given in blocks of so many frames."""
    audio = np.arange(frames * FRAME, dtype=np.float32)
    out: list[Piece] = []
    for at in range(0, len(audio), block * FRAME):
        piece = audio[at : at + block * FRAME]
        out += cutter.feed(piece, np.arange(len(piece) // FRAME) % 3 == 0)
    return [*out, *cutter.finish()], audio


def check(pieces: list[Piece], audio: np.ndarray, longest: int) -> None:
    frames = len(audio) // FRAME
    assert [frame for piece in pieces for frame in range(piece.first, piece.last)] == list(range(frames))
    for piece in pieces:
        start = piece.end - len(piece.samples)
        np.testing.assert_array_equal(piece.samples, audio[start : piece.end])
        assert len(piece.samples) <= longest
        assert start <= piece.first * FRAME
        assert piece.last * FRAME <= piece.end
        assert len(piece.voiced) == len(piece.samples) // FRAME


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4000), st.sampled_from([5, 150, 400]))
def test_a_model_that_hears_whole_windows(frames: int, block: int) -> None:
    pieces, audio = pieces_of(WholeCutter(LONGEST), frames, block)
    check(pieces, audio, LONGEST)
    if len(audio) <= LONGEST:
        assert len(pieces) == 1
    for piece in pieces[1:-1]:
        assert len(piece.samples) == WINDOW_SAMPLES
        assert piece.first * FRAME == piece.end - WINDOW_SAMPLES + MARGIN_SAMPLES


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 1000), st.sampled_from([5, 150, 400]))
def test_a_model_that_remembers_its_stream(frames: int, block: int) -> None:
    pieces, audio = pieces_of(CausalCutter(151 * FRAME), frames, block)
    check(pieces, audio, 151 * FRAME)
    for before, piece in pairwise(pieces):
        assert piece.end - len(piece.samples) == before.end - FRAME


def test_a_part_of_a_frame_at_the_end_reaches_a_model_that_hears_it_whole() -> None:
    samples, voiced = np.zeros(5 * FRAME + 100, np.float32), np.ones(5, np.bool_)
    whole, causal = WholeCutter(LONGEST), CausalCutter(151 * FRAME)
    (piece,) = [*whole.feed(samples, voiced), *whole.finish()]
    assert len(piece.samples) == len(samples)
    (piece,) = causal.feed(samples, voiced)
    assert len(piece.samples) == 5 * FRAME
