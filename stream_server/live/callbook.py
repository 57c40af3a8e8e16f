"""The calls that are live or ended lately, as REST shows them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from metrics.readings import CallReading, RuleReading
from monitor.events import (
    Alert,
    AlertCleared,
    AlertRaised,
    AlertUpdated,
    CallEnded,
    CallStarted,
    CallSummary,
    ChannelInfo,
    Emotion,
    Event,
    ModelInfo,
    Scores,
    SpeakerChanged,
    SpeakerUpdated,
    SpeechEnded,
    SpeechStarted,
    Warning,
)
from monitor.session import Session
from stream_server.live.emotiontimeline import EmotionTimeline, Point, Recent

CHANGES = 2000
WARNINGS = 100
ALERTS = 100


class Change(msgspec.Struct, frozen=True):
    """Since `t` someone else has the floor."""

    t: float
    from_: str | None = msgspec.field(name="from")
    to: str
    confidence: float


class Notice(msgspec.Struct, frozen=True):
    """A warning that the call was given."""

    t: float
    channel: int | None
    code: str
    reason: str


class AlertView(msgspec.Struct, frozen=True):
    """An alert as its newest event has it. `cleared_s` is null while it is open."""

    alert_id: str
    rule: str
    severity: str
    channel: int | None
    measure: str
    value: float
    threshold: float
    start_s: float
    end_s: float
    speaker: str | None
    scores: Scores | None
    link: str
    raised_s: float
    cleared_s: float | None


class CallView(msgspec.Struct, frozen=True, kw_only=True):
    """A call in short. `speaking`: channels on which somebody speaks now; `emotions`: the newest event by channel;
    `recent`: the newest of the timeline, of a live call and on request only."""

    call_id: str
    state: Literal["live", "ended"]
    transport: str
    channels: list[ChannelInfo]
    models: dict[str, ModelInfo]
    horizon_s: float
    hop_s: float
    tags: dict[str, str]
    started_at: str
    ended_at: str | None
    reason: str | None
    duration_s: float
    speaking: list[int]
    speaker: str | None
    emotions: dict[str, Emotion]
    alerts: list[AlertView]
    last_seq: int
    recent: list[Recent] | None = None


class CallDetails(CallView, frozen=True, kw_only=True):
    """A call in full. `summary` is null only if something broke on our side."""

    summary: CallSummary | None
    timeline: list[Point]
    changes: list[Change]
    warnings: list[Notice]


class CallRecord:
    """What is known of one call, kept up by its events."""

    def __init__(self, session: Session, started: CallStarted, started_at: str) -> None:
        self.started = started
        self.started_at = started_at
        self.ended_at: str | None = None
        self.emotions: dict[int, Emotion] = {}
        self._session: Session | None = session
        self._tags = session.tags
        self._reason: str | None = None
        self._summary: CallSummary | None = None
        self._duration_s = 0.0
        self._speaking: set[int] = set()
        self._speaker: str | None = None
        self._last_seq = 0
        self._timeline = EmotionTimeline(len(started.channels))
        self._changes: deque[SpeakerChanged] = deque(maxlen=CHANGES)
        self._warnings: deque[Warning] = deque(maxlen=WARNINGS)
        self._alerts: deque[AlertView] = deque(maxlen=ALERTS)

    def apply(self, event: Event) -> None:
        self._last_seq = event.seq
        match event:
            case SpeechStarted(channel=int(channel)):
                self._speaking.add(channel)
            case SpeechEnded(channel=int(channel)):
                self._speaking.discard(channel)
            case Emotion(channel=int(channel)):
                self.emotions[channel] = event
                self._timeline.add(event)
            case SpeakerChanged():
                self._speaker = event.to
                self._changes.append(event)
            case SpeakerUpdated() if event.merged_into is not None and self._speaker == event.speaker:
                self._speaker = event.merged_into
            case Warning():
                self._warnings.append(event)
            case AlertRaised() | AlertUpdated() | AlertCleared():
                self._alert(event)
            case CallEnded():
                self._end(event)

    def view(self, recent_s: float = 0.0) -> CallView:
        """The call in short, as in GET /v1/calls; if it is live, with the newest `recent_s` of its timeline."""
        if self._session is None or not recent_s:
            return CallView(**self._fields())
        return CallView(**self._fields(), recent=self._timeline.recent(self._session.duration_s - recent_s))

    def details(self) -> CallDetails:
        """The call in full, as in GET /v1/calls/{id}."""
        return CallDetails(
            **self._fields(),
            summary=self._summary if self._session is None else self._session.summary(),
            timeline=self._timeline.points(),
            changes=[Change(change.t, change.from_, change.to, change.confidence) for change in self._changes],
            warnings=[Notice(warning.t, warning.channel, warning.code, warning.reason) for warning in self._warnings],
        )

    def reading(self) -> CallReading:
        """Where the call stands now, for the metrics."""
        scores = {channel: emotion.scores for channel, emotion in self.emotions.items() if emotion.label is not None}
        standing = self._session.standing() if self._session is not None else []
        return CallReading(
            self.started.call_id,
            [(channel.role, scores.get(channel.channel)) for channel in self.started.channels],
            [
                RuleReading(
                    one.rule.name, one.rule.severity, one.value, one.beyond, one.rule.above is not None, one.raised
                )
                for one in standing
            ],
        )

    def _fields(self) -> dict[str, Any]:
        return {
            "call_id": self.started.call_id,
            "state": "live" if self._session is not None else "ended",
            "transport": self.started.transport,
            "channels": self.started.channels,
            "models": self.started.models,
            "horizon_s": self.started.horizon_s,
            "hop_s": self.started.hop_s,
            "tags": self._tags,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "reason": self._reason,
            "duration_s": self._session.duration_s if self._session is not None else self._duration_s,
            "speaking": sorted(self._speaking),
            "speaker": self._speaker,
            "emotions": {str(channel): event for channel, event in self.emotions.items()},
            "alerts": list(self._alerts),
            "last_seq": self._last_seq,
        }

    def _alert(self, event: Alert) -> None:
        """What is said of an alert takes its place; what is cleared without ever having been raised is nothing."""
        at = next((at for at, alert in enumerate(self._alerts) if alert.alert_id == event.alert_id), None)
        cleared = isinstance(event, AlertCleared)
        if at is None and cleared:
            return
        alert = AlertView(
            alert_id=event.alert_id,
            rule=event.rule,
            severity=event.severity,
            channel=event.channel,
            measure=event.measure,
            value=event.value,
            threshold=event.threshold,
            start_s=event.start_s,
            end_s=event.end_s,
            speaker=event.speaker,
            scores=event.scores,
            link=event.link,
            raised_s=event.t if at is None else self._alerts[at].raised_s,
            cleared_s=event.t if cleared else None,
        )
        if at is None:
            self._alerts.append(alert)
        else:
            self._alerts[at] = alert

    def break_off(self, reason: str, at: str) -> None:
        """The call is over without a `call.ended`: something broke on our side. There is no summary."""
        self.ended_at, self._reason = at, reason
        self._duration_s = self._session.duration_s if self._session is not None else self._duration_s
        for number, alert in enumerate(self._alerts):
            if alert.cleared_s is None:
                self._alerts[number] = msgspec.structs.replace(alert, cleared_s=self._duration_s)
        self._let_go()

    def _end(self, event: CallEnded) -> None:
        self.ended_at = event.at
        self._reason, self._summary, self._duration_s = event.reason, event.summary, event.t
        self._let_go()

    def _let_go(self) -> None:
        self._speaking.clear()
        self._timeline.thin()
        self._session = None


class CallBook:
    """All records: live ones by id, ended ones as far back as `ended_calls` reaches."""

    def __init__(self, ended_calls: int) -> None:
        self._live: dict[str, CallRecord] = {}
        self._ended: deque[CallRecord] = deque(maxlen=ended_calls)

    def is_live(self, call_id: str) -> bool:
        return call_id in self._live

    def open(self, record: CallRecord) -> None:
        self._live[record.started.call_id] = record

    def close(self, call_id: str) -> None:
        self._ended.appendleft(self._live.pop(call_id))

    def find(self, call_id: str) -> CallRecord | None:
        """The live call of that id, else the one that ended last."""
        if call_id in self._live:
            return self._live[call_id]
        return next((record for record in self._ended if record.started.call_id == call_id), None)

    def forget(self, call_id: str) -> bool:
        """Let go of every call of that id that has ended; whether there was one."""
        kept = [record for record in self._ended if record.started.call_id != call_id]
        gone = len(kept) < len(self._ended)
        self._ended = deque(kept, self._ended.maxlen)
        return gone

    def live(self) -> Iterable[CallRecord]:
        return self._live.values()

    def all(self) -> list[CallRecord]:
        """Newest first, live ones before ended ones."""
        return [*reversed(self._live.values()), *self._ended]
