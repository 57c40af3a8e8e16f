"""A part of a measurement that runs in a process of its own, and answers over a pipe."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

import uvloop

Work = Callable[..., Coroutine[Any, Any, None]]
"""An async function of a module: takes the pipe's other end, then whatever it was given."""


class HelperError(Exception):
    """The process did not start, or does not answer; the message says which."""


class Helper:
    """Runs `work(pipe, *given)` in an event loop of another process, inside the `with`, until the end of it."""

    def __init__(self, name: str, work: Work, *given: object) -> None:
        self._name = name
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(work, theirs, *given), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        try:
            self._started()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _started(self) -> None:
        """Wait until the process is ready. May raise HelperError."""

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._process.terminate()
        self._process.join()
        self._pipe.close()

    @property
    def pid(self) -> int:
        return int(self._process.pid or 0)

    def ask(self) -> None:
        """Send what makes the process answer. Raises HelperError once it has ended."""
        try:
            self._pipe.send(None)
        except OSError:
            raise HelperError(f"the process of {self._name} has ended") from None

    def answer(self, patience_s: float) -> Any:
        """What the process says next. Raises HelperError."""
        try:
            if self._pipe.poll(patience_s):
                return self._pipe.recv()
        except (EOFError, OSError):
            raise HelperError(f"the process of {self._name} has ended") from None
        raise HelperError(f"{self._name} did not answer within {patience_s:g} s")


def _run(work: Work, pipe: Connection, *given: object) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work(pipe, *given))
