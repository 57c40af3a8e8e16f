"""The process that works on recordings, so that neither the event loop nor the models of live calls have to wait for
it: the far end of `stream_server.jobprocess`."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from inference.model import CheckpointError, Models
from workbench import batch, runfolder, tables
from workbench.asked import Asked, Item
from workbench.batch import Progress
from workbench.prediction import emotion_model
from workbench.runfolder import RunError, RunFolder

log = logging.getLogger("undertone.jobs")
TELL_EVERY_S = 0.2
WEIGH_EVERY_S = 2.0
LEAST_PRIORITY = 19
THREADS = Path("/proc/self/task")
BROKEN = "something broke on our side; the log has it"
Load = Callable[[], Models]
"""Loads the models; picklable."""


class TaskError(Exception):
    """What was asked cannot be done; the message says why. `code`: one of stream_server.faults."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Task(Protocol):
    """Something that is asked about recordings, other than to predict them; picklable."""

    def answer(self, models: Models, items: Sequence[Item]) -> bytes:
        """JSON. Raises TaskError."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """Recordings to be worked on: those of a run, which is kept in `folder` (if one ended there, it is taken up), or
    those of a `task`. `ahead`: do it before going on with what is at work. More than `most_bytes` of results end it."""

    job_id: str
    folder: Path
    items: tuple[Item, ...]
    asked: Asked
    ahead: bool
    most_bytes: int
    task: Task | None = None


@dataclass(frozen=True, slots=True)
class Drop:
    """Give a job up."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The models are loaded."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The models cannot be loaded; the process ends."""

    reason: str


@dataclass(frozen=True, slots=True)
class Advanced:
    """How far a job is."""

    job_id: str
    progress: Progress


@dataclass(frozen=True, slots=True)
class Over:
    """A job is at its end; `problem`: why it is that before its time, with its `code`; `answer`: that of a task."""

    job_id: str
    progress: Progress | None
    problem: str | None = None
    code: str = "jobs.unavailable"
    answer: bytes | None = None


Report = Ready | Broken | Advanced | Over


def main(load: Load, line: Connection) -> None:
    """Load the models, say so, and work on what is ordered until the line is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):  # are for the server, which has last words to say
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    give_way()
    with suppress(EOFError, OSError):  # the server has gone
        serve(load, line)


def serve(load: Load, line: Connection) -> None:
    """As `main`, in a thread of any process. Raises EOFError or OSError once the line is closed."""
    began_s = time.monotonic()
    try:
        models = load()
        emotion_model(models)
    except CheckpointError as error:
        line.send(Broken(str(error)))
        return
    except Exception as error:
        log.exception("the models cannot be loaded")
        line.send(Broken(f"the models cannot be loaded ({type(error).__name__})"))
        return
    desk = Desk(line, models, time.monotonic() - began_s)
    line.send(Ready())
    while True:
        desk.take(line.recv())
        desk.work()


def give_way() -> None:
    """Let whatever else wants a core go first: all threads that there are, and those that they will start."""
    if not hasattr(os, "setpriority"):
        return
    for thread in [int(entry.name) for entry in THREADS.iterdir()] if THREADS.exists() else [0]:
        os.setpriority(os.PRIO_PROCESS, thread, LEAST_PRIORITY)
        if hasattr(os, "SCHED_IDLE"):
            with suppress(OSError):  # some containers forbid it
                os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))


class Desk:
    """Works on one order at a time; one that is to go ahead comes between two recordings of another."""

    def __init__(self, line: Connection, models: Models, loading_s: float) -> None:
        self._line = line
        self._models = models
        self._loading_s = loading_s
        self._orders: list[Order] = []
        self._dropped: set[str] = set()

    def take(self, message: Order | Drop) -> None:
        if isinstance(message, Order):
            self._orders.append(message)
        else:
            self._dropped.add(message.job_id)

    def work(self) -> None:
        """Everything that was ordered."""
        while self._orders:
            self._do(self._orders.pop(0))
        self._dropped.clear()

    def _do(self, order: Order) -> None:
        if order.task is not None:
            self._line.send(self._answered(order, order.task))
            return
        at: Progress | None = None
        problem = None
        try:
            for progress in self._run(order):
                at = progress
                self._listen(order)
                if order.job_id in self._dropped:
                    problem = "it was given up"
                    break
        except (RunError, CheckpointError) as error:
            problem = str(error)
        except OSError as error:
            log.exception("job %s cannot be kept", order.job_id)
            problem = f"its results cannot be written: {error.strerror or 'the disk failed'}"
        except _TooLargeError:
            problem = f"its results take more than {order.most_bytes >> 20} MB; ask for less, or in several jobs"
        except Exception:
            log.exception("job %s failed", order.job_id)
            problem = BROKEN
        self._line.send(Over(order.job_id, at, problem))

    def _answered(self, order: Order, task: Task) -> Over:
        try:
            return Over(order.job_id, None, answer=task.answer(self._models, order.items))
        except TaskError as error:
            return Over(order.job_id, None, error.reason, error.code)
        except Exception:
            log.exception("task %s failed", order.job_id)
            return Over(order.job_id, None, BROKEN)

    def _listen(self, current: Order) -> None:
        """Take what has come meanwhile; what is to go ahead is done now."""
        while self._line.poll():
            self.take(self._line.recv())
        if not current.ahead:
            while (first := next((order for order in self._orders if order.ahead), None)) is not None:
                self._orders.remove(first)
                self._do(first)

    def _run(self, order: Order) -> Iterator[Progress]:
        """Work on an order; how far it is, after each recording."""
        _, spec = emotion_model(self._models)
        single = len(order.items) == 1
        about = runfolder.about(order.asked, spec.name, single)
        told_s = weighed_s = 0.0
        with RunFolder(order.folder, about, spec.embedding_size) as folder:
            at = batch.start(order.items, folder)
            for _, at in batch.run(order.items, self._models, order.asked, folder):
                now_s = time.monotonic()
                if now_s - told_s >= TELL_EVERY_S:
                    told_s = now_s
                    self._line.send(Advanced(order.job_id, at))
                if now_s - weighed_s >= WEIGH_EVERY_S:
                    weighed_s = now_s
                    if weight(order.folder) > order.most_bytes:
                        raise _TooLargeError
                yield at
            if not single:
                tables.write_csv(folder.predictions(), order.folder / "results.csv")
                with suppress(tables.TableError):  # without pyarrow there is no Parquet
                    tables.write_parquet(folder.predictions(), order.folder / "results.parquet")
            log_s = {"loading_s": round(self._loading_s, 2), "taken_s": round(at.taken_s, 2)}
            folder.finish(datetime.now(), log_s | {"audio_s": round(at.audio_s, 1)})
        yield at


class _TooLargeError(Exception):
    """The results of an order are more than it may have."""


def weight(folder: Path) -> int:
    """Of all files in a folder, in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
