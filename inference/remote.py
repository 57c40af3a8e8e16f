"""Models in a process of their own, so that they and the server's event loop do not wait for each other's interpreter.

A `Worker` stands for the process, its `models` are used like any others. Of each window only what its stream has not
sent yet crosses, through memory that both sides share; what a model remembers of a stream stays with the model.
"""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.shared_memory import SharedMemory

import numpy as np
from numpy.typing import NDArray

from inference.batchwire import Item, Request, analyses_of, encode, reply_decoder
from inference.model import CheckpointError, ModelGoneError, Models
from inference.worker import Hello, Line, Load, main
from monitor.analysis import Analysis, Role, Spec, Stream, Window
from vad.grid import FRAME_SAMPLES

log = logging.getLogger("undertone.inference")
MEMORY_SAMPLES = 1_200_000
"""Of the memory for the audio of one batch, per role: 75 seconds. Larger batches go in parts."""
START_S = 180.0
HANGS_S = 60.0
"""A process that does not answer for so long is taken for dead."""
RETRY_S = 10.0
"""After a process did not start again, until that is tried once more: what waits must not wait for every attempt."""


class WorkerError(Exception):
    """The process did not start, or could not analyse a batch; the message says which."""


class WorkerDiedError(WorkerError, ModelGoneError):
    """The process died, hung, or was closed."""


@dataclass(frozen=True, slots=True)
class Link:
    """The lines to a process, and how often it had been started when they were laid. They close when nobody holds them
    any more: not while somebody still reads from them."""

    generation: int
    lines: Mapping[Role, Connection]


