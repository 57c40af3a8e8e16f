"""`WS /v1/stream`: audio in, events out on the same socket."""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from monitor.events import Error, encode
from monitor.session import State
from stream_server.engine import Engine
from stream_server.faults import FAULTS, Refusal
from stream_server.intake import Intake, parse_parameters
from stream_server.livecall import LiveCall
from stream_server.wire import text_frame, wire_of
from vad.pcm import Samples

log = logging.getLogger("undertone.stream")
MAX_MESSAGE_BYTES = 1 << 20
MOST_NOT_CONTROL = 20
TOO_BIG = "a message may have 1 MiB at most; send audio in smaller ones"
CLOSE_TIMEOUT_S = 2.0
REASON_BYTES = 120
SEND_TIMEOUT_S = 30.0
LINGER_S = 10.0
"""How long a client that is cut because it does not read may still take to read why."""
Text = Annotated[str, msgspec.Meta(max_length=256)]


class Finish(msgspec.Struct, tag="finish", tag_field="type", forbid_unknown_fields=True):
    """No more audio will come."""


class Configure(msgspec.Struct, tag="configure", tag_field="type", forbid_unknown_fields=True):
    """Change what the call is labelled with, or whether `emotion.frames` are sent."""

    tags: Annotated[dict[Text, Text], msgspec.Meta(max_length=32)] | None = None
    frames: bool | None = None


_control = msgspec.json.Decoder(Finish | Configure)


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
        await _converse(socket, call, _Reader(socket, call, intake, engine))
    finally:
        call.abort("server.failed")
        engine.forget(call)


