"""From bytes on the wire to float32 samples, one stream at a time."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


class Encoding(StrEnum):
    """The sample encodings that a stream may have; all little-endian."""

    PCM_S16LE = "pcm_s16le"
    PCM_F32LE = "pcm_f32le"
    MULAW = "mulaw"
    ALAW = "alaw"


SAMPLE_BYTES: dict[Encoding, int] = {
    Encoding.PCM_S16LE: 2,
    Encoding.PCM_F32LE: 4,
    Encoding.MULAW: 1,
    Encoding.ALAW: 1,
}


def _mulaw_table() -> Samples:
    """The 256 values of 8-bit mu-law (ITU-T G.711, section 2, with the usual bias of 132), in [-1, 1]."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent = ((code >> 4) & 0x07).astype(np.int32)
    mantissa = (code & 0x0F).astype(np.int32)
    magnitude = (((mantissa << 3) + 132) << exponent) - 132
    signed = np.where(code & 0x80, -magnitude, magnitude)
    return (signed / 32768.0).astype(np.float32)


def _alaw_table() -> Samples:
    """The 256 values of 8-bit A-law (ITU-T G.711, section 1), in [-1, 1]."""
    code = np.arange(256, dtype=np.uint8) ^ np.uint8(0x55)
    exponent = ((code >> 4) & 0x07).astype(np.int32)
    mantissa = (code & 0x0F).astype(np.int32)
    linear = (mantissa << 4) + np.where(exponent > 0, 264, 8)
    magnitude = linear << np.maximum(exponent - 1, 0)
    signed = np.where(code & 0x80, magnitude, -magnitude)
    return (signed / 32768.0).astype(np.float32)


_TABLES: dict[Encoding, Samples] = {Encoding.MULAW: _mulaw_table(), Encoding.ALAW: _alaw_table()}


class PcmDecoder:
    """Decodes interleaved audio of `channels` channels into planar float32 in [-1, 1].

    A sample (or a frame of samples) that a chunk splits is carried over to the next one. Values of `pcm_f32le`
    outside [-1, 1] are clipped; NaN and infinities become 0 and are counted in `not_finite_samples`.
    """

    def __init__(self, encoding: Encoding, channels: int) -> None:
        self._encoding = encoding
        self._channels = channels
        self._frame_bytes = SAMPLE_BYTES[encoding] * channels
        self._carry = b""
        self.not_finite_samples = 0

    def feed(self, data: bytes) -> Samples:
        """The whole frames in `data` and what was carried over, shape (channels, n), n >= 0."""
        if self._carry:
            data = self._carry + data
        rest = len(data) % self._frame_bytes
        whole = len(data) - rest
        self._carry = bytes(data[whole:])
        flat = self._decode(memoryview(data)[:whole])
        return np.ascontiguousarray(flat.reshape(-1, self._channels).T)

    def flush(self) -> int:
        """The number of bytes of an unfinished frame at the end of the stream; they are dropped."""
        rest, self._carry = len(self._carry), b""
        return rest

    def _decode(self, data: memoryview) -> Samples:
        if self._encoding is Encoding.PCM_S16LE:
            return np.frombuffer(data, "<i2").astype(np.float32) * np.float32(1 / 32768)
        if self._encoding is Encoding.PCM_F32LE:
            flat = np.frombuffer(data, "<f4").astype(np.float32)
            bad = ~np.isfinite(flat)
            if bad.any():
                self.not_finite_samples += int(bad.sum())
                flat[bad] = 0.0
            return np.clip(flat, -1.0, 1.0, out=flat)
        table = _TABLES[self._encoding]
        return table[np.frombuffer(data, np.uint8)]
