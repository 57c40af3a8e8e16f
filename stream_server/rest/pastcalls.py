"""Calls and alerts out of the history, in the shapes of REST."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection

from history.archive import StoredCall, StoredTurn, Wanted, find, moments_of, newest, timeline, turns_of, whole
from history.clock import told
from history.desk import Attention, Note, StoredAlert, alerts_of, notes_of
from history.packing import Second
from history.summing import summary_of
from monitor.events import CallSummary, Event, Scores, SpeakerChanged, Warning
from stream_server.live.callbook import ALERTS, CHANGES, WARNINGS, AlertView, CallDetails, CallView, Change, Notice
from stream_server.live.emotiontimeline import POINTS_ENDED, Point


class CallPage(msgspec.Struct, frozen=True):
    """Calls, newest first. `next`: the cursor of the next page, null after the last."""

    calls: list[CallView]
    next: str | None = None


class Timeline(msgspec.Struct, frozen=True):
    """The emotion of a call by the second, all of it: of each second with any the newest reading."""

    call_id: str
    timeline: list[Point]


class Turns(msgspec.Struct, frozen=True):
    """The turns of a call, in the order of their starts."""

    call_id: str
    turns: list[StoredTurn]


class Summary(msgspec.Struct, frozen=True):
    """The summary of a call so far."""

    call_id: str
    state: Literal["live", "ended"]
    summary: CallSummary


class NoteView(msgspec.Struct, frozen=True):
    """What somebody wrote of a call or, with `alert_id`, of one of its alerts."""

    at: str
    by: str
    text: str
    alert_id: str | None


class Notes(msgspec.Struct, frozen=True):
    """Oldest first."""

    call_id: str
    notes: list[NoteView]


class AlertRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as its newest event has it, and what was done about it."""

    alert_id: str
    call_id: str
    state: Literal["open", "cleared"]
    attention: Attention
    rule: str
    severity: str
    measure: str
    channel: int | None
    role: str | None
    speaker: str | None
    value: float
    threshold: float
    start_s: float
    end_s: float
    scores: Scores | None
    link: str
    raised_s: float
    cleared_s: float | None
    raised_at: str
    cleared_at: str | None
    acknowledged_at: str | None
    acknowledged_by: str | None
    snoozed_until: str | None
    snoozed_by: str | None
    resolved_at: str | None
    resolved_by: str | None


class AlertPage(msgspec.Struct, frozen=True):
    """Alerts, newest first. `next`: the cursor of the next page, null after the last."""

    alerts: list[AlertRecord]
    next: str | None = None


def page(connection: Connection, wanted: Wanted) -> list[tuple[StoredCall, list[StoredAlert]]]:
    """The newest calls of those wanted, each with its newest alerts."""
    found = find(connection, wanted)
    alerts = alerts_of(connection, [call.key for call in found], ALERTS)
    return [(call, alerts[call.key]) for call in found]


def view(call: StoredCall, alerts: Iterable[StoredAlert]) -> CallView:
    """A call in short; of what is live on another server only so much is known here."""
    return CallView(**_fields(call, alerts))


def details(connection: Connection, call_id: str) -> CallDetails | None:
    """The last call of this id in full, its timeline thinned as that of any call that has ended."""
    call = newest(connection, call_id)
    if call is None:
        return None
    points = list(timeline(connection, call))
    step = -(-len(points) // POINTS_ENDED) or 1
    happened = moments_of(connection, call)
    return CallDetails(
        **_fields(call, alerts_of(connection, [call.key], ALERTS)[call.key]),
        summary=_summary(connection, call),
        timeline=[point(second) for second in points[::step]],
        changes=[
            Change(event.t, event.from_, event.to, event.confidence)
            for event in _newest(happened, SpeakerChanged, CHANGES)
        ],
        warnings=[
            Notice(event.t, event.channel, event.code, event.reason) for event in _newest(happened, Warning, WARNINGS)
        ],
    )


def timeline_of(connection: Connection, call_id: str, first_s: float) -> Timeline | None:
    call = newest(connection, call_id)
    if call is None:
        return None
    return Timeline(call.call_id, [point(second) for second in timeline(connection, call, first_s)])


def turns_view(connection: Connection, call_id: str) -> Turns | None:
    call = newest(connection, call_id)
    return None if call is None else Turns(call.call_id, turns_of(connection, call.key))


def summary_view(connection: Connection, call_id: str) -> Summary | None:
    call = newest(connection, call_id)
    if call is None:
        return None
    return Summary(call.call_id, "live" if call.ended_at is None else "ended", _summary(connection, call))


def notes_view(connection: Connection, call_id: str) -> Notes | None:
    call = newest(connection, call_id)
    return None if call is None else Notes(call.call_id, [note(each) for each in notes_of(connection, call.key)])


def note(stored: Note) -> NoteView:
    return NoteView(told(stored.at), stored.by, stored.text, stored.alert_id)


def point(second: Second) -> Point:
    label = second.label
    return Point(
        t=second.t,
        channel=second.channel,
        label=label,
        confidence=0.0 if label is None else second.scores[label],
        arousal=second.arousal,
        reliability=second.reliability,
        speaker=second.speaker,
        scores=second.scores,
    )


def record(alert: StoredAlert) -> AlertRecord:
    fields = {name: getattr(alert, name) for name in AlertRecord.__struct_fields__ if hasattr(alert, name)}
    times = {name: value if value is None else told(value) for name, value in fields.items() if name in _TIMES}
    state: Literal["open", "cleared"] = "open" if alert.cleared_at is None else "cleared"
    return AlertRecord(**(fields | times | {"state": state, "attention": alert.attention(time.time())}))


_TIMES = ("raised_at", "cleared_at", "acknowledged_at", "snoozed_until", "resolved_at")


def cursor(place: tuple[float, int]) -> str:
    """Where a page ends, as the next request brings it."""
    return f"{place[0]!r}_{place[1]}"


def place(cursor: str) -> tuple[float, int]:
    """Raises ValueError for what is no cursor."""
    at, _, key = cursor.partition("_")
    return float(at), int(key)


def _summary(connection: Connection, call: StoredCall) -> CallSummary:
    """What was kept at its end, with the turns; of a call without one, what is written of it."""
    if call.summary is None:
        return summary_of(connection, call)
    return whole(call.summary, turns_of(connection, call.key), call.summary.duration_s)


def _newest(events: Sequence[Event], kind: type[Any], most: int) -> list[Any]:
    return [event for event in events if isinstance(event, kind)][-most:]


def _fields(call: StoredCall, alerts: Iterable[StoredAlert]) -> dict[str, Any]:
    return {
        "call_id": call.call_id,
        "state": "live" if call.ended_at is None else "ended",
        "transport": call.transport,
        "channels": call.channels,
        "models": call.models,
        "horizon_s": call.horizon_s,
        "hop_s": call.hop_s,
        "tags": call.tags,
        "started_at": told(call.started_at),
        "ended_at": None if call.ended_at is None else told(call.ended_at),
        "reason": call.reason,
        "duration_s": call.duration_s or 0.0,
        "speaking": [],
        "speaker": None,
        "emotions": {},
        "alerts": [
            AlertView(**{name: getattr(alert, name) for name in AlertView.__struct_fields__}) for alert in alerts
        ],
        "last_seq": call.last_seq or 0,
    }
