"""REST of what alerts there were, what people did about them, and how it goes over weeks."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from fastapi import FastAPI, Query, Request, Response
from sqlalchemy import Connection

from history.clock import told
from history.desk import (
    Action,
    Attention,
    ResolvedError,
    StoredAlert,
    WantedAlerts,
    act,
    find_alert,
    find_alerts,
    trail,
)
from history.keeping import History
from history.tally import DAY_S
from history.trends import Question, Trend, ask, tag_keys
from stream_server.bodies import answers, asks, json, read_json
from stream_server.faults import Refusal
from stream_server.live.engine import Engine
from stream_server.rest import pastcalls
from stream_server.rest.calls import (
    EXPORTED_AT_ONCE,
    As,
    Cursor,
    From,
    Limit,
    To,
    history_of,
    moment,
    page_after,
    pair,
    table,
)
from stream_server.rest.export import AlertRow, alert_row, check
from stream_server.rest.pastcalls import AlertPage, AlertRecord

LONGEST_SNOOZE_S = 7 * DAY_S
LONGEST_SPAN_S = 366 * DAY_S
LONGEST_BY_HOUR_S = 31 * DAY_S
USUAL_SPAN_S = 30 * DAY_S
BY = ("hour", "day", "week", "role", "agent")


class Attended(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody does about an alert: who, a note, and of a snooze for how long."""

    by: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)] | None = None
    for_s: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_SNOOZE_S)] | None = None


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what; `call_id` is null where it was a call that is no more."""

    at: str
    by: str
    action: str
    call_id: str | None
    alert_id: str | None
    detail: dict[str, Any] | None


class AuditPage(msgspec.Struct, frozen=True):
    """Newest first. `next`: the cursor of the next page, null after the last."""

    entries: list[AuditEntry]
    next: str | None = None


class Trends(msgspec.Struct, frozen=True, kw_only=True):
    """`by`, `since` and `until` as they were understood; `tags`: keys of tags that can be asked by."""

    by: str
    since: str
    until: str
    trends: list[Trend]
    tags: list[str]


def add_alerts(app: FastAPI, engine: Engine) -> None:
    _add_list(app, engine)
    _add_actions(app, engine)
    _add_audit(app, engine)
    _add_trends(app, engine)


def _add_list(app: FastAPI, engine: Engine) -> None:
    @app.get("/v1/alerts", tags=["alerts"], responses=answers(AlertPage))
    async def list_alerts(
        state: Annotated[Literal["open", "cleared"] | None, Query()] = None,
        attention: Annotated[Attention | None, Query(description="what people did about it")] = None,
        rule: Annotated[str | None, Query()] = None,
        severity: Annotated[str | None, Query()] = None,
        role: Annotated[str | None, Query()] = None,
        call_id: Annotated[str | None, Query()] = None,
        since: From = None,
        to: To = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        form: As = "json",
    ) -> Response:
        """Alerts, newest first."""
        wanted = WantedAlerts(
            now=time.time(),
            call_id=call_id,
            rule=rule,
            severity=severity,
            role=role,
            is_open=None if state is None else state == "open",
            attention=attention,
            since=moment("from", since),
            until=moment("to", to),
            before=page_after(cursor),
            limit=limit,
        )
        if form != "json":
            check(form)
            return table(form, "alerts", AlertRow, _all_alerts(history_of(engine), wanted))
        found = await history_of(engine).read(find_alerts, replace(wanted, limit=limit + 1))
        more = pastcalls.cursor((found[limit - 1].raised_at, found[limit - 1].key)) if len(found) > limit else None
        return json(AlertPage([pastcalls.record(alert) for alert in found[:limit]], more))


async def _all_alerts(history: History, wanted: WantedAlerts) -> AsyncIterator[Sequence[Any]]:
    """Everything that is wanted, a page at a time; `limit` is of no account."""
    before = wanted.before
    while True:
        page = await history.read(find_alerts, replace(wanted, before=before, limit=EXPORTED_AT_ONCE))
        if not page:
            return
        before = page[-1].raised_at, page[-1].key
        yield [alert_row(alert) for alert in page]


def _add_actions(app: FastAPI, engine: Engine) -> None:
    extra = asks(Attended)

    @app.post("/v1/alerts/{alert_id}/{action}", tags=["alerts"], responses=answers(AlertRecord), openapi_extra=extra)
    async def act_on_alert(request: Request, alert_id: str, action: Action) -> Response:
        """Acknowledge, snooze, resolve or comment an alert. It is committed when the answer comes."""
        done = await read_json(request, Attended)
        if action == "snooze" and done.for_s is None:
            raise Refusal("request.invalid", "for_s: for how many seconds the alert is to be snoozed is missing")
        if action == "comment" and done.text is None:
            raise Refusal("request.invalid", "text: what the comment says is missing")
        history, now = history_of(engine), time.time()
        until = now + done.for_s if action == "snooze" and done.for_s is not None else None

        def do(connection: Connection) -> StoredAlert | None:
            alert = find_alert(connection, alert_id)
            if alert is None:
                return None
            act(connection, alert, action, done.by, done.text, until, now)
            return find_alert(connection, alert_id)

        await history.settle()  # it may have been raised a moment ago
        try:
            alert = await history.change(do)
        except ResolvedError:
            raise Refusal(
                "alert.resolved", f"alert {alert_id[:160]!r} is resolved; it can still be commented on"
            ) from None
        if alert is None:
            raise Refusal("alert.not_found", f"there is no alert {alert_id[:160]!r}")
        return json(pastcalls.record(alert))


def _add_audit(app: FastAPI, engine: Engine) -> None:
    @app.get("/v1/audit", tags=["operations"], responses=answers(AuditPage))
    async def list_audit(limit: Limit = 50, cursor: Annotated[int | None, Query(ge=1)] = None) -> Response:
        """Who did what to calls and alerts, newest first."""
        found = await history_of(engine).read(trail, cursor, limit + 1)
        entries = [
            AuditEntry(
                at=told(entry.at),
                by=entry.by,
                action=entry.action,
                call_id=entry.call_id,
                alert_id=entry.alert_id,
                detail=entry.detail,
            )
            for entry in found[:limit]
        ]
        return json(AuditPage(entries, str(found[limit - 1].key) if len(found) > limit else None))


def _add_trends(app: FastAPI, engine: Engine) -> None:
    @app.get("/v1/trends", tags=["trends"], responses=answers(Trends))
    async def show_trends(
        by: Annotated[str, Query(description="hour, day, week (its hours), role, agent (a tag), tag:KEY")] = "day",
        since: From = None,
        to: To = None,
        role: Annotated[str | None, Query(description="what this role said; without it everyone")] = None,
        tag: Annotated[
            str | None, Query(description="only calls with this tag, key:value; by day and role only")
        ] = None,
        zone: Annotated[str | None, Query(description="whose days, such as Europe/Berlin; UTC without it")] = None,
    ) -> Response:
        """Emotion and alerts of the calls that began in a span, by default the last 30 days."""
        now = time.time()
        until = moment("to", to) or now + 1
        question = Question(
            _by(by), moment("from", since) or until - USUAL_SPAN_S, until, role, pair(tag) if tag else None, _zone(zone)
        )
        longest_s = LONGEST_BY_HOUR_S if question.by == "hour" else LONGEST_SPAN_S
        if not 0 < question.until - question.since <= longest_s:
            raise Refusal("request.invalid", f"from, to: expected a span of at most {longest_s // DAY_S} days")
        if question.tag is not None and question.by not in ("day", "role"):
            raise Refusal("request.invalid", "tag: sums of calls with a tag are kept by day; ask by=day or by=role")

        def find(connection: Connection) -> tuple[list[Trend], list[str]]:
            return ask(connection, question), tag_keys(connection)

        trends, tags = await history_of(engine).read(find)
        spans = {"since": told(question.since), "until": told(question.until)}
        return json(Trends(by=question.by, trends=trends, tags=tags, **spans))


def _by(by: str) -> str:
    if by in BY:
        return "tag:agent" if by == "agent" else by
    if by.startswith("tag:") and len(by) > len("tag:"):
        return by
    raise Refusal("request.invalid", f"by: {by!r} is none of {', '.join(BY)}, tag:KEY")


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return None if name is None else ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise Refusal("request.invalid", f"zone: {name!r} is no time zone such as Europe/Berlin") from None
