"""What is to be kept of one live call: its events in, rows out. No clock, no database."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from history.clock import kept
from history.packing import MOST_VOICES, NOBODY, Minutes, pack_scores, second_of
from history.tally import Facts, Tally
from monitor.events import (
    Alert,
    AlertCleared,
    AlertRaised,
    CallEnded,
    CallStarted,
    CallSummary,
    Emotion,
    EmotionTurn,
    Event,
    SpeakerChanged,
    SpeakerUpdated,
    SpeechEnded,
    SpeechStarted,
    Warning,
)
from monitor.turns import Turn, TurnLog

Row = dict[str, Any]
MOST_MINUTES = 60
"""Of a call and channel that wait for a database that does not answer; then the oldest is lost."""
MOST_MOMENTS = 5000
MOST_ALERTS = 1000
SILENT: Row = dict.fromkeys(("label", "confidence", "arousal", "reliability", "scores"))
"""A turn of which no emotion was said."""


class Chronicle:
    """Folds the events of a call, and says which rows have changed since they were `written` last.

    `key` is the call's row, None until it has one. `lost` counts by table what had to be given up.
    """

    def __init__(self, started: CallStarted) -> None:
        self.started = started
        self.started_at = kept(started.at or "1970-01-01T00:00:00Z")
        self.key: int | None = None
        self.tags: dict[str, str] = {}
        self._labelled: Mapping[str, str] = {}
        self.head_changed = True
        self.ending: tuple[str, float, CallSummary | None] | None = None
        """The reason, when, and what it was summed up by; None while it is live."""
        self.lost: dict[str, int] = defaultdict(int)
        self.voices: list[str] = []
        self.recut_since: float | None = None
        """From here on turns are not where they were."""
        self._roles = [channel.role for channel in started.channels]
        self._last_seq, self._last_s = started.seq, 0.0
        self._minutes = [Minutes() for _ in self._roles]
        self._waiting: dict[tuple[int, int], bytes] = {}
        self._heard: set[int] = set()
        self._seconds: list[tuple[int, Emotion] | None] = [None] * len(self._roles)
        self._tallies = {role: Tally() for role in self._roles}
        self._log = TurnLog()
        self._log.apply(started)
        self._turn_since: float | None = None
        self._turn_emotion: dict[tuple[int, float], Row] = {}
        self._moments: dict[int, SpeakerChanged | Warning] = {}
        self._alerts: dict[str, Row] = {}
        self._raised: dict[str, tuple[float, float]] = {}
        self._raised_by: Counter[str] = Counter()

    def label(self, tags: Mapping[str, str]) -> None:
        """The call has these tags by now. NUL, which PostgreSQL does not take, is left out."""
        if tags == self._labelled:
            return
        self._labelled = tags
        clean = {key.replace("\0", ""): value.replace("\0", "") for key, value in tags.items()}
        if clean != self.tags:
            self.tags, self.head_changed = clean, True

    def apply(self, event: Event) -> None:
        """Take in the next event of the call."""
        self._last_seq, self._last_s = event.seq, max(self._last_s, event.t)
        match event:
            case Emotion(channel=int(channel)):
                self._hear(channel, event)
            case SpeechStarted() | SpeechEnded():
                self._log.apply(event)
                self._turns_changed(event.t if isinstance(event, SpeechStarted) else event.start_s)
            case EmotionTurn(channel=int(channel)):
                self._turn_emotion[channel, event.t] = _emotion(event)
                self._turns_changed(self._log.segment_at(event.start_s))
            case SpeakerChanged():
                self._log.apply(event)
                self._keep(event)
                self._recut(self._log.segment_at(event.t))
            case SpeakerUpdated(merged_into=str(into)):
                self._log.apply(event)
                self.voices = [into if voice == event.speaker else voice for voice in self.voices]
                self.head_changed = True
                self._recut(0.0)
            case Alert():
                self._alert(event)
            case Warning():
                self._keep(event)
            case CallEnded():
                self.end(event.reason, kept(event.at or "1970-01-01T00:00:00Z"), event.summary)

    def end(self, reason: str, at: float, summary: CallSummary | None = None) -> None:
        """It is over; whoever says so first is believed."""
        if self.ending is None:
            self.ending = reason, at, summary

    @property
    def has_news(self) -> bool:
        return bool(
            self.head_changed
            or self._heard
            or self._waiting
            or self._turn_since is not None
            or self._moments
            or self._alerts
            or self.ending
        )

    def written(self) -> None:
        """All rows are where they belong."""
        self.head_changed = False
        self._heard.clear()
        self._waiting.clear()
        self._turn_since = self.recut_since = None
        self._moments.clear()
        self._alerts.clear()

    # --- rows, each without its call

    def head(self) -> Row:
        """The row of `calls`, while it is live."""
        started = self.started
        return {
            "call_id": started.call_id,
            "transport": started.transport,
            "channels": msgspec.to_builtins(started.channels),
            "models": msgspec.to_builtins(started.models),
            "horizon_s": started.horizon_s,
            "hop_s": started.hop_s,
            "tags": self.tags,
            "voices": self.voices,
            "started_at": self.started_at,
        }

    def facets(self) -> list[Row]:
        """What the call is found by while it is live."""
        named = [("role", role) for role in sorted(set(self._roles))]
        named += [(f"tag:{key}", value) for key, value in self.tags.items()]
        return [{"name": name, "value": value} for name, value in named]

    def minutes(self) -> list[Row]:
        rows = dict(self._waiting)
        rows |= {(channel, self._minutes[channel].minute): self._minutes[channel].body for channel in self._heard}
        return [{"channel": channel, "minute": minute, "body": body} for (channel, minute), body in rows.items()]

    def turns(self) -> list[Row]:
        return [] if self._turn_since is None else [self._turn(turn) for turn in self._log.turns(self._turn_since)]

    def moments(self) -> list[Row]:
        return [_moment(event) for event in self._moments.values()]

    def alerts(self) -> list[Row]:
        return list(self._alerts.values())

    def tail(self) -> Row:
        """What a call that is over has more in its row; only if `ending` is there."""
        assert self.ending is not None
        reason, at, summary = self.ending
        emotion = None if summary is None else summary.emotion
        return {
            "ended_at": at,
            "reason": reason,
            "duration_s": self._last_s,
            "last_seq": self._last_seq,
            "emotion": max(emotion, key=emotion.__getitem__) if emotion else None,
            "summary": None if summary is None else encoded(summary),
            "facts": msgspec.json.encode(self.facts()).decode(),
        }

    def speakers(self) -> list[Row]:
        """The speakers of a call that is over."""
        summary = None if self.ending is None else self.ending[2]
        return [] if summary is None else speaker_rows(summary)

    def facts(self) -> Facts:
        """What the call adds to the trends."""
        speech_s: dict[str, float] = dict.fromkeys(self._roles, 0.0)
        for turn in self._log.turns():
            speech_s[self._roles[turn.channel]] += (self._last_s if turn.end is None else turn.end) - turn.start
        for channel in range(len(self._roles)):
            self._count_second(channel)
        rounded = {role: round(seconds, 2) for role, seconds in speech_s.items()}
        return Facts(self._last_s, dict(self._raised_by), rounded, self._tallies)

    # --- inside

    def _hear(self, channel: int, event: Emotion) -> None:
        minutes, second = self._minutes[channel], second_of(event.t)
        before = self._seconds[channel]
        if before is not None and before[0] != second:
            self._count_second(channel)
        self._seconds[channel] = second, event
        if channel in self._heard and minutes.minute != second // 60:
            self._waiting[channel, minutes.minute] = minutes.body
            self._give_up(self._waiting, MOST_MINUTES * len(self._roles), "seconds")
        minutes.add(event, self._voice(event.speaker))
        self._heard.add(channel)

    def _count_second(self, channel: int) -> None:
        """The newest reading of a channel is the last of its second."""
        if (pending := self._seconds[channel]) is not None:
            event = pending[1]
            self._tallies[self._roles[channel]].add(event.reliability, event.arousal, event.scores)
            self._seconds[channel] = None

    def _voice(self, name: str | None) -> int:
        if name is None:
            return NOBODY
        if name not in self.voices:
            if len(self.voices) >= MOST_VOICES:
                return NOBODY
            self.voices = [*self.voices, name]
            self.head_changed = True
        return self.voices.index(name)

    def _turns_changed(self, since: float) -> None:
        self._turn_since = since if self._turn_since is None else min(self._turn_since, since)

    def _recut(self, since: float) -> None:
        self._turns_changed(since)
        self.recut_since = since if self.recut_since is None else min(self.recut_since, since)

    def _turn(self, turn: Turn) -> Row:
        end_s = None if turn.end is None else round(turn.end, 3)
        said = None if end_s is None else self._turn_emotion.get((turn.channel, end_s))
        place = {"channel": turn.channel, "start_s": round(turn.start, 3), "end_s": end_s, "speaker": turn.speaker}
        return place | (said or SILENT)

    def _keep(self, event: SpeakerChanged | Warning) -> None:
        self._moments[event.seq] = event
        self._give_up(self._moments, MOST_MOMENTS, "moments")

    def _alert(self, event: Alert) -> None:
        """What is said of an alert takes its place; what is cleared without ever having been raised is nothing."""
        at = kept(event.at or "1970-01-01T00:00:00Z")
        if isinstance(event, AlertRaised):
            self._raised[event.alert_id] = event.t, at
            self._raised_by["" if event.channel is None else self._roles[event.channel]] += 1
        if event.alert_id not in self._raised:
            return
        raised_s, raised_at = self._raised[event.alert_id]
        cleared = isinstance(event, AlertCleared)
        self._alerts[event.alert_id] = {
            "alert_id": event.alert_id,
            "rule": event.rule,
            "severity": event.severity,
            "measure": event.measure,
            "channel": event.channel,
            "role": None if event.channel is None else self._roles[event.channel],
            "speaker": event.speaker,
            "value": event.value,
            "threshold": event.threshold,
            "start_s": event.start_s,
            "end_s": event.end_s,
            "scores": event.scores,
            "link": event.link,
            "raised_s": raised_s,
            "cleared_s": event.t if cleared else None,
            "raised_at": raised_at,
            "cleared_at": at if cleared else None,
        }
        if cleared:
            del self._raised[event.alert_id]
        self._give_up(self._alerts, MOST_ALERTS, "alerts")

    def _give_up(self, waiting: dict[Any, Any], most: int, table: str) -> None:
        """Let the oldest of what waits go, if there is too much."""
        while len(waiting) > most:
            del waiting[next(iter(waiting))]
            self.lost[table] += 1

    def take_lost(self) -> Iterator[tuple[str, int]]:
        """What was given up since the last time, by table."""
        yield from self.lost.items()
        self.lost.clear()


def _moment(event: SpeakerChanged | Warning) -> Row:
    place = {"seq": event.seq, "t": event.t, "channel": event.channel}
    if isinstance(event, Warning):
        return place | {"code": event.code, "reason": event.reason, "before": None, "after": None, "confidence": None}
    changed = {"before": event.from_, "after": event.to, "confidence": event.confidence}
    return place | {"code": None, "reason": None} | changed


def _emotion(said: EmotionTurn) -> Row:
    """What a turn's row has of its emotion."""
    usable = said.label is not None
    return {
        "label": said.label,
        "confidence": said.confidence if usable else None,
        "arousal": said.arousal,
        "reliability": said.reliability,
        "scores": pack_scores(said.scores) if usable else None,
    }


def encoded(summary: CallSummary) -> str:
    """A summary as it is kept: its turns are rows of their own."""
    return msgspec.json.encode(msgspec.structs.replace(summary, turns=[])).decode()


def speaker_rows(summary: CallSummary) -> list[Row]:
    """The rows of `speakers`, without their call."""
    return [
        {
            "speaker": each.speaker,
            "role": each.role,
            "speech_s": each.speech_s,
            "turns": each.turns,
            "arousal": each.arousal,
            "emotion": each.emotion,
        }
        for each in summary.speakers
    ]
