"""Emotion by the second as it is kept: a minute of a channel is one string of bytes, 24 for each second that has any.

A row for each second would take six times the space, most of it for what all of them repeat.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

import msgspec

from monitor.events import Emotion, Reliability, Scores
from monitor.labels import LABELS

MINUTE_S = 60
RELIABILITIES: tuple[Reliability, ...] = get_args(Reliability)
NOBODY = 255
MOST_VOICES = 255
"""Of a call; whoever comes after them is nobody. The tracker knows fewer."""
_ENTRY = struct.Struct(f"<HBBe{len(LABELS)}e")
"""Milliseconds of the minute, reliability, the speaker's place among the voices of the call, arousal (below 0 where
there is none), and the scores."""

_SCORES = struct.Struct(f"<{len(LABELS)}e")


class Second(msgspec.Struct, frozen=True):
    """The newest reading of a second of a channel: what the `emotion` event at `t` said. Scores have three digits."""

    t: float
    channel: int
    speaker: str | None
    reliability: Reliability
    arousal: float | None
    scores: Scores

    @property
    def label(self) -> str | None:
        """The highest score's; None where nothing was usable."""
        return None if self.reliability == "unusable" else max(self.scores, key=self.scores.__getitem__)


class Minutes:
    """Packs the emotion of a channel as it comes, which is in order."""

    def __init__(self) -> None:
        self.minute = 0
        """The one that is being packed."""
        self._second = -1
        self._body = bytearray()

    def add(self, event: Emotion, speaker: int) -> None:
        """Take in a reading; of those of a second the newest stays. `speaker`: a place among the voices, or NOBODY."""
        second = second_of(event.t)
        minute = second // MINUTE_S
        if minute != self.minute:
            self.minute, self._body = minute, bytearray()
        elif second == self._second:
            del self._body[-_ENTRY.size :]
        self._second = second
        self._body += _ENTRY.pack(
            min(round(1000 * (event.t - minute * MINUTE_S)), 1000 * MINUTE_S),
            RELIABILITIES.index(event.reliability),
            speaker,
            -1.0 if event.arousal is None else event.arousal,
            *(event.scores[label] for label in LABELS),
        )

    @property
    def body(self) -> bytes:
        return bytes(self._body)


def second_of(t: float) -> int:
    """The second in which a span that ends at `t` ends."""
    return max(0, -int(-t // 1) - 1)


def unpacked(channel: int, minute: int, body: bytes, voices: Sequence[str]) -> list[Second]:
    """What `Minutes` packed, oldest first."""
    return [
        Second(
            t=minute * MINUTE_S + ms / 1000,
            channel=channel,
            speaker=voices[speaker] if speaker < len(voices) else None,
            reliability=RELIABILITIES[reliability],
            arousal=None if arousal < 0 else round(arousal, 3),
            scores=_named(scores),
        )
        for ms, reliability, speaker, arousal, *scores in _ENTRY.iter_unpack(body)
    ]


def pack_scores(scores: Mapping[str, float]) -> bytes:
    return _SCORES.pack(*(scores[label] for label in LABELS))


def unpack_scores(packed: bytes) -> Scores:
    return _named(_SCORES.unpack(packed))


def _named(scores: Iterable[float]) -> Scores:
    return {label: round(score, 3) for label, score in zip(LABELS, scores, strict=True)}
