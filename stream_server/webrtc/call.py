"""A live call whose peer speaks WebRTC: what its process reports goes in, events go out on the data channel."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from stream_server.live.engine import Engine
from stream_server.live.intake import Intake, StreamParameters
from stream_server.live.livecall import LiveCall
from stream_server.live.outbox import deliver
from stream_server.live.reception import FINISHED, Reception
from stream_server.webrtc.process import RtcProcess
from stream_server.webrtc.wire import (
    Audio,
    Connected,
    Drop,
    End,
    Heard,
    Lost,
    Opened,
    Over,
    Report,
    Say,
    Shut,
    Taken,
    Told,
)
from vad.pcm import SAMPLE_BYTES

log = logging.getLogger("undertone.webrtc")
MOST_UNTAKEN_BYTES = 1 << 16
OPENS_WITHIN_S = 5.0
"""After the connection is there, until a data channel that was offered is no longer waited for."""
SEND_TIMEOUT_S = 30.0
LINGER_S = 0.5
"""From the last event handed over to the end of the connection: it is still to arrive."""
GOODBYE_S = 1.0
"""How long after the peer has left its DELETE may still come: some publishers close the connection first."""
LAST_EVENT_S = 2.0
LAST_AUDIO_S = 2.0
"""How long the process may take to hand over what audio it has when the call is to finish."""


class EventChannel:
    """The peer's data channel as the way to a call's client. Until it opens, events wait; without one, and once it is
    closed, they are let go: onlookers have them."""

    def __init__(self, call: int, process: RtcProcess, offered: bool, most_bytes: int) -> None:
        self._call = call
        self._process = process
        self._most_bytes = most_bytes
        self._awaited = offered
        self._open = False
        self._said = self._taken = 0
        self._decided = asyncio.Event()
        self._free = asyncio.Event()
        self._quiet = asyncio.Event()
        self._weigh()

    @property
    def gone(self) -> bool:
        """Never: a peer may close its channel and go on speaking."""
        return False

    def send(self, data: bytes) -> bool:
        if not self._free.is_set():
            return False
        if self._open and len(data) > self._most_bytes:
            log.warning("an event of %d bytes is left out: the peer takes %d at most", len(data), self._most_bytes)
        elif self._open:
            self._process.send(Say(self._call, data))
            self._said += len(data)
            self._weigh()
        return True

    async def may_send(self, seconds: float) -> bool:
        """Wait until the peer has caught up. As long as its channel may still open it is not slow: how long that may
        be is for others to say, and they then give it up."""
        await self._decided.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._free.wait()
        return self._free.is_set()

    async def settle(self) -> None:
        """Wait until the last event should have arrived."""
        if self._open:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_EVENT_S):
                    await self._quiet.wait()
            await asyncio.sleep(LINGER_S)

    def opened(self) -> None:
        self._open, self._awaited = True, False
        self._weigh()

    def taken(self, size: int) -> None:
        self._taken = size
        self._weigh()

    def shut(self) -> None:
        self._open = self._awaited = False
        self._weigh()

    def give_up(self) -> None:
        """It has not opened; if it does later, it has what comes then."""
        self._awaited = False
        self._weigh()

    def _weigh(self) -> None:
        behind = self._awaited or (self._open and self._said - self._taken > MOST_UNTAKEN_BYTES)
        (self._free.clear if behind else self._free.set)()
        (self._decided.clear if self._awaited else self._decided.set)()
        (self._quiet.set if self._taken >= self._said else self._quiet.clear)()


class RtcCall:
    """Joins a LiveCall to its peer. `receive` is called with every report, in the event loop; `run` serves the call
    until both are done with each other."""

    def __init__(
        self,
        number: int,
        process: RtcProcess,
        call: LiveCall,
        parameters: StreamParameters,
        engine: Engine,
        channel: EventChannel,
    ) -> None:
        self.call = call
        self._number = number
        self._process = process
        self._engine = engine
        self._channel = channel
        self._frame_bytes = SAMPLE_BYTES[parameters.encoding] * parameters.channels
        self._reception = Reception(call, Intake(parameters), engine, self.finish)
        self._loop = asyncio.get_running_loop()
        self._connect_by: float | None = self._loop.time() + engine.settings.webrtc.connect_timeout_s
        self._giving_up: asyncio.TimerHandle | None = None
        self._left = False

    def receive(self, report: Report) -> None:
        """Act on what is told of the peer. Never raises: what breaks on it is this call alone."""
        try:
            self._receive(report)
        except Exception:
            self.call.fail()

    def finish(self) -> None:
        """The peer wants to end the call: what it has sent is heard first."""
        if self._left:
            self.call.finish(FINISHED)
            return
        self._process.send(End(self._number))
        self._loop.call_later(LAST_AUDIO_S, self.call.finish, FINISHED)

    async def run(self) -> None:
        """Until the call has ended and its last event is sent."""
        writing = asyncio.create_task(deliver(self.call.outbox, self._channel, SEND_TIMEOUT_S))
        watching = asyncio.create_task(self._watch())
        try:
            await asyncio.wait((writing, watching), return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                self.call.finish(writing.result())
            await self.call.ended.wait()
            self._channel.give_up()
            if await writing == "finished":
                await self._channel.settle()
        finally:
            watching.cancel()
            writing.cancel()
            if self._giving_up is not None:
                self._giving_up.cancel()
            self._process.send(Drop(self._number))
            self._process.leave(self._number)
            self.call.abort("server.failed")
            self._engine.forget(self.call)

    def _receive(self, report: Report) -> None:
        match report:
            case Audio(samples=samples):
                self._hear(samples)
            case Lost(samples=samples):
                self._reception.miss(samples)
            case Told(text=text):
                self._reception.obey(text)
                self._process.send(Heard(self._number, report.weight_bytes))
            case Connected():
                self._connect_by = None
                self._giving_up = self._loop.call_later(OPENS_WITHIN_S, self._channel.give_up)
            case Opened():
                if self._giving_up is not None:
                    self._giving_up.cancel()
                self._channel.opened()
            case Taken(size=size):
                self._channel.taken(size)
            case Shut():
                self._channel.shut()
            case Over(reason=reason):
                self._over(reason)

    def _hear(self, data: bytes) -> None:
        """Nothing can hold a peer back that sends faster than real time: what is too much is left out, as a gap, so
        that what comes later keeps its place."""
        if self._reception.take(data):
            return
        if self._reception.too_long:
            self._reception.end_as_too_long()
        else:
            self.call.warn("audio.too_fast", "audio comes faster than real time; what is too much is left out")
            self._reception.leave_out(len(data) // self._frame_bytes)

    def _over(self, reason: str) -> None:
        if reason == "server.failed":
            self._channel.shut()
            self.call.reject(reason, "what speaks WebRTC on this server failed; the call ends here")
        elif reason == "message.flood":
            self.call.reject(reason, "control messages come faster than they are acted on, or one is far too long")
        elif reason != FINISHED:
            self._channel.shut()
            self._left = True
            self._loop.call_later(GOODBYE_S, self.call.finish, reason)
            return
        self.call.finish(reason)

    async def _watch(self) -> None:
        """End the call when it is due."""
        while not self.call.ended.is_set():
            due_at = min(self._reception.due_at, self._connect_by or self._reception.due_at)
            try:
                async with asyncio.timeout_at(due_at):
                    await self.call.ended.wait()
            except TimeoutError:
                if self._connect_by is not None and self._loop.time() >= self._connect_by:
                    self._channel.shut()
                    self.call.finish("client.disconnected")
                    return
                if self._reception.overdue() is not None:
                    return
