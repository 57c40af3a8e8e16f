"""Who spoke when, folded from the events of a call: for summaries, RTTM files and pictures."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise

from monitor.events import CallStarted, Event, SpeakerChanged, SpeakerUpdated, SpeechEnded, SpeechStarted


@dataclass(frozen=True, slots=True)
class Turn:
    """Speech of one speaker on one channel, in seconds; `end` is None while it goes on, `speaker` None if unknown."""

    channel: int
    speaker: str | None
    start: float
    end: float | None


class TurnLog:
    """Turns are segments of speech, cut where the speaker changed.

    Events may come as they come: a `speaker.changed` whose boundary lies in the past re-attributes what was said
    since. Where channels separate the parties, a turn's speaker is the channel's role.
    """

    def __init__(self) -> None:
        self._roles: list[str] = []
        self._segments: list[tuple[float, float | None, int]] = []
        self._open: dict[int, int] = {}
        self._changes: list[tuple[float, str]] = []
        self._merged: dict[str, str] = {}

    def apply(self, event: Event) -> None:
        if isinstance(event, CallStarted):
            self._roles = [channel.role for channel in event.channels]
        elif isinstance(event, SpeechStarted) and event.channel is not None:
            self._open[event.channel] = len(self._segments)
            self._segments.append((event.t, None, event.channel))
        elif isinstance(event, SpeechEnded) and event.channel is not None:
            self._segments[self._open.pop(event.channel)] = (event.start_s, event.t, event.channel)
        elif isinstance(event, SpeakerChanged):
            at = bisect_left(self._changes, event.t, key=lambda change: change[0])
            self._changes[at:] = [(event.t, event.to)]
        elif isinstance(event, SpeakerUpdated) and event.merged_into is not None:
            self._merged[event.speaker] = event.merged_into

    def turns(self, since: float = 0.0) -> list[Turn]:
        """The turns of the segments that began at `since` or later, in the order of their starts."""
        out: list[Turn] = []
        for start, end, channel in self._segments:
            if start < since:
                continue
            if len(self._roles) > 1:
                out.append(Turn(channel, self._roles[channel], start, end))
            else:
                out += self._cut(start, end, channel)
        return sorted(out, key=lambda turn: (turn.start, turn.channel))

    def segment_at(self, t: float) -> float:
        """Where the segment began that was open at `t` or ended last before it; 0 if there is none."""
        return max((start for start, _, _ in reversed(self._segments) if start <= t), default=0.0)

    def changes(self) -> list[float]:
        """Where the floor passed from one speaker to another, in seconds."""
        if len(self._roles) < 2:
            spoken = [(turn.start, turn.speaker) for turn in self.turns() if turn.speaker is not None]
        else:
            spoken = self._changes
        return [at for (_, before), (at, now) in pairwise(spoken) if now != before]

    def _cut(self, start: float, end: float | None, channel: int) -> list[Turn]:
        first = bisect_left(self._changes, start, key=lambda change: change[0])
        if first < len(self._changes) and self._changes[first][0] == start:
            first += 1
        speaker = self._name(self._changes[first - 1][1]) if first else None
        out: list[Turn] = []
        for at, to in self._changes[first:]:
            if end is not None and at >= end:
                break
            if self._name(to) == speaker:
                continue
            out.append(Turn(channel, speaker, start, at))
            start, speaker = at, self._name(to)
        out.append(Turn(channel, speaker, start, end))
        return out

    def _name(self, speaker: str) -> str:
        while speaker in self._merged:
            speaker = self._merged[speaker]
        return speaker


def rttm(turns: list[Turn], name: str) -> str:
    """The finished turns in NIST's RTTM, one SPEAKER line each, times in seconds."""
    return "".join(
        f"SPEAKER {name} 1 {turn.start:.3f} {turn.end - turn.start:.3f} <NA> <NA> {turn.speaker} <NA> <NA>\n"
        for turn in turns
        if turn.end is not None and turn.speaker is not None
    )