async def _converse(socket: WebSocket, call: LiveCall, reader: _Reader) -> None:
    """Read and write until both are done; close the socket with the code that says why."""
    writing = asyncio.create_task(_write(socket, call))
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

    Audio mostly comes through `_take`, straight from the transport; through the socket comes what has to wait.
    """

    def __init__(self, socket: WebSocket, call: LiveCall, intake: Intake, engine: Engine) -> None:
        self._socket = socket
        self._call = call
        self._intake = intake
        self._engine = engine
        self._idle_s = engine.settings.stream.idle_timeout_s
        self._max_call_s = engine.settings.stream.max_call_s
        self._ingest = engine.instruments.stage_seconds.labels("ingest", "")
        self._loop = asyncio.get_running_loop()
        self._began_at = self._audio_at = self._loop.time()
        self._not_control = self._not_finite = 0
        call.last_words = self._flush

    async def run(self) -> int:
        wire = wire_of(self._socket)
        wire.take = self._take
        try:
            return await self._read()
        except Exception:
            self._call.fail()
            return 1011
        finally:
            wire.take = None

    async def _read(self) -> int:
        while not self._call.ended.is_set():
            too_long_at = self._began_at + self._max_call_s
            try:
                async with asyncio.timeout_at(min(self._audio_at + self._idle_s, too_long_at)):
                    message = await self._socket.receive()
            except TimeoutError:
                if self._loop.time() >= too_long_at:
                    return self._end("call.too_long", f"a call may last {self._max_call_s:g} s; this one ends here")
                if self._loop.time() < self._audio_at + self._idle_s:
                    continue
                return self._end("call.idle", f"no audio came for {self._idle_s:g} s; the call ends here")
            if message["type"] == "websocket.disconnect":
                return self._gone(message.get("code", 1005))
            data, text = message.get("bytes"), message.get("text")
            if len(data or (text or "").encode()) > MAX_MESSAGE_BYTES:
                return self._end("message.too_big", TOO_BIG)
            if data:
                self._audio_at = self._loop.time()
                if self._intake.position_s > self._max_call_s:
                    return self._end("call.too_long", f"a call may last {self._max_call_s:g} s; this one ends here")
                await self._hear(data)
            elif text is not None and self._obey(text):
                self._call.finish("finished")
                return 1000
            if self._not_control > MOST_NOT_CONTROL:
                return self._end("message.flood", "text messages that are no control messages keep coming")
            await asyncio.sleep(0)  # messages that wait already must not keep the loop from other calls
        return 1000

    def _take(self, data: bytes) -> bool:
        """Take in a message at once, unless there is something to wait for or to say about it."""
        intake = self._intake
        if not data:
            return False
        if self._call.session.state is not State.LIVE:
            return True
        if not intake.due(len(data)):  # most messages of 20 ms
            self._audio_at = self._loop.time()
            intake.gather(data)
            self._call.arrived(intake.position_s)
            return True
        if len(data) > intake.second_bytes or intake.position_s > self._max_call_s or not self._call.has_room:
            return False
        self._audio_at = self._loop.time()
        try:
            self._feed(data)
        except Exception:
            self._call.fail()
        return True

    def _feed(self, data: bytes) -> None:
        """Take in audio; what comes once the call is to finish is left out."""
        if self._call.session.state is not State.LIVE:
            return
        due = self._intake.due(len(data))
        self._intake.gather(data)
        self._call.arrived(self._intake.position_s)
        if due:
            with self._ingest.time():
                self._give(self._intake.give(self._engine.grain_samples))

    def _give(self, channels: list[Samples]) -> None:
        self._call.feed(channels)
        if self._intake.not_finite_samples > self._not_finite:
            self._not_finite = self._intake.not_finite_samples
            self._call.warn("audio.not_finite", "samples were NaN or infinite; they count as 0")

    async def _hear(self, data: bytes) -> None:
        """Take in a message, by the second: a long one must neither hold up other calls nor fill the queue."""
        for at in range(0, len(data), self._intake.second_bytes):
            self._feed(data[at : at + self._intake.second_bytes])
            if at:
                await asyncio.sleep(0)
            await self._call.room()

    def _obey(self, text: str) -> bool:
        """Act on a control message; whether it was `finish`."""
        try:
            control = _control.decode(text)
        except msgspec.DecodeError as error:
            self._not_control += 1
            self._call.reject(
                "message.not_control",
                f'a text message must be a control message such as {{"type":"finish"}}; audio must be binary '
                f"({error}). The call goes on",
            )
            return False
        if isinstance(control, Finish):
            return True
        if control.tags is not None:
            self._call.session.tags.clear()
            self._call.session.tags.update(control.tags)
        if control.frames is not None:
            self._call.session.send_frames(control.frames)
        return False

    def _flush(self) -> None:
        """Before the call finishes, whoever ends it: what was not fed yet."""
        rest, odd_bytes = self._intake.flush()
        self._give(rest)
        if odd_bytes:
            self._call.warn(
                "audio.remainder", f"the stream ended in the middle of a sample; {odd_bytes} odd byte(s) were dropped"
            )

    def _gone(self, code: int) -> int:
        """The socket is closed. 1009 is said by our own WebSocket layer, for a message that it did not take whole."""
        if code == FAULTS["message.too_big"].close:
            self._call.reject("message.too_big", TOO_BIG)
        self._call.finish("message.too_big" if code == FAULTS["message.too_big"].close else "client.disconnected")
        return 1005

    def _end(self, code: str, reason: str) -> int:
        self._call.reject(code, reason)
        self._call.finish(code)
        return FAULTS[code].close or 1011


async def _write(socket: WebSocket, call: LiveCall) -> str:
    """Send the call's events until the last: at once where the peer keeps up, else as it does. Gives the reason for
    which it stopped."""
    wire = wire_of(socket)
    call.outbox.direct = lambda message: wire.send_now(text_frame(message.data))
    while await call.outbox.first():
        if not await wire.may_write(SEND_TIMEOUT_S):
            return "client.too_slow"
        if wire.gone:
            return "client.disconnected"
        message = await call.outbox.first()  # meanwhile another one may have become that
        if message is not None and wire.send_now(text_frame(message.data)):
            call.outbox.delivered(message)
    return "client.too_slow" if call.outbox.overrun else "finished"


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
