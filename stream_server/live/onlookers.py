"""`/v1/events` for those who look on: as WebSocket and as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress

from starlette.responses import StreamingResponse
from starlette.types import Message as ASGIMessage
from starlette.types import Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from monitor.events import EVENTS, event_type
from stream_server.faults import Refusal
from stream_server.live.engine import Engine
from stream_server.live.fanout import Batch, Filter, Onlooker
from stream_server.live.outbox import Message
from stream_server.live.wire import Wire, wire_of

EVENT_TYPES = frozenset(event_type(event) for event in EVENTS)
PARAMETERS = frozenset({"call_id", "types", "role", "tag", "after"})
HEARTBEAT_S = 15.0
MOST_AT_ONCE = 200
"""Messages that go to a slow reader as one piece."""
SEND_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 2.0
TOO_SLOW = 1008


def parse_filter(query: Mapping[str, str]) -> Filter:
    """Raises Refusal for a parameter there is not, a type that is no event's, and a tag that is not `key:value`."""
    surplus = sorted(set(query) - PARAMETERS)
    if surplus:
        known = ", ".join(sorted(PARAMETERS))
        raise Refusal("request.invalid", f"no such parameter: {', '.join(surplus)}; there are {known}")
    types = frozenset(part for part in query.get("types", "").split(",") if part)
    if types - EVENT_TYPES:
        known = ", ".join(sorted(EVENT_TYPES))
        raise Refusal("request.invalid", f"types {', '.join(sorted(types - EVENT_TYPES))}: unknown; there are {known}")
    tag = query.get("tag")
    if tag is not None and ":" not in tag:
        raise Refusal("request.invalid", f"tag {tag!r} is not key:value")
    key, _, value = (tag or "").partition(":")
    return Filter(query.get("call_id"), types, query.get("role"), None if tag is None else (key, value))


async def watch(socket: WebSocket, engine: Engine) -> None:
    """Send arrays of events until the onlooker leaves or the server stops. What it sends is not looked at."""
    await socket.accept()
    try:
        wanted = parse_filter(socket.query_params)
    except Refusal as refusal:
        engine.instruments.faults.labels(refusal.fault.code).inc()
        await socket.close(refusal.fault.close or 1011, refusal.reason.encode()[:120].decode(errors="ignore"))
        return
    onlooker = engine.fanout.join(wanted, socket.query_params.get("after"))
    sending = asyncio.create_task(_send(wire_of(socket), onlooker))
    leaving = asyncio.create_task(_until_gone(socket))
    overrun = asyncio.create_task(onlooker.outbox.overrun_or_closed())
    try:
        await asyncio.wait((sending, leaving, overrun), return_when=asyncio.FIRST_COMPLETED)
        if onlooker.outbox.overrun:
            await _close(socket, TOO_SLOW, "you read too slowly")
        elif not leaving.done():
            await asyncio.wait((sending,), timeout=CLOSE_TIMEOUT_S)  # it has a last word to say
            too_slow = sending.done() and not sending.result()
            await _close(socket, TOO_SLOW if too_slow else 1012, "you read too slowly" if too_slow else "stopping")
    finally:
        _leave(engine, wanted, onlooker)
        for task in (sending, leaving, overrun):
            task.cancel()


async def _send(wire: Wire, onlooker: Onlooker) -> bool:
    """Let the onlooker have batches at once, and what it was too slow for as it catches up, until there are no more;
    False if it does not read them."""
    onlooker.direct = lambda batch: wire.send_now(batch.frame)
    while await onlooker.outbox.first() is not None:
        if not await wire.may_write(SEND_TIMEOUT_S):
            return False
        if wire.gone:
            return True
        wire.send_now(Batch(onlooker.outbox.drain(MOST_AT_ONCE)).frame)
    return True


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    with suppress(TimeoutError, WebSocketDisconnect, RuntimeError, OSError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await socket.close(code, reason)


async def _until_gone(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def _leave(engine: Engine, wanted: Filter, onlooker: Onlooker) -> None:
    engine.fanout.leave(wanted, onlooker)
    if onlooker.outbox.dropped:
        engine.instruments.events_dropped.labels("onlooker").inc(onlooker.outbox.dropped)


class PromptResponse(StreamingResponse):
    """A streaming response that gives up on a reader who does not take the next piece in time."""

    async def stream_response(self, send: Send) -> None:
        async def send_in_time(message: ASGIMessage) -> None:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await send(message)

        with suppress(TimeoutError):
            await super().stream_response(send_in_time)


async def server_sent(engine: Engine, wanted: Filter, after: str | None) -> AsyncIterator[bytes]:
    """The same as server-sent events, one per event, with a comment every 15 s to keep proxies awake."""
    onlooker = engine.fanout.join(wanted, after)
    outbox = onlooker.outbox
    upcoming = asyncio.ensure_future(outbox.first())
    try:
        yield b": listening\n\n"
        while True:
            done, _ = await asyncio.wait((upcoming,), timeout=HEARTBEAT_S)
            if not done:
                yield b": still here\n\n"
                continue
            if upcoming.result() is None:
                return
            yield b"".join([_server_sent(message) for message in outbox.drain(MOST_AT_ONCE)])
            upcoming = asyncio.ensure_future(outbox.first())
    finally:
        upcoming.cancel()
        _leave(engine, wanted, onlooker)


def _server_sent(message: Message) -> bytes:
    return f"id: {message.id}\nevent: {message.type}\ndata: ".encode() + message.data + b"\n\n"
