"""REST of calls: those that are live or ended lately from memory, all others from the history."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from fastapi import FastAPI, Query, Request, Response
from sqlalchemy import Connection
from starlette.responses import StreamingResponse

from history.archive import StoredCall, Wanted, find, newest, timeline, turns_of
from history.clock import kept
from history.desk import note_call
from history.keeping import History
from history.retention import LiveError
from stream_server.bodies import answers, asks, json, read_json
from stream_server.faults import Refusal
from stream_server.live.callbook import CallDetails, CallView
from stream_server.live.engine import Engine
from stream_server.rest import pastcalls
from stream_server.rest.export import (
    MEDIA,
    CallRow,
    Format,
    SecondRow,
    TurnRow,
    call_row,
    check,
    exported,
    second_row,
    turn_row,
)
from stream_server.rest.pastcalls import CallPage, Notes, Summary, Timeline, Turns
from stream_server.rest.summarypicture import picture
from stream_server.rest.summarywords import LANGUAGES

VIEWS_AT_ONCE = 8
"""Calls whose recent past is unpacked in one turn of the loop."""
EXPORTED_AT_ONCE = 200
MOST, USUAL = 500, 50
"""Calls or alerts of a page."""
T = TypeVar("T")
By = Annotated[str, Query(min_length=1, max_length=128, description="who asks for it, for the audit")]
As = Annotated[Format, Query(alias="format", description="parquet needs pyarrow")]
From = Annotated[str | None, Query(alias="from", description="from this time or day on (RFC 3339)")]
To = Annotated[str | None, Query(description="before this time or day")]
Limit = Annotated[int, Query(ge=1, le=MOST)]
Cursor = Annotated[str | None, Query(description="`next` of the page before")]
Tags = Annotated[list[str] | None, Query(description="only calls with this tag, key:value; may be repeated")]


class NewNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something to be written down of a call, and by whom."""

    by: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]


def history_of(engine: Engine) -> History:
    """Raises Refusal where none is kept."""
    if engine.history is None:
        raise Refusal("history.unavailable", "this server keeps no history")
    return engine.history


def moment(name: str, at: str | None) -> float | None:
    """A time of a query, in seconds since 1970. Raises Refusal."""
    if at is None:
        return None
    try:
        return kept(at.replace(" ", "+"))  # a plus that was not encoded
    except (ValueError, OverflowError):
        raise Refusal(
            "request.invalid", f"{name}: {at!r} is neither a day nor a time such as 2026-11-21T13:37:56Z"
        ) from None


def pair(tag: str) -> tuple[str, str]:
    """A tag of a query. Raises Refusal."""
    key, colon, value = tag.partition(":")
    if not colon:
        raise Refusal("request.invalid", f"tag {tag!r} is not key:value")
    return key, value


def page_after(cursor: str | None) -> tuple[float, int] | None:
    """Raises Refusal."""
    try:
        return None if cursor is None else pastcalls.place(cursor)
    except ValueError:
        raise Refusal("request.invalid", f"cursor {cursor!r} is not the `next` of a page") from None


