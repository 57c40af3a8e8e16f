"""From decoded pieces to 16 kHz: nothing is moved by what is missing."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_server.webrtc.audio import TrackAudio
from vad.grid import SAMPLE_RATE_HZ
from vad.resample import Resampler

PIECE = 960


def tone(pieces: int, hz: float = 440.0, rate_hz: int = 48_000, channels: int = 2) -> np.ndarray:
    at = np.arange(pieces * PIECE * rate_hz // 48_000) / rate_hz
    return np.repeat((8000 * np.sin(2 * np.pi * hz * at)).astype(np.int16)[:, None], channels, axis=1)


def heard(audio: TrackAudio, pcm: np.ndarray, lost: Collection[int] = (), rate_hz: int = 48_000) -> list[bytes | int]:
    """What comes out of a track whose pieces of 20 ms come in time, but for those that are lost."""
    size = rate_hz // 50
    out: list[bytes | int] = []
    for n in range(len(pcm) // size):
        if n not in lost:
            out += audio.feed(n * size, rate_hz, pcm[n * size : (n + 1) * size], 0.02 * (n + 1))
    return [*out, *audio.flush()]


def laid_out(pieces: list[bytes | int], channels: int = 1) -> np.ndarray:
    """Audio and gaps in one line, gaps as NaN; shape (n, channels)."""
    parts = [
        np.full((piece, channels), np.nan, np.float32)
        if isinstance(piece, int)
        else np.frombuffer(piece, "<f4").reshape(-1, channels)
        for piece in pieces
    ]
    return np.concatenate(parts)


def test_a_track_comes_out_at_16_khz_as_it_went_in() -> None:
    out = laid_out(heard(TrackAudio(1), tone(100)))[:, 0]
    assert len(out) == 2 * SAMPLE_RATE_HZ
    resampler = Resampler(48_000)
    whole = resampler.feed(tone(100)[:, 0].astype(np.float32) / 32768)
    assert np.array_equal(out, np.concatenate([whole, resampler.flush()]))


def test_it_comes_in_blocks_of_100_ms_that_a_gap_does_not_move() -> None:
    pieces = heard(TrackAudio(1), tone(200), lost={31, 32})
    ends, at = [], 0
    for piece in pieces:
        at += piece if isinstance(piece, int) else len(piece) // 4
        ends.append(at)
    assert len(pieces) < 50
    for block_end in range(1600, at, 1600):
        assert any(0 <= end - block_end <= 320 for end in ends), "a block is complete within a packet of its end"


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(1, 98)))
def test_what_comes_after_a_loss_is_where_it_was(lost: set[int]) -> None:
    whole = laid_out(heard(TrackAudio(1), tone(100)))
    out = laid_out(heard(TrackAudio(1), tone(100), lost))
    assert abs(len(out) - len(whole)) <= 1
    missing = np.isnan(out[:, 0])
    assert abs(missing.sum() - 320 * len(lost)) <= 2 * len(lost) + 1
    near = np.convolve(missing, np.ones(801), "same") > 0  # the resampler sees a loss a little before and after it
    size = min(len(out), len(whole))
    assert np.abs(out[:size, 0] - whole[:size, 0])[~near[:size]].max(initial=0.0) < 0.02


def test_two_channels_stay_apart() -> None:
    stereo = np.concatenate([tone(50, 300, channels=1), tone(50, 600, channels=1)], axis=1)
    out = laid_out(heard(TrackAudio(2), stereo), 2)
    spectra = np.abs(np.fft.rfft(out[:16_000], axis=0))
    assert spectra.argmax(axis=0).tolist() == [300, 600]


def test_one_channel_is_the_mean_of_two() -> None:
    left = tone(50, channels=1)
    out = laid_out(heard(TrackAudio(1), np.concatenate([left, np.zeros_like(left)], axis=1)))
    assert np.abs(out).max() == pytest.approx(4000 / 32768, rel=0.02)


def test_another_codec_in_mid_call_goes_on_where_the_first_ended() -> None:
    audio = TrackAudio(1)
    out = heard(audio, tone(50))
    out += heard(audio, tone(50, rate_hz=8000, channels=1), rate_hz=8000)
    assert len(laid_out(out)) == pytest.approx(2 * SAMPLE_RATE_HZ, abs=2)
    assert not any(isinstance(piece, int) for piece in out)
