"""Streaming resampling to the one rate that everything inside uses."""

from __future__ import annotations

import numpy as np
import soxr

from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples

MIN_RATE_HZ = 8_000
MAX_RATE_HZ = 48_000


class Resampler:
    """Brings one channel to 16 kHz; `feed` in chunks of any size, `flush` once at the end.

    The output does not depend, bit for bit, on how the input was cut into chunks. soxr's variable-rate mode is used
    although the rate is fixed: its delay is 30 ms at 8 kHz and 13 ms at 48 kHz, where the fixed-rate mode, which
    filters in large blocks, holds back up to 115 ms (`tests/vad/test_resample.py` holds the bound).
    """

    def __init__(self, rate_hz: int) -> None:
        if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
            raise ValueError(f"sample rate {rate_hz} Hz is not in {MIN_RATE_HZ}..{MAX_RATE_HZ} Hz")
        self._stream = None
        if rate_hz != SAMPLE_RATE_HZ:
            self._stream = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32", vr=True)

    def feed(self, samples: Samples) -> Samples:
        """16 kHz samples, shape (m,), that have become certain; m may be 0."""
        if self._stream is None:
            return samples
        out: Samples = self._stream.resample_chunk(samples)
        return out

    def flush(self) -> Samples:
        """The rest, shape (m,). Nothing may be fed afterwards."""
        empty = np.zeros(0, np.float32)
        if self._stream is None:
            return empty
        out: Samples = self._stream.resample_chunk(empty, last=True)
        return out