class Worker:
    """The process, started and ready. Raises CheckpointError if its models cannot be loaded, WorkerError if it dies.

    `down`: whether it died and has not been started again.
    """

    def __init__(self, load: Load, roles: Sequence[Role]) -> None:
        self._load = load
        self._memories = {role: SharedMemory(create=True, size=4 * MEMORY_SAMPLES) for role in roles}
        self.down = False
        self._lock = threading.Lock()
        self._closed = False
        self._process: BaseProcess | None = None
        self._retry_at = 0.0
        self._link = Link(0, {})
        try:
            hello = self._start()
        except BaseException:
            self.close()
            raise
        self._remotes = {role: RemoteModel(self, role, *hello.models[role]) for role in roles}
        self._slow = hello.slow
        self.models: Models = dict(self._remotes)

    @property
    def generation(self) -> int:
        """How often the process was started; 0 once it is closed."""
        return self._link.generation

    @property
    def busy_s(self) -> list[float]:
        """For how long each of its threads has been at work since the beginning, in seconds."""
        slow = [model.busy_s for role, model in self._remotes.items() if role in self._slow]
        return [sum(model.busy_s for model in self._remotes.values()) - sum(slow), *slow]

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def ask(self, role: Role, request: Request, generation: int) -> bytes:
        """The reply to a request that was made for the process of a `generation`. Raises WorkerDiedError if that has
        died, or says nothing for a minute; it is started anew then."""
        link = self._link
        if link.generation != generation:
            raise WorkerDiedError("the process of the models is another one by now, or closed")
        try:
            line = link.lines[role]
            line.send_bytes(encode(request))
            if not line.poll(HANGS_S):
                raise TimeoutError
            return line.recv_bytes()
        except (OSError, EOFError):  # a TimeoutError is an OSError
            self._revive(generation)
            raise WorkerDiedError("the process of the models died") from None

    def audio(self, role: Role) -> NDArray[np.float32]:
        """The shared memory of a role. Raises WorkerDiedError once the process is closed."""
        memory = self._memories[role].buf
        if self._closed or memory is None:
            raise WorkerDiedError("the process of the models was closed")
        return np.frombuffer(memory, np.float32, MEMORY_SAMPLES)

    def close(self) -> None:
        """Stop the process; what is under way is not waited for."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._link = Link(0, {})
            self._stop()
            for memory in self._memories.values():
                memory.unlink()
                with suppress(BufferError):  # a batch is under way; what it writes into goes with it
                    memory.close()

    def _start(self) -> Hello:
        context = multiprocessing.get_context("spawn")
        control, far_control = context.Pipe()
        pipes = {role: context.Pipe() for role in self._memories}
        lines = {role: Line(far, self._memories[role].name) for role, (_, far) in pipes.items()}
        process = context.Process(
            target=main, args=(self._load, lines, far_control), name="undertone-models", daemon=True
        )
        process.start()
        self._process = process
        for far in (far_control, *(line.connection for line in lines.values())):
            far.close()
        try:
            hello = control.recv() if control.poll(START_S) else None
        except EOFError:
            hello = None
        if isinstance(hello, CheckpointError):
            raise hello
        if not isinstance(hello, Hello):
            raise WorkerError(f"the process of the models did not start: {hello or 'it said nothing'}")
        self._link = Link(self.generation + 1, {role: near for role, (near, _) in pipes.items()})
        return hello

    def _stop(self) -> None:
        """The process has nothing to save, and SIGTERM is not for it."""
        process = self._process
        if process is not None:
            process.kill()
            process.join()

    def _revive(self, generation: int) -> None:
        """Start the process again, once for all whom its death has struck."""
        with self._lock:
            if self._closed or self.generation != generation or time.monotonic() < self._retry_at:
                return
            self.down = True
            self._stop()
            status = None if self._process is None else self._process.exitcode
            log.error("the process of the models died (exit status %s); it is started again", status)
            try:
                self._start()
            except Exception as error:
                self._retry_at = time.monotonic() + RETRY_S
                raise WorkerDiedError(f"the process of the models died and cannot be started again: {error}") from error
            self.down = False


class RemoteModel:
    """A model in a Worker. As any model, it is asked by one thread at a time."""

    def __init__(self, worker: Worker, role: Role, spec: Spec, max_batch: int, overlap_samples: int | None) -> None:
        self.role = role
        self.spec = spec
        self.max_batch = max_batch
        self.overlap_samples = overlap_samples
        self.busy_s = 0.0
        """For how long the model has been at work since the beginning, in seconds."""
        self._worker = worker
        self._generation = worker.generation
        self._numbers: weakref.WeakKeyDictionary[Stream, tuple[int, weakref.finalize[[int], Stream]]]
        self._numbers = weakref.WeakKeyDictionary()
        """Of each stream its number, and what says that it is over."""
        self._sent: dict[int, int] = {}
        self._over: list[int] = []
        self._last = 0

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        """Raises WorkerError if the process died or the model failed; then the streams begin anew, also those of whose
        windows the model had already heard: they may come again."""
        if self._generation != self._worker.generation:
            self._generation = self._worker.generation
            self._sent.clear()
        try:
            return self._in_parts(windows)
        except Exception:
            for window in windows:
                self._forget(window.stream)
            raise

    def _in_parts(self, windows: Sequence[Window]) -> list[Analysis]:
        """Analyse windows, as many at once as the shared memory holds."""
        out: list[Analysis] = []
        items: list[Item] = []
        at = 0
        audio = self._worker.audio(self.role)
        try:
            for window in windows:
                item = self._item(window)
                if at + item.sent > len(audio):
                    out += self._ask(items)
                    items, at = [], 0
                audio[at : at + item.sent] = window.samples[len(window.samples) - item.sent :]
                items.append(item)
                at += item.sent
            return out + self._ask(items)
        finally:
            del audio  # an error that somebody keeps must not keep the memory

    def _item(self, window: Window) -> Item:
        number = self._number(window.stream)
        span = len(window.samples)
        sent = span
        if self.overlap_samples is not None:
            new = window.end_sample - self._sent[number] if number in self._sent else -1
            needed = new if new >= 0 else span
            if window.wanted:
                needed = min(needed, window.wanted)
            if needed + self.overlap_samples <= span:
                sent = -(-(needed + self.overlap_samples) // FRAME_SAMPLES) * FRAME_SAMPLES
        self._sent[number] = window.end_sample
        speech = None if window.speech is None else window.speech.tobytes()
        return Item(number, window.end_sample, span, min(sent, span), speech, window.wanted)

    def _number(self, stream: Stream) -> int:
        """The number of a stream; the model hears that it is over once nobody holds it any more."""
        known = self._numbers.get(stream)
        if known is None:
            self._last += 1
            over = weakref.finalize(stream, self._over.append, self._last)
            over.atexit = False
            known = self._numbers[stream] = (self._last, over)
        return known[0]

    def _forget(self, stream: Stream) -> None:
        """Let a stream begin anew: under its number it is over."""
        known = self._numbers.pop(stream, None)
        if known is not None:
            known[1]()

    def _ask(self, items: list[Item]) -> list[Analysis]:
        over = self._over.copy()
        del self._over[: len(over)]  # others may have come to an end meanwhile, on any thread
        for number in over:
            self._sent.pop(number, None)
        reply = reply_decoder.decode(self._worker.ask(self.role, Request(items, over), self._generation))
        self.busy_s += reply.busy_s
        if reply.error is not None:
            raise WorkerError(reply.error)
        return analyses_of(reply, self.role, items)
