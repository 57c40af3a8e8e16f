"""From the decoded pieces of a track to what a call is fed with: audio at 16 kHz, and gaps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stream_server.live.intake import Intake, StreamParameters
from stream_server.webrtc.clock import RtpClock
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Encoding, Samples

Pcm = NDArray[np.int16]


class TrackAudio:
    """Puts the pieces of one track in their places. What comes out is bytes for audio (float32 at 16 kHz, `channels`
    interleaved), about 100 ms at once, and numbers for samples at 16 kHz that are missing; together they last exactly
    as long as the track, so no loss moves what comes after it."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._rate_hz = 0
        self._clock = RtpClock(1)
        self._begun_at = self._given = 0
        """At which 16 kHz sample this clock began, and how many were given, missing ones among them."""
        self._intake: Intake | None = None

    def feed(self, pts: int, rate_hz: int, pcm: Pcm, now_s: float) -> Iterator[bytes | int]:
        """A piece with its RTP timestamp in samples; `pcm` has the shape (samples, coded channels), at most two."""
        if rate_hz != self._rate_hz:  # the first, or another codec
            yield from self.flush()
            self._rate_hz, self._clock, self._begun_at = rate_hz, RtpClock(rate_hz), self._given
        before = self._clock.position
        gap, known = self._clock.place(pts, len(pcm), now_s)
        if gap:
            yield from self.flush()
            missing = self._at(before + gap) - self._given
            if missing > 0:
                self._given += missing
                yield missing
        if known < len(pcm):
            yield from self._hear(_of_channels(pcm[known:], self._channels))

    def flush(self) -> Iterator[bytes]:
        """What is held back still; after it, a new stretch of audio begins."""
        if self._intake is not None:
            rest, _ = self._intake.flush()
            self._intake = None
            yield from self._give(rest)

    def _hear(self, pcm: Pcm) -> Iterator[bytes]:
        if self._intake is None:
            format_ = StreamParameters(Encoding.PCM_S16LE, self._rate_hz, self._channels, (), "")
            self._intake = Intake(format_, self._given)
        data = pcm.astype("<i2", copy=False).tobytes()
        due = self._intake.due(len(data))
        self._intake.gather(data)
        if due:
            yield from self._give(self._intake.give())

    def _give(self, planes: list[Samples]) -> Iterator[bytes]:
        if len(planes[0]):
            self._given += len(planes[0])
            yield np.stack(planes, axis=1).astype("<f4", copy=False).tobytes()

    def _at(self, position: int) -> int:
        """The 16 kHz sample at a position of the clock."""
        return self._begun_at + round(position * SAMPLE_RATE_HZ / self._rate_hz)


def _of_channels(pcm: Pcm, channels: int) -> Pcm:
    """Two channels for a party each, or their mean; one that is coded alone is on both."""
    coded = pcm.shape[1]
    if coded == channels:
        return pcm
    if channels == 1:
        mean: Pcm = (pcm.sum(axis=1, dtype=np.int32, keepdims=True) >> 1).astype(np.int16)
        return mean
    return np.repeat(pcm, channels, axis=1)
