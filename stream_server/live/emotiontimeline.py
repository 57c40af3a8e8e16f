"""The emotion of a call over time, packed: what GET /v1/calls/{id} shows of the past."""

from __future__ import annotations

import struct
from collections import deque
from math import inf
from typing import get_args

import msgspec

from monitor.events import Emotion, Reliability
from monitor.labels import LABELS

POINTS = 7200
"""Per channel of a live call: an hour at the default hop."""
POINTS_ENDED = 600
"""Of a call that has ended, over all channels; evenly thinned."""
RECENT_STEP_S = 2.0
"""Between two points of a channel as a list of calls shows them."""
_PACKED = struct.Struct("<dBbffBh9e")
_PLACE = struct.Struct("<dB")
RELIABILITIES: tuple[Reliability, ...] = get_args(Reliability)
NONE = -1


class Point(msgspec.Struct, frozen=True):
    """What an `emotion` event says, without what only matters live."""

    t: float
    channel: int
    label: str | None
    confidence: float
    arousal: float | None
    reliability: Reliability
    speaker: str | None
    scores: dict[str, float]


class Recent(msgspec.Struct, frozen=True, array_like=True):
    """A point in a list of calls: only what says which call needs someone, as an array."""

    t: float
    channel: int
    speaker: str | None
    label: str | None
    angry: float
    fearful: float
    arousal: float | None
    reliability: Reliability


class EmotionTimeline:
    """One point per `emotion` event, 44 bytes each instead of two thousand as objects. When full, the oldest goes.

    Scores are kept to three digits.
    """

    def __init__(self, channels: int) -> None:
        self._points: deque[bytes] = deque(maxlen=POINTS * channels)
        self._speakers: list[str] = []

    def add(self, event: Emotion) -> None:
        """Append what an event says; its channel must be one of the call's."""
        label = NONE if event.label is None else LABELS.index(event.label)
        self._points.append(
            _PACKED.pack(
                event.t,
                event.channel or 0,
                label,
                event.confidence,
                NONE if event.arousal is None else event.arousal,
                RELIABILITIES.index(event.reliability),
                self._speaker(event.speaker),
                *(event.scores[name] for name in LABELS),
            )
        )

    def thin(self) -> None:
        """Keep so many points, evenly chosen, as are worth keeping of a call that is over."""
        step = -(-len(self._points) // POINTS_ENDED) or 1
        self._points = deque(list(self._points)[::step])

    def points(self) -> list[Point]:
        """The points, oldest first."""
        return [self._unpacked(point) for point in self._points]

    def recent(self, since_s: float) -> list[Recent]:
        """The points after `since_s`, oldest first, thinned to one per channel in `RECENT_STEP_S`, the newest kept."""
        taken: dict[int, float] = {}
        points: list[Recent] = []
        for packed in reversed(self._points):
            t, channel = _PLACE.unpack_from(packed)
            if t <= since_s:
                break
            if taken.get(channel, inf) - t >= RECENT_STEP_S:
                taken[channel] = t
                point = self._unpacked(packed)
                points.append(
                    Recent(
                        point.t,
                        point.channel,
                        point.speaker,
                        point.label,
                        point.scores["angry"],
                        point.scores["fearful"],
                        point.arousal,
                        point.reliability,
                    )
                )
        return points[::-1]

    def _speaker(self, name: str | None) -> int:
        if name is None:
            return NONE
        if name not in self._speakers:
            self._speakers.append(name)
        return self._speakers.index(name)

    def _unpacked(self, point: bytes) -> Point:
        t, channel, label, confidence, arousal, reliability, speaker, *scores = _PACKED.unpack(point)
        return Point(
            t=t,
            channel=channel,
            label=None if label == NONE else LABELS[label],
            confidence=round(confidence, 4),
            arousal=None if arousal == NONE else round(arousal, 4),
            reliability=RELIABILITIES[reliability],
            speaker=None if speaker == NONE else self._speakers[speaker],
            scores={name: round(score, 3) for name, score in zip(LABELS, scores, strict=True)},
        )
