"""What people do about alerts and calls: acknowledge, snooze, resolve, comment; and the trace that it leaves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, insert, or_, select, update

from history.schema import alerts, audit, calls, notes
from monitor.events import Scores

Action = Literal["acknowledge", "snooze", "resolve", "comment"]
Attention = Literal["none", "acknowledged", "snoozed", "resolved"]
DONE: dict[Action, str] = {
    "acknowledge": "alert.acknowledged",
    "snooze": "alert.snoozed",
    "resolve": "alert.resolved",
    "comment": "alert.commented",
}


class StoredAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as its newest event has it, and what was done about it; times in seconds since 1970."""

    key: int
    call: int
    call_id: str
    alert_id: str
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
    raised_at: float
    cleared_at: float | None
    acknowledged_at: float | None
    acknowledged_by: str | None
    snoozed_until: float | None
    snoozed_by: str | None
    resolved_at: float | None
    resolved_by: str | None

    def attention(self, now: float) -> Attention:
        """What people have done about it, the last word first."""
        if self.resolved_at is not None:
            return "resolved"
        if self.snoozed_until is not None and self.snoozed_until > now:
            return "snoozed"
        return "none" if self.acknowledged_at is None else "acknowledged"


class Note(msgspec.Struct, frozen=True):
    """What somebody wrote, of a call or, with `alert_id`, of one of its alerts; `at` in seconds since 1970."""

    at: float
    by: str
    text: str
    alert_id: str | None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what; `call_id` is null where it was a call that is no more."""

    key: int
    at: float
    by: str
    action: str
    call_id: str | None
    alert_id: str | None
    detail: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class WantedAlerts:
    """Which alerts: None is any. Times in seconds since 1970; `before`: the place, `raised_at` and `key`, where the
    last page ended."""

    now: float
    call_id: str | None = None
    rule: str | None = None
    severity: str | None = None
    role: str | None = None
    is_open: bool | None = None
    attention: Attention | None = None
    since: float | None = None
    until: float | None = None
    before: tuple[float, int] | None = None
    limit: int = 50


class ResolvedError(Exception):
    """An alert that is resolved can be commented on, and nothing else."""


def find_alerts(connection: Connection, wanted: WantedAlerts) -> list[StoredAlert]:
    """The newest alerts of those wanted, newest first."""
    query = _alerts().where(*_conditions(wanted)).order_by(alerts.c.raised_at.desc(), alerts.c.id.desc())
    return [_stored(row) for row in connection.execute(query.limit(wanted.limit))]


def alerts_of(connection: Connection, keys: Sequence[int], most: int) -> dict[int, list[StoredAlert]]:
    """The newest alerts of some calls, by call, oldest first."""
    out: dict[int, list[StoredAlert]] = {key: [] for key in keys}
    query = _alerts().where(alerts.c.call.in_(keys)).order_by(alerts.c.call, alerts.c.raised_s, alerts.c.id)
    for row in connection.execute(query):
        out[row.call].append(_stored(row))
    return {key: found[-most:] for key, found in out.items()}


def find_alert(connection: Connection, alert_id: str) -> StoredAlert | None:
    """The last alert of this id: ids come again where those of calls do."""
    query = _alerts().where(alerts.c.alert_id == alert_id).order_by(alerts.c.id.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else _stored(row)


def act(
    connection: Connection,
    alert: StoredAlert,
    action: Action,
    by: str,
    text: str | None,
    until: float | None,
    now: float,
) -> None:
    """Do it, and keep who did. `until`: of a snooze. Raises ResolvedError."""
    if alert.resolved_at is not None and action != "comment":
        raise ResolvedError
    changes: dict[Action, dict[str, Any]] = {
        "acknowledge": {"acknowledged_at": now, "acknowledged_by": by},
        "snooze": {"snoozed_until": until, "snoozed_by": by},
        "resolve": {"resolved_at": now, "resolved_by": by},
        "comment": {},
    }
    if changes[action]:
        connection.execute(update(alerts).where(alerts.c.id == alert.key).values(changes[action]))
    if text is not None:
        note(connection, alert.call, alert.alert_id, by, text, now)
    _trace(connection, alert.call, DONE[action], by, now, alert.alert_id, None if until is None else {"until": until})


def note_call(connection: Connection, call: int, by: str, text: str, now: float) -> None:
    """Write something down of a call."""
    note(connection, call, None, by, text, now)
    _trace(connection, call, "call.commented", by, now, None, None)


def note(connection: Connection, call: int, alert_id: str | None, by: str, text: str, now: float) -> None:
    connection.execute(insert(notes).values(call=call, alert_id=alert_id, at=now, by=by, text=text))


def notes_of(connection: Connection, call: int) -> list[Note]:
    """Oldest first."""
    query = select(notes.c.at, notes.c.by, notes.c.text, notes.c.alert_id).where(notes.c.call == call)
    return [Note(*row) for row in connection.execute(query.order_by(notes.c.id))]


def trail(connection: Connection, before: int | None, limit: int) -> list[Entry]:
    """The newest entries of the audit before one of them, newest first."""
    query = select(audit, calls.c.call_id).select_from(audit.outerjoin(calls)).order_by(audit.c.id.desc())
    if before is not None:
        query = query.where(audit.c.id < before)
    return [
        Entry(
            key=row.id,
            at=row.at,
            by=row.by,
            action=row.action,
            call_id=row.call_id,
            alert_id=row.alert_id,
            detail=row.detail,
        )
        for row in connection.execute(query.limit(limit))
    ]


def _trace(
    connection: Connection,
    call: int,
    action: str,
    by: str,
    now: float,
    alert_id: str | None,
    detail: dict[str, Any] | None,
) -> None:
    connection.execute(insert(audit).values(call=call, at=now, by=by, action=action, alert_id=alert_id, detail=detail))


def _alerts() -> Select[Any]:
    return select(alerts, calls.c.call_id).join(calls)


def _stored(row: Row[Any]) -> StoredAlert:
    fields = {name: value for name, value in row._mapping.items() if name != "id"}
    return StoredAlert(key=row.id, **fields)


def _conditions(wanted: WantedAlerts) -> Iterator[ColumnElement[bool]]:
    for column, value in (
        (calls.c.call_id, wanted.call_id),
        (alerts.c.rule, wanted.rule),
        (alerts.c.severity, wanted.severity),
        (alerts.c.role, wanted.role),
    ):
        if value is not None:
            yield column == value
    if wanted.is_open is not None:
        yield alerts.c.cleared_at.is_(None) if wanted.is_open else alerts.c.cleared_at.is_not(None)
    if wanted.attention is not None:
        yield _attention(wanted.attention, wanted.now)
    if wanted.since is not None:
        yield alerts.c.raised_at >= wanted.since
    if wanted.until is not None:
        yield alerts.c.raised_at < wanted.until
    if wanted.before is not None:
        at, key = wanted.before
        yield or_(alerts.c.raised_at < at, and_(alerts.c.raised_at == at, alerts.c.id < key))


def _attention(attention: Attention, now: float) -> ColumnElement[bool]:
    """As `StoredAlert.attention` tells it."""
    resolved = alerts.c.resolved_at.is_not(None)
    snoozed = and_(~resolved, alerts.c.snoozed_until.is_not(None), alerts.c.snoozed_until > now)
    quiet = and_(~resolved, or_(alerts.c.snoozed_until.is_(None), alerts.c.snoozed_until <= now))
    match attention:
        case "resolved":
            return resolved
        case "snoozed":
            return snoozed
        case "acknowledged":
            return and_(quiet, alerts.c.acknowledged_at.is_not(None))
        case "none":
            return and_(quiet, alerts.c.acknowledged_at.is_(None))
