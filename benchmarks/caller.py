"""The caller's end of a live call: audio as bytes on the wire, sent at the pace of speech."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import numpy as np
import soxr
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection

from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import SAMPLE_BYTES, Encoding, Samples

FINISH = '{"type":"finish"}'
Sent = Callable[[float], None]
"""Told how much of the call, in seconds, is about to be with the server once the chunk at hand is sent."""


@dataclass(frozen=True, slots=True)
class Wire:
    """How one channel of audio travels."""

    encoding: Encoding = Encoding.PCM_S16LE
    rate_hz: int = SAMPLE_RATE_HZ

    @property
    def second_bytes(self) -> int:
        return SAMPLE_BYTES[self.encoding] * self.rate_hz

    def encode(self, audio: Samples) -> bytes:
        """`audio`: shape (n,), float32 at 16 kHz in [-1, 1]. Raises ValueError for encodings that nobody sends here."""
        resampled = audio if self.rate_hz == SAMPLE_RATE_HZ else soxr.resample(audio, SAMPLE_RATE_HZ, self.rate_hz)
        if self.encoding is Encoding.PCM_S16LE:
            linear: NDArray[np.int16] = np.clip(np.rint(resampled * 32767.0), -32768, 32767).astype("<i2")
            return linear.tobytes()
        if self.encoding is Encoding.MULAW:
            return mulaw(resampled).tobytes()
        raise ValueError(f"{self.encoding} is not sent by the benchmarks")

    def url(self, server: str, **query: str) -> str:
        """Where a stream of this kind goes on the server at `server`, an http:// address."""
        parameters = {"encoding": str(self.encoding), "sample_rate": str(self.rate_hz), **query}
        return f"{server.replace('http', 'ws', 1)}/v1/stream?{urlencode(parameters)}"


def mulaw(samples: Samples) -> NDArray[np.uint8]:
    """8-bit mu-law (ITU-T G.711) of samples in [-1, 1]."""
    linear = np.clip(np.rint(samples * 32768.0), -32635, 32635).astype(np.int32)
    magnitude = np.abs(linear) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    sign = np.where(linear < 0, 0x80, 0)
    return np.asarray(~(sign | (exponent << 4) | mantissa), np.int32).astype(np.uint8)


def chunks(data: bytes, wire: Wire, chunk_s: float) -> Iterator[tuple[float, bytes]]:
    """The data in chunks of `chunk_s`, each with the position, in seconds, of its end."""
    step = max(1, round(chunk_s * wire.rate_hz)) * SAMPLE_BYTES[wire.encoding]
    for at in range(0, len(data), step):
        end = min(at + step, len(data))
        yield end / wire.second_bytes, data[at:end]


async def play(
    socket: ClientConnection, data: bytes, wire: Wire, *, chunk_s: float, speed: float, sent: Sent | None = None
) -> None:
    """Send each chunk when its last sample would have been spoken; `sent` is told just before. Says no finish."""
    began_s = time.monotonic()
    for position_s, chunk in chunks(data, wire, chunk_s):
        await asyncio.sleep(max(0.0, began_s + position_s / speed - time.monotonic()))
        if sent is not None:
            sent(position_s)
        await socket.send(chunk)