def table(
    wanted: Format, name: str, row: type[msgspec.Struct], pages: AsyncIterator[Sequence[Any]]
) -> StreamingResponse:
    """An answer that is a file."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.{wanted}"', "Cache-Control": "no-store"}
    return StreamingResponse(exported(wanted, row, pages), media_type=MEDIA[wanted], headers=headers)


def add_calls(app: FastAPI, engine: Engine) -> None:
    _add_list(app, engine)
    _add_details(app, engine)
    _add_deletion(app, engine)


def _add_list(app: FastAPI, engine: Engine) -> None:
    @app.get("/v1/calls", tags=["calls"], responses=answers(CallPage))
    async def list_calls(
        recent_s: Annotated[float, Query(ge=0, le=600, description="seconds of each live call's timeline")] = 0,
        state: Annotated[Literal["live", "ended"] | None, Query()] = None,
        since: From = None,
        to: To = None,
        tag: Tags = None,
        role: Annotated[str | None, Query(description="only calls in which somebody has this role")] = None,
        emotion: Annotated[str | None, Query(description="only calls whose label this is on the whole")] = None,
        alert: Annotated[str | None, Query(description="only calls with an alert of this rule; *: of any")] = None,
        limit: Annotated[int | None, Query(ge=1, le=MOST)] = None,
        cursor: Cursor = None,
        form: As = "json",
    ) -> Response:
        """Calls, newest first. Without any parameter but recent_s: those that are live or ended lately, from memory."""
        asked = (state, since, to, tag, role, emotion, alert, limit, cursor)
        if form == "json" and not any(asked):
            return await _lately(engine, recent_s)
        facets = [(f"tag:{key}", value) for key, value in map(pair, tag or ())]
        facets += [(name, value) for name, value in (("role", role), ("emotion", emotion), ("alert", alert)) if value]
        wanted = Wanted(
            live=None if state is None else state == "live",
            since=moment("from", since),
            until=moment("to", to),
            facets=tuple(facets),
            before=page_after(cursor),
            limit=limit or USUAL,
        )
        if form != "json":
            check(form)
            return table(form, "calls", CallRow, _all_calls(history_of(engine), wanted))
        found = await history_of(engine).read(pastcalls.page, replace(wanted, limit=wanted.limit + 1))
        shown = found[: wanted.limit]
        views = [_newest_view(engine, call, pastcalls.view(call, alerts), recent_s) for call, alerts in shown]
        last = shown[-1][0] if len(found) > wanted.limit else None
        return json(CallPage(views, None if last is None else pastcalls.cursor((last.started_at, last.key))))


async def _lately(engine: Engine, recent_s: float) -> Response:
    views = []
    for number, record in enumerate(engine.book.all()):
        if recent_s and number % VIEWS_AT_ONCE == 0:
            await asyncio.sleep(0)  # the calls come first
        views.append(record.view(recent_s))
    return json(CallPage(views))


def _newest_view(engine: Engine, call: StoredCall, past: CallView, recent_s: float) -> CallView:
    """A call that is live here is shown as it is now."""
    record = engine.book.find(call.call_id) if call.ended_at is None else None
    return past if record is None else record.view(recent_s)


async def _all_calls(history: History, wanted: Wanted) -> AsyncIterator[Sequence[Any]]:
    """Everything that is wanted, a page at a time; `limit` is of no account."""

    def rows(connection: Connection, wanted: Wanted) -> tuple[list[Any], tuple[float, int] | None]:
        found = find(connection, wanted)
        return [call_row(call) for call in found], (found[-1].started_at, found[-1].key) if found else None

    before = wanted.before
    while True:
        page, before = await history.read(rows, replace(wanted, before=before, limit=EXPORTED_AT_ONCE))
        if before is None:
            return
        yield page


def _add_details(app: FastAPI, engine: Engine) -> None:
    @app.get("/v1/calls/{call_id}", tags=["calls"], responses=answers(CallDetails))
    async def show_call(call_id: str) -> Response:
        """One call with its summary so far, emotion timeline, speaker changes and warnings."""
        return json(await _details(engine, call_id))

    @app.get("/v1/calls/{call_id}/timeline", tags=["calls"], responses=answers(Timeline))
    async def show_timeline(
        call_id: str,
        from_s: Annotated[float, Query(ge=0, description="from this second of the call on")] = 0,
        form: As = "json",
    ) -> Response:
        """The emotion of a call by the second, all of it; of a live call up to half a second ago."""
        if form == "json":
            whole = _encoded(lambda at, call: pastcalls.timeline_of(at, call, from_s))
            return json(await _found(engine, call_id, whole))
        check(form)
        rows = await _found(
            engine, call_id, _rows(lambda at, call: [second_row(each) for each in timeline(at, call, from_s)])
        )
        return table(form, f"{call_id}-timeline", SecondRow, _in_pages(rows))

    @app.get("/v1/calls/{call_id}/turns", tags=["calls"], responses=answers(Turns))
    async def show_turns(call_id: str, form: As = "json") -> Response:
        """The turns of a call, each with its emotion; `end_s` is null of one that goes on."""
        if form == "json":
            return json(await _found(engine, call_id, _encoded(pastcalls.turns_view)))
        check(form)
        rows = await _found(
            engine, call_id, _rows(lambda at, call: [turn_row(each) for each in turns_of(at, call.key)])
        )
        return table(form, f"{call_id}-turns", TurnRow, _in_pages(rows))

    @app.get("/v1/calls/{call_id}/summary", tags=["calls"], responses=answers(Summary))
    async def show_summary(call_id: str) -> Response:
        """The summary of a call, so far if it is live."""
        return json(await summary_of(engine, call_id))

    @app.get("/v1/calls/{call_id}/summary.svg", tags=["calls"], response_class=Response)
    async def draw_summary(
        call_id: str, lang: Annotated[Literal["en", "zh"], Query(description="of the words in it")] = "en"
    ) -> Response:
        """The summary of a call as a picture of one page."""
        details = await _details(engine, call_id)
        if details.summary is None:
            raise Refusal("call.not_found", f"call {call_id[:128]!r} broke off; there is no summary of it")
        drawn = await asyncio.to_thread(picture, details, LANGUAGES[lang])
        headers = {"Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "no-store"}
        return Response(drawn, media_type="image/svg+xml", headers=headers)

    @app.get("/v1/calls/{call_id}/notes", tags=["calls"], responses=answers(Notes))
    async def show_notes(call_id: str) -> Response:
        """What people wrote of a call and of its alerts, oldest first."""
        return json(await _found(engine, call_id, pastcalls.notes_view))

    @app.post("/v1/calls/{call_id}/notes", tags=["calls"], responses=answers(Notes), openapi_extra=asks(NewNote))
    async def write_note(request: Request, call_id: str) -> Response:
        """Write something down of a call; all its notes come back."""
        new = await read_json(request, NewNote)
        await history_of(engine).settle()

        def write(connection: Connection) -> Notes | None:
            call = newest(connection, call_id)
            if call is not None:
                note_call(connection, call.key, new.by, new.text, time.time())
            return pastcalls.notes_view(connection, call_id)

        notes = await history_of(engine).change(write)
        if notes is None:
            raise _no_call(call_id)
        return json(notes)


async def _details(engine: Engine, call_id: str) -> CallDetails:
    """From memory while the call is there, else from the history. Raises Refusal."""
    record = engine.book.find(call_id)
    if record is not None:
        return record.details()
    if engine.history is None:
        raise _no_call(call_id)
    return await _found(engine, call_id, pastcalls.details)


async def summary_of(engine: Engine, call_id: str) -> Summary:
    """From memory while the call is there, else from the history. Raises Refusal."""
    record = engine.book.find(call_id)
    if record is not None:
        details = record.details()
        if details.summary is not None:
            return Summary(call_id, details.state, details.summary)
    return await _found(engine, call_id, pastcalls.summary_view)


def _add_deletion(app: FastAPI, engine: Engine) -> None:
    @app.delete("/v1/calls/{call_id}", tags=["calls"], status_code=204, response_class=Response)
    async def delete_call(call_id: str, by: By = "unknown") -> Response:
        """Delete a call that has ended, and all that is known of it; of several with one id, all of them."""
        if engine.book.is_live(call_id):
            raise Refusal("call.live", f"call {call_id[:128]!r} is live; it can be deleted once it has ended")
        history = history_of(engine)
        await history.settle()
        try:
            kept_there = await history.forget(call_id, by)
        except LiveError:
            raise Refusal("call.live", f"call {call_id[:128]!r} is live on another server") from None
        known_here = engine.book.forget(call_id)
        engine.fanout.forget(call_id)
        if not kept_there and not known_here:
            raise _no_call(call_id)
        return Response(status_code=204)


async def _found(engine: Engine, call_id: str, ask: Callable[[Connection, str], T | None]) -> T:
    """What is asked about a call. Raises Refusal where there is no such call."""
    found = await history_of(engine).read(ask, call_id)
    if found is None:
        raise _no_call(call_id)
    return found


def _encoded(ask: Callable[[Connection, str], Any | None]) -> Callable[[Connection, str], msgspec.Raw | None]:
    """The same as JSON, which is made where the question is answered: long calls would hold up the event loop."""

    def encode(connection: Connection, call_id: str) -> msgspec.Raw | None:
        found = ask(connection, call_id)
        return None if found is None else msgspec.Raw(msgspec.json.encode(found))

    return encode


def _rows(of: Callable[[Connection, StoredCall], list[Any]]) -> Callable[[Connection, str], list[Any] | None]:
    def ask(connection: Connection, call_id: str) -> list[Any] | None:
        call = newest(connection, call_id)
        return None if call is None else of(connection, call)

    return ask


async def _in_pages(rows: list[Any]) -> AsyncIterator[Sequence[Any]]:
    for at in range(0, len(rows), EXPORTED_AT_ONCE):
        yield rows[at : at + EXPORTED_AT_ONCE]
        await asyncio.sleep(0)  # the calls come first


def _no_call(call_id: str) -> Refusal:
    return Refusal("call.not_found", f"there is no call {call_id[:128]!r}")
