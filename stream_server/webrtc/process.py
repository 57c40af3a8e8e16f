"""The processes that speak WebRTC, seen from the server: started with the first call, started anew if they die."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from stream_server.faults import Refusal
from stream_server.webrtc.wire import Ask, Line, Message, Over, Ready, Report, Strained, Surroundings, connect, reports
from stream_server.webrtc.worker import main

log = logging.getLogger("undertone.webrtc")
START_S = 60.0
MOST_LATE_S = 0.2
"""A process that is later than this takes no further calls."""
STRAIN_TOLD = 6
"""How many of the newest reports of strain count; one comes every half second."""
RETRY_S = 10.0
"""After a process did not start, until that is tried once more."""
CHECK_S = 5.0
"""How long a process may take to say that it is still at work."""
Receive = Callable[[Report], None]


class Running(Protocol):
    """What serves the far end of a line."""

    def stop(self) -> str:
        """Stop it, if it has not stopped; in words, how it ended."""
        ...


Start = Callable[[socket.socket, Surroundings], Awaitable[Running]]
"""Starts whatever is to serve the far end of a line."""


class Spawned:
    """A process of its own."""

    def __init__(self, far: socket.socket, surroundings: Surroundings) -> None:
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=main, args=(far, surroundings), name="undertone-webrtc", daemon=True)
        self._process.start()

    def stop(self) -> str:
        status = self._process.exitcode
        self._process.kill()
        self._process.join()
        return f"exit status {self._process.exitcode if status is None else status}"


async def spawn(far: socket.socket, surroundings: Surroundings) -> Running:
    """A process of its own; that it begins takes some milliseconds, in which other calls need not wait."""
    return await asyncio.to_thread(Spawned, far, surroundings)


class RtcProcess:
    """One process and the peers that it speaks with. All of it runs in the server's event loop."""

    def __init__(self, surroundings: Surroundings, start: Start = spawn) -> None:
        self._surroundings = surroundings
        self._begin = start
        self._starting = asyncio.Lock()
        self._line: Line[Report] | None = None
        self._running: Running | None = None
        self._ready = asyncio.Event()
        self._receivers: dict[int, Receive] = {}
        self._retry_at = 0.0
        self._strained: deque[float] = deque(maxlen=STRAIN_TOLD)
        self._closed = False

    @property
    def calls(self) -> int:
        return len(self._receivers)

    def admit(self) -> None:
        """Raises Refusal if the process is behind what comes already; audio that waits there is late for everybody."""
        if self.calls and max(self._strained, default=0.0) > MOST_LATE_S:
            reason = f"{self.calls} calls are all that WebRTC can serve in time now; try again in {RETRY_S:g} s"
            raise Refusal("server.busy", reason, RETRY_S)

    async def start(self) -> None:
        """Start the process unless it runs. Raises Refusal if it does not come up."""
        async with self._starting:
            if self._line is not None:
                return
            if self._closed:
                raise Refusal("server.stopping", "the server is shutting down")
            now_s = time.monotonic()
            if now_s < self._retry_at:
                raise _unavailable(self._retry_at - now_s)
            try:
                async with asyncio.timeout(START_S):
                    await self._start()
            except Exception as error:
                log.exception("the process for WebRTC does not start")
                self._retry_at = time.monotonic() + RETRY_S
                self._stop()
                raise _unavailable(RETRY_S) from error

    def join(self, call: int, receive: Receive) -> None:
        """Have what is reported of a call; the last of it is `Over`."""
        self._receivers[call] = receive

    def leave(self, call: int) -> None:
        self._receivers.pop(call, None)

    def send(self, order: Message) -> None:
        """Tell the process something; nothing happens if it is gone."""
        if self._line is not None:
            self._line.send(order)

    async def check(self) -> None:
        """Stop the process if it does not work any more: its calls end, and the next one finds a new process."""
        line = self._line
        if line is None:
            return
        self._ready.clear()
        line.send(Ask(0))
        try:
            async with asyncio.timeout(CHECK_S):
                await self._ready.wait()
        except TimeoutError:
            log.error("the process for WebRTC has said nothing for %g s; it is stopped", CHECK_S)
            line.close()

    def close(self) -> None:
        self._closed = True
        self._stop()

    async def _start(self) -> None:
        near, far = socket.socketpair()
        try:
            with far:
                self._running = await self._begin(far, self._surroundings)
        except BaseException:
            near.close()
            raise
        self._ready.clear()
        self._strained.clear()
        line: Line[Report] = Line(reports, self._receive, lambda: self._lost(line))
        self._line = line
        await connect(near, line)
        await self._ready.wait()
        if self._line is not line:
            raise ConnectionError("it ended at once")

    def _stop(self) -> str:
        line, self._line = self._line, None
        running, self._running = self._running, None
        if line is not None:
            line.close()
        return "" if running is None else running.stop()

    def _lost(self, line: Line[Report]) -> None:
        """The process has died, or was stopped: its calls end, and the next one finds a new process."""
        if self._line is line:
            log.error("the process for WebRTC died (%s) with %d calls", self._stop(), self.calls)
        self._ready.set()
        for call, receive in list(self._receivers.items()):
            receive(Over(call, "server.failed"))

    def _receive(self, report: Report) -> None:
        if isinstance(report, Ready):
            self._ready.set()
        elif isinstance(report, Strained):
            self._strained.append(report.late_s)
        elif (receive := self._receivers.get(report.call)) is not None:
            receive(report)


class Switchboard:
    """All processes; a call goes to the one that has fewest, of those that run or can be started."""

    def __init__(self, surroundings: Surroundings, number: int, start: Start = spawn) -> None:
        self._processes = [RtcProcess(surroundings, start) for _ in range(number)]

    async def process(self) -> RtcProcess:
        """One that runs. Raises Refusal if none can be started, or those that run have all that they can serve in time;
        the first call of one is always taken."""
        refusals = []
        for process in sorted(self._processes, key=lambda process: process.calls):
            try:
                await process.start()
                process.admit()
            except Refusal as refusal:
                refusals.append(refusal)
            else:
                return process
        raise refusals[0]

    def close(self) -> None:
        for process in self._processes:
            process.close()


def _unavailable(retry_s: float) -> Refusal:
    return Refusal(
        "webrtc.unavailable",
        "WebRTC does not run on this server; its log has why, and WebSockets work",
        max(1.0, retry_s),
    )
