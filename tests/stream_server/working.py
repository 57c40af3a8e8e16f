"""A server that works on recordings in a thread instead of a process, with models that a test can hold up."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import cache, partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import httpx

from inference.model import Models
from monitor.analysis import Role, Stream, Window
from stream_server.jobs.jobs import Jobs
from stream_server.jobs.process import JobProcess
from stream_server.jobs.worker import Load, TaskError, serve
from stream_server.settings import JobsConfig, Settings
from tests.stream_server.serving import Served, serving
from tests.workbench.models import Meddled, embedded
from workbench.asked import Item


class Killed(BaseException):
    """Raise it in a model, and what is at work is gone without a word."""


class InThread:
    """What serves the far end of a line, here."""

    def __init__(self, load: Load, far: Connection) -> None:
        self._line = Connection(os.dup(far.fileno()))
        self._thread = threading.Thread(target=self._serve, args=(load,), daemon=True)
        self._thread.start()

    def stop(self) -> str:
        """As if it had been killed: nobody hears of it any more."""
        with suppress(OSError), socket.socket(fileno=os.dup(self._line.fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)
        return "stopped"

    def _serve(self, load: Load) -> None:
        with self._line, suppress(EOFError, OSError, Killed):
            serve(load, self._line)


class Held:
    """Holds the emotion model up until it is let go; `asked` once it has been asked for something."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.go = threading.Event()

    def __call__(self, batch: Sequence[Window]) -> None:
        self.asked.set()
        assert self.go.wait(60)


T = TypeVar("T")


class Stepped:
    """Holds up the recording of which it hears first, block by block: `step` lets one block through, `free` all."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._steps = threading.Semaphore(0)
        self.first: Stream | None = None
        self._free = self._held = False

    def __call__(self, batch: Sequence[Window]) -> None:
        self.first = self.first or batch[0].stream
        if self._free or all(window.stream is not self.first for window in batch):
            return
        self.asked.set()
        self._held = True
        assert self._steps.acquire(timeout=60)
        self._held = False

    def step(self) -> None:
        self._steps.release()

    async def until(self, over: asyncio.Task[T]) -> T:
        """Let block after block through until something is over: what was asked is read between two of them, and
        nobody knows when it has come."""
        while not over.done():
            if self._held:
                self.step()
            await asyncio.wait([over], timeout=0.2)
        return await over

    def free(self) -> None:
        self._free = True
        self._steps.release()


@dataclass(frozen=True, slots=True)
class Refusing:
    """A task that cannot be done."""

    error: TaskError

    def answer(self, models: Models, items: Sequence[Item]) -> bytes:
        raise self.error


@cache
def shipped() -> Models:
    """Loaded once: they keep nothing of what they have heard."""
    return embedded()


def meddled(before: Callable[[Sequence[Window]], None]) -> Models:
    return {**shipped(), Role.EMOTION: Meddled(shipped()[Role.EMOTION], before)}


@asynccontextmanager
async def working(
    folder: Path, load: Load = shipped, history_url: str = "", crews: Sequence[Models] = (), **settings: Any
) -> AsyncIterator[Served]:
    """A server whose jobs lie in `folder`; `settings` of the section jobs. `history_url`: where voiceprints are;
    `crews`: what listens to live calls, by default scripted."""
    config = replace(JobsConfig(folder=str(folder)), **settings)

    def jobs(_: Settings) -> Jobs:
        return Jobs(config, partial(JobProcess, load, start=InThread))

    async with serving(*crews, jobs=jobs, history_url=history_url) as served:
        yield served


async def upload(served: Served, path: str, *recordings: tuple[str, bytes], **fields: str) -> httpx.Response:
    """Send recordings as a form."""
    async with httpx.AsyncClient(base_url=served.http, timeout=60) as client:
        files = [("audio", recording) for recording in recordings]
        return await client.post(path, files=files, data=fields)


def found(folder: Path, pattern: str = "*") -> list[Path]:
    """What lies in a folder, at any depth, while things may be deleted there."""
    inside = ((root, name) for root, folders, files in os.walk(folder) for name in (*folders, *files))
    return sorted(Path(root, name) for root, name in inside if fnmatch(name, pattern))
