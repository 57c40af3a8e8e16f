"""The other end of `inference.remote`: a process that does nothing but run models."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from inference.batchwire import Reply, encode, pack, request_decoder, unpack
from inference.model import SLOW_S, CheckpointError, Model, Models, timed_s
from monitor.analysis import Role, Spec, Stream

log = logging.getLogger("undertone.worker")
ORDER = (Role.SPEECH, Role.SPEAKER, Role.EMOTION)
Load = Callable[[], Models]
"""Loads the models; picklable."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a model is spoken to through: requests and replies, and the name of the shared memory for audio."""

    connection: Connection
    memory: str


@dataclass(frozen=True, slots=True)
class Hello:
    """What the worker has: per role the model's spec, its largest batch, and how much of what a stream has sent before
    it wants to see again, in samples (None: whole windows). `slow`: those that have a thread of their own."""

    models: dict[Role, tuple[Spec, int, int | None]]
    slow: Sequence[Role]


def main(load: Load, lines: dict[Role, Line], control: Connection) -> None:
    """Load the models, say so on `control` (or what went wrong), and serve those with a line until it is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):  # are for the server, which has last words to say
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        loaded = load()
        models = {role: loaded[role] for role in lines}
        slow = [role for role in models if role is not Role.SPEECH and timed_s(models[role]) > SLOW_S]
    except CheckpointError as error:
        control.send(error)
        return
    except Exception as error:
        log.exception("the models cannot be loaded")
        control.send(f"{type(error).__name__}: {error}")  # as text: not every exception can be sent
        return
    about = {role: (each.spec, each.max_batch, each.overlap_samples) for role, each in models.items()}
    control.send(Hello(about, slow))
    desks = {role: Desk(lines[role], models[role]) for role in ORDER if role in models}
    threads = [threading.Thread(target=serve, args=([desks[role]],), daemon=True) for role in slow]
    for thread in threads:
        thread.start()
    serve([desk for role, desk in desks.items() if role not in slow])
    for thread in threads:
        thread.join()


class Desk:
    """A model behind its line."""

    def __init__(self, line: Line, model: Model) -> None:
        self.connection = line.connection
        self._model = model
        self._memory = SharedMemory(line.memory)
        self._audio = np.ndarray(self._memory.size // 4, np.float32, self._memory.buf)
        self._streams: dict[int, Stream] = {}

    def answer(self) -> None:
        """Answer the next request. Raises EOFError or OSError once the line is closed."""
        received = self.connection.recv_bytes()
        began_s = time.perf_counter()
        request = request_decoder.decode(received)
        windows = unpack(request, self._model.role, self._audio, self._streams)
        try:
            analyses = self._model.analyse(windows) if windows else []
            if len(analyses) != len(windows):
                raise ValueError(f"{len(analyses)} analyses for {len(windows)} windows")
            reply = encode(pack(analyses, time.perf_counter() - began_s))
        except Exception as error:
            log.exception("the %s model failed on a batch of %d", self._model.role, len(windows))
            for item in request.items:
                self._streams.pop(item.stream, None)
            reply = encode(Reply([], [], b"", f"{type(error).__name__}: {error}", time.perf_counter() - began_s))
        self.connection.send_bytes(reply)


def serve(desks: Sequence[Desk]) -> None:
    """Answer whatever comes until every line is closed; the first of `desks` first. One batch after the other: side by
    side they would wait for each other's interpreter, and for a core. That does not hold for large networks, which
    would keep the others waiting for longer: `main` gives each a thread of its own."""
    by_connection: dict[object, Desk] = {desk.connection: desk for desk in desks}
    while by_connection:
        ready = wait([desk.connection for desk in by_connection.values()])
        for connection, desk in list(by_connection.items()):
            if connection in ready:
                try:
                    desk.answer()
                except (EOFError, OSError):
                    del by_connection[connection]
