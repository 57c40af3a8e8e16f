"""The process that works on recordings, so that neither the event loop nor the models of live calls have to wait for
it: the far end of `stream_server.jobs.process`."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from inference.model import CheckpointError, Models
from monitor.analysis import Role
from workbench import batch, runfolder, tables, voicebatch
from workbench.asked import Asked, Item
from workbench.batch import Progress
from workbench.jobs import ProblemCode
from workbench.ledger import RunError
from workbench.prediction import emotion_model
from workbench.results import Failure
from workbench.runfolder import RunFolder
from workbench.sentences import Sentence
from workbench.speakers import Ears
from workbench.voicefolder import VoiceFolder

log = logging.getLogger("undertone.jobs")
TELL_EVERY_S = 0.2
WEIGH_EVERY_S = 2.0
LEAST_PRIORITY = 19
THREADS = Path("/proc/self/task")
OOM_SCORE = Path("/proc/self/oom_score_adj")
FIRST_TO_GO = "1000"
BROKEN = "something broke on our side; the log has it"
Load = Callable[[], Models]
"""Loads the models; picklable."""


class TaskError(Exception):
    """What was asked cannot be done; the message says why. `code`: one of stream_server.faults; `sentence`: the reason
    so that a page can say it otherwise."""

    def __init__(self, code: str, reason: str, sentence: Sentence | None = None) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.sentence = sentence


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
class Problem:
    """Why a job does not come to its end, to a program and in words. `fault`: the code (stream_server.faults) by which
    whoever waits for it is refused; `sentence`: the reason so that a page can say it otherwise."""

    code: ProblemCode
    reason: str
    fault: str = "jobs.unavailable"
    sentence: Sentence | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """What was done since that was last told: recordings by their outcome (`done`, or what is wrong with them), how
    long these are, and how long the process was at work."""

    outcomes: Mapping[str, int]
    audio_s: float
    busy_s: float


@dataclass(frozen=True, slots=True)
class Begun:
    """A job is at work."""

    job_id: str


@dataclass(frozen=True, slots=True)
class Advanced:
    """How far a job is."""

    job_id: str
    progress: Progress
    work: Work


@dataclass(frozen=True, slots=True)
class Over:
    """A job is at its end, if there is a `problem` before its time; `answer`: that of a task."""

    job_id: str
    progress: Progress | None
    work: Work
    problem: Problem | None = None
    answer: bytes | None = None


Report = Ready | Broken | Begun | Advanced | Over


def main(load: Load, line: Connection) -> None:
    """Load the models, say so, and work on what is ordered until the line is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):  # are for the server, which has last words to say
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)  # the server has looked after the schema
    give_way()
    with suppress(EOFError, OSError):  # the server has gone
        serve(load, line)


def serve(load: Load, line: Connection) -> None:
    """As `main`, in a thread of any process. Raises EOFError or OSError once the line is closed."""
    began_s = time.monotonic()
    try:
        models = load()
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
    """Let whatever else wants a core go first: all threads that there are, and those that they will start. Where memory
    runs out, let the kernel take it from this process and not from live calls."""
    with suppress(OSError):
        OOM_SCORE.write_text(FIRST_TO_GO, encoding="ascii")
    if not hasattr(os, "setpriority"):
        return
    for thread in [int(entry.name) for entry in THREADS.iterdir()] if THREADS.exists() else [0]:
        os.setpriority(os.PRIO_PROCESS, thread, LEAST_PRIORITY)
        if hasattr(os, "SCHED_IDLE"):
            with suppress(OSError):  # some containers forbid it
                os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))


