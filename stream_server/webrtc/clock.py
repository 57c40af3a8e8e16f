"""Where a piece of audio that came as RTP belongs, and what is missing before it. No I/O; the time is told.

RTP counts samples, modulo 2^32 and from anywhere. What was lost, or came too late to wait for, is a hole in that count;
but a count also jumps when a sender begins anew, and then nothing was lost. The arrival times tell the two apart: audio
of a second cannot have been lost in less than a second.
"""

from __future__ import annotations

from typing import NamedTuple

WRAP = 1 << 32
SLACK_S = 1.0
"""By so much may audio be ahead of its arrival, through bursts and whatever networks do, until it counts as a jump."""
BACK_S = 1.0
"""What lies further back than this is not late: the count was set back."""
DRIFT = 1e-3
"""By so much of the time that passes may the sender's clock be faster than ours."""


class Place(NamedTuple):
    """What is to be made of a piece: `gap` samples are missing before it, its first `known` have been heard before."""

    gap: int
    known: int


class RtpClock:
    """Follows one stream of RTP at `rate_hz` ticks, which are samples, per second."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._next: int | None = None
        self._position = 0
        self._anchor_s = self._seen_s = 0.0
        """When the stream would have begun for its audio to come just in time; when the last piece came."""

    @property
    def position(self) -> int:
        """Samples since the beginning, the missing ones among them."""
        return self._position

    def place(self, pts: int, samples: int, now_s: float) -> Place:
        """A piece of `samples` samples with the timestamp `pts` has come."""
        if self._next is None:
            self._anchor_s = now_s - samples / self._rate_hz
            place = Place(0, 0)
        else:
            place = self._compare(pts, samples, now_s)
        self._seen_s = now_s
        if place.known < samples:
            self._next = pts + samples
            self._position += place.gap + samples - place.known
        return place

    def _compare(self, pts: int, samples: int, now_s: float) -> Place:
        assert self._next is not None
        heard_s = (self._position + samples) / self._rate_hz
        earliest_s = self._anchor_s - DRIFT * max(0.0, now_s - self._seen_s)
        self._anchor_s = max(earliest_s, min(self._anchor_s, now_s - heard_s))
        late_s = now_s - self._anchor_s - heard_s
        ahead = (pts - self._next + WRAP // 2) % WRAP - WRAP // 2
        if -BACK_S * self._rate_hz <= ahead <= max(0.0, (late_s + SLACK_S) * self._rate_hz):
            return Place(max(0, ahead), min(samples, max(0, -ahead)))
        return Place(round(late_s * self._rate_hz) if late_s > SLACK_S else 0, 0)
