"""`WS /v1/stream`: audio in, events out on the same socket."""

from __future__ import annotations

import asyncio
import logging

from starlette.websockets import WebSocket, WebSocketDisconnect

from monitor.events import Error, encode
from stream_server.faults import FAULTS, Refusal
from stream_server.live.engine import Engine
from stream_server.live.intake import Intake, parse_parameters
from stream_server.live.livecall import LiveCall
from stream_server.live.outbox import deliver
from stream_server.live.reception import FINISHED, Reception
from stream_server.live.wire import Wire, text_frame, wire_of

log = logging.getLogger("undertone.stream")
MAX_MESSAGE_BYTES = 1 << 20
TOO_BIG = "a message may have 1 MiB at most; send audio in smaller ones"
CLOSE_TIMEOUT_S = 2.0
REASON_BYTES = 120
SEND_TIMEOUT_S = 30.0
LINGER_S = 10.0
"""How long a client that is cut because it does not read may still take to read why."""


async def stream(socket: WebSocket, engine: Engine) -> None:
    """Serve one stream from its handshake to its close."""
    await socket.accept()
    try:
        parameters = parse_parameters(socket.query_params)
        intake = Intake(parameters)
        call = engine.open_call(parameters.call_id, parameters.roles, "websocket")
    except Refusal as refusal:
        engine.instruments.faults.labels(refusal.fault.code).inc()
        log.info("a stream was refused: %s: %s", refusal.fault.code, refusal.reason)
        await _refuse(socket, refusal)
        return
    try:
        await _converse(socket, call, _Reader(socket, call, Reception(call, intake, engine)))
    finally:
        call.abort("server.failed")
        engine.forget(call)


async def _converse(socket: WebSocket, call: LiveCall, reader: _Reader) -> None:
    """Read and write until both are done; close the socket with the code that says why."""
    writing = asyncio.create_task(deliver(call.outbox, _Socket(wire_of(socket)), SEND_TIMEOUT_S))
    reading = asyncio.create_task(reader.run())
    try:
        await asyncio.wait((reading, writing), return_when=asyncio.FIRST_COMPLETED)
        if writing.done():
            call.finish(writing.result())
        await call.ended.wait()
        written = await writing
        if written == "client.too_slow":
            rest = b"".join(text_frame(message.data) for message in call.outbox.drain(len(call.outbox)))
            await wire_of(socket).cut(rest, 1008, "you read too slowly", LINGER_S)
        else:
            failed = FAULTS["server.failed" if call.failed else "server.stopping"]
            await _close(socket, reading.result() if reading.done() else failed.close or 1011)
    finally:
        reading.cancel()
        writing.cancel()


class _Reader:
    """Reads a socket until the stream is over; gives the code to close it with, 1005 if it is closed already.

    Audio mostly comes through `Reception.take`, straight from the transport; through the socket comes what has to wait.
    """

    def __init__(self, socket: WebSocket, call: LiveCall, reception: Reception) -> None:
        self._socket = socket
        self._call = call
        self._reception = reception

    async def run(self) -> int:
        wire = wire_of(self._socket)
        wire.take = self._reception.take
        try:
            return await self._read()
        except Exception:
            self._call.fail()
            return 1011
        finally:
            wire.take = None

    async def _read(self) -> int:
        while not self._call.ended.is_set():
            try:
                async with asyncio.timeout_at(self._reception.due_at):
                    message = await self._socket.receive()
            except TimeoutError:
                ended = self._reception.overdue()
            else:
                if message["type"] == "websocket.disconnect":
                    return self._gone(message.get("code", 1005))
                ended = await self._received(message.get("bytes"), message.get("text"))
            if ended is not None:
                return 1000 if ended == FINISHED else FAULTS[ended].close or 1011
            await asyncio.sleep(0)  # messages that wait already must not keep the loop from other calls
        return 1000

    async def _received(self, data: bytes | None, text: str | None) -> str | None:
        """Take a message in; the reason for which it ended the call."""
        if len(data or (text or "").encode()) > MAX_MESSAGE_BYTES:
            return self._reception.end("message.too_big", TOO_BIG)
        if data:
            return await self._reception.hear(data)
        return None if text is None else self._reception.obey(text)

    def _gone(self, code: int) -> int:
        """The socket is closed. 1009 is said by our own WebSocket layer, for a message that it did not take whole."""
        if code == FAULTS["message.too_big"].close:
            self._reception.end("message.too_big", TOO_BIG)
        else:
            self._call.finish("client.disconnected")
        return 1005


class _Socket:
    """A WebSocket as the way to a call's client."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @property
    def gone(self) -> bool:
        return self._wire.gone

    def send(self, data: bytes) -> bool:
        return self._wire.send_now(text_frame(data))

    async def may_send(self, seconds: float) -> bool:
        return await self._wire.may_write(seconds)


async def _refuse(socket: WebSocket, refusal: Refusal) -> None:
    error = Error(
        call_id=socket.query_params.get("call_id", "")[:128],
        seq=0,
        t=0.0,
        code=refusal.fault.code,
        reason=refusal.reason,
        call_survives=False,
        retry_after_s=refusal.retry_after_s,
    )
    try:
        await socket.send_text(encode(error).decode())
    except (WebSocketDisconnect, RuntimeError):
        return
    await _close(socket, refusal.fault.close or 1011, refusal.reason)


async def _close(socket: WebSocket, code: int, reason: str = "") -> None:
    """Close, unless the peer has; the reason is cut to what a close frame holds."""
    if code == 1005:
        return
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await socket.close(code, reason.encode()[:REASON_BYTES].decode(errors="ignore"))
    except (TimeoutError, RuntimeError, WebSocketDisconnect, OSError):
        log.debug("the peer had closed already, or does not read")
