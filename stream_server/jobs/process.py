"""The process that works on recordings, seen from the server: started with the first job, stopped when there have been
none for a while, started anew if it dies."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Protocol

from stream_server.jobs.worker import Broken, Drop, Load, Order, Ready, Report, main

log = logging.getLogger("undertone.jobs")
START_S = 180.0


class JobProcessError(Exception):
    """The process does not start; the message says why."""


@dataclass(frozen=True, slots=True)
class Died:
    """The process has ended without being asked to."""


class Running(Protocol):
    """What serves the far end of a line."""

    def stop(self) -> str:
        """Stop it, if it has not stopped; in words, how it ended."""
        ...


Start = Callable[[Load, Connection], Running]
"""Starts whatever is to serve the far end of a line."""
Hear = Callable[[Report | Died], None]


class Spawned:
    """A process of its own."""

    def __init__(self, load: Load, far: Connection) -> None:
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=main, args=(load, far), name="undertone-jobs", daemon=True)
        self._process.start()

    def stop(self) -> str:
        status = self._process.exitcode
        self._process.kill()
        self._process.join()
        return f"exit status {self._process.exitcode if status is None else status}"


class JobProcess:
    """`start` it, `send` orders, and `hear` what it reports, all in the server's event loop."""

    def __init__(self, load: Load, hear: Hear, start: Start = Spawned) -> None:
        self._load = load
        self._hear = hear
        self._begin = start
        self._line: Connection | None = None
        self._running: Running | None = None
        self._out: SimpleQueue[Order | Drop | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._first: asyncio.Future[Report | Died] | None = None

    @property
    def up(self) -> bool:
        return self._line is not None and self._first is None

    async def start(self) -> None:
        """Start it and let its models load; nothing if it is up. One after the other. Raises JobProcessError."""
        if self.up:
            return
        loop = asyncio.get_running_loop()
        near, far = multiprocessing.get_context("spawn").Pipe()
        self._line, self._first = near, loop.create_future()
        try:
            self._running = await asyncio.to_thread(self._begin, self._load, far)
            far.close()
            self._out = SimpleQueue()
            self._threads = [
                threading.Thread(target=self._listen, args=(near, loop), name="undertone-jobs-in", daemon=True),
                threading.Thread(target=write, args=(near, self._out), name="undertone-jobs-out", daemon=True),
            ]
            for thread in self._threads:
                thread.start()
            async with asyncio.timeout(START_S):
                said = await self._first
        except BaseException as error:
            await self.stop()
            if isinstance(error, TimeoutError):
                raise JobProcessError(f"its models did not load within {START_S:g} s") from None
            raise
        self._first = None
        if not isinstance(said, Ready):
            await self.stop()
            raise JobProcessError(said.reason if isinstance(said, Broken) else "its process ended at once")

    def send(self, message: Order | Drop) -> None:
        """Nothing happens if it is gone; that is heard. A thread writes it: an order of thousands of recordings is more
        than a pipe takes, and whoever is to read it may not get a core for a long time."""
        if self._line is not None:
            self._out.put(message)

    async def stop(self) -> str:
        """Stop it, whatever it is at; in words, how it ended."""
        line, self._line = self._line, None
        running, self._running = self._running, None
        self._first = None
        threads, self._threads = self._threads, []
        self._out.put(None)
        how = "" if running is None else await asyncio.to_thread(running.stop)
        for thread in threads:
            await asyncio.to_thread(thread.join)
        if line is not None:
            line.close()
        return how

    def _listen(self, line: Connection, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread of its own: pass on what is reported until the line is closed."""
        while True:
            try:
                said: Report | Died = line.recv()
            except (EOFError, OSError):
                said = Died()
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._take, line, said)
            if isinstance(said, Died):
                return

    def _take(self, line: Connection, said: Report | Died) -> None:
        if line is not self._line:
            return  # of a process that was stopped
        if self._first is not None:
            if not self._first.done():
                self._first.set_result(said)
        else:
            self._hear(said)


def write(line: Connection, out: SimpleQueue[Order | Drop | None]) -> None:
    """In a thread of its own: pass on what is to be sent, until None, or until the line is closed."""
    with suppress(OSError, ValueError):
        while (message := out.get()) is not None:
            line.send(message)