class Desk:
    """Works on one order at a time; one that is to go ahead comes between two blocks of another's recordings."""

    def __init__(self, line: Connection, models: Models, loading_s: float) -> None:
        self._line = line
        self._models = models
        self._loading_s = loading_s
        self._orders: list[Order] = []
        self._dropped: set[str] = set()
        self._ledger = _Ledger()

    def take(self, message: Order | Drop) -> None:
        if isinstance(message, Order):
            self._orders.append(message)
        else:
            self._dropped.add(message.job_id)

    def work(self) -> None:
        """Everything that was ordered. Raises EOFError once the line is closed."""
        self._ledger.begin()
        while self._orders:
            self._do(self._orders.pop(0))
        self._dropped.clear()

    def _do(self, order: Order) -> None:
        course = _Course(order)
        self._tell(Begun(order.job_id))
        answer, problem = None, None
        if order.task is None:
            problem = self._predicted(course)
        else:
            try:
                answer = order.task.answer(self._models, order.items)
            except TaskError as error:
                problem = Problem("refused", error.reason, error.code, error.sentence)
            except Exception:
                log.exception("task %s failed", order.job_id)
                problem = Problem("broken", BROKEN)
        self._tell(Over(order.job_id, course.at, self._ledger.told(), problem, answer))

    def _predicted(self, course: _Course) -> Problem | None:
        """Work on recordings; what kept it from coming to its end."""
        order = course.order
        try:
            self._run(course)
        except _LineLostError:
            raise
        except _GivenUpError:
            return Problem("given_up", "it was given up")
        except (RunError, CheckpointError) as error:
            return Problem("refused", str(error))
        except OSError as error:
            log.exception("job %s cannot be kept", order.job_id)
            return Problem("disk", f"its results cannot be written: {error.strerror or 'the disk failed'}")
        except _TooLargeError:
            reason = f"its results take more than {order.most_bytes >> 20} MB; ask for less, or in several jobs"
            return Problem("too_large", reason)
        except Exception:
            log.exception("job %s failed", order.job_id)
            return Problem("broken", BROKEN)
        return None

    def _run(self, course: _Course) -> None:
        if course.order.asked.kind == "speaker":
            self._embed_voices(course)
        else:
            self._predict(course)

    def _embed_voices(self, course: _Course) -> None:
        order = course.order
        ears = Ears(self._models[Role.SPEAKER], self._models.get(Role.SPEECH), order.asked.endpointing)
        with VoiceFolder(order.folder, ears.spec.name, len(order.items) == 1) as folder:
            for line, at in voicebatch.run(order.items, ears, folder, partial(self._look_up, course)):
                self._ledger.count(line.failure, 0.0 if line.quality is None else line.quality.duration_s)
                self._look_up(course, at)
            folder.finish(datetime.now())

    def _predict(self, course: _Course) -> None:
        order = course.order
        _, spec = emotion_model(self._models)
        single = len(order.items) == 1
        about = runfolder.about(order.asked, spec.name, single)
        with RunFolder(order.folder, about, spec.embedding_size) as folder:
            course.at = at = batch.start(order.items, folder)
            tell = partial(self._look_up, course)
            for prediction, at in batch.run(order.items, self._models, order.asked, folder, tell=tell):
                self._ledger.count(prediction.failure, 0.0 if prediction.facts is None else prediction.facts.duration_s)
                self._look_up(course, at)
            if not single:
                tables.write_csv(folder.predictions(), order.folder / "results.csv")
                with suppress(tables.TableError):  # without pyarrow there is no Parquet
                    tables.write_parquet(folder.predictions(), order.folder / "results.parquet")
            log_s = {"loading_s": round(self._loading_s, 2), "taken_s": round(at.taken_s, 2)}
            folder.finish(datetime.now(), log_s | {"audio_s": round(at.audio_s, 1)})

    def _look_up(self, course: _Course, at: Progress) -> None:
        """After every block of sound and every recording: tell how far it is, and hear what has come meanwhile; what is
        to go ahead is done now."""
        course.at = at
        order, now_s = course.order, time.monotonic()
        if now_s - course.told_s >= TELL_EVERY_S:
            course.told_s = now_s
            self._tell(Advanced(order.job_id, at, self._ledger.told()))
        if now_s - course.weighed_s >= WEIGH_EVERY_S:
            course.weighed_s = now_s
            if weight(order.folder) > order.most_bytes:
                raise _TooLargeError
        self._listen()
        if not order.ahead:
            while (first := next((each for each in self._orders if each.ahead), None)) is not None:
                self._orders.remove(first)
                self._do(first)
        if order.job_id in self._dropped:
            raise _GivenUpError

    def _listen(self) -> None:
        try:
            while self._line.poll():
                self.take(self._line.recv())
        except (EOFError, OSError):
            raise _LineLostError from None

    def _tell(self, report: Report) -> None:
        try:
            self._line.send(report)
        except OSError:
            raise _LineLostError from None


class _Course:
    """How far an order is, and when that was last told and weighed."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.at: Progress | None = None
        self.told_s = 0.0
        self.weighed_s = 0.0


class _Ledger:
    """Counts what is done until it is told."""

    def __init__(self) -> None:
        self._outcomes: Counter[str] = Counter()
        self._audio_s = 0.0
        self._since_s = time.monotonic()

    def begin(self) -> None:
        """Nothing was done until now."""
        self._since_s = time.monotonic()

    def count(self, failure: Failure | None, audio_s: float) -> None:
        self._outcomes["done" if failure is None else failure.code] += 1
        self._audio_s += audio_s

    def told(self) -> Work:
        now_s = time.monotonic()
        work = Work(dict(self._outcomes), self._audio_s, now_s - self._since_s)
        self._outcomes.clear()
        self._audio_s, self._since_s = 0.0, now_s
        return work


class _LineLostError(EOFError):
    """The server has gone."""


class _GivenUpError(Exception):
    """Nobody wants the order any more."""


class _TooLargeError(Exception):
    """The results of an order are more than it may have."""


def weight(folder: Path) -> int:
    """Of all files in a folder, in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
