"""The thread that writes history: what the event loop tells is taken at once and written in batches, twice a second."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Protocol

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError

from history.chronicle import Chronicle
from history.database import Database
from history.statements import beat, write
from monitor.events import Alert, CallEnded, CallStarted, Emotion, EmotionFrames, Error, Event

log = logging.getLogger("undertone.history")
EVERY_S = 0.5
"""Between two batches."""
BEAT_S = 5.0
"""A server says so often that it is alive while it has nothing to write."""
MOST_TOLD = 20_000
"""Events that wait for the thread: 20 s of 500 calls. Then scores are lost, at twice as many everything else."""
MOST_ENDED = 1000
"""Calls that are over and wait for a database that does not answer."""
LONGEST_RETRY_S = 5.0
CLOSE_S = 10.0
Told = tuple[Event, Mapping[str, str]] | tuple[str, str, float] | Future[None]


class HistoryObserver(Protocol):
    """Whoever wants to know what is written; called from the writer's thread and from the event loop."""

    def rows_done(self, table: str, outcome: str, number: int) -> None:
        """`number` rows of a table, or events that would have become some, were `written` or `lost`."""
        ...


class Unobserved:
    """A HistoryObserver that looks away."""

    def rows_done(self, table: str, outcome: str, number: int) -> None:
        pass


class Writer:
    """Told of every event in the event loop, which it never holds up; writes in its own thread.

    While the database does not answer, calls gather what they have in short form, and it is tried again.
    """

    def __init__(self, database: Database, observer: HistoryObserver = Unobserved()) -> None:
        self.server = secrets.token_hex(8)
        self.problem: str | None = None
        """Why nothing is written at present."""
        self._database = database
        self._observer = observer
        self._told: deque[Told] = deque()
        self._live: dict[str, Chronicle] = {}
        self._ended: deque[Chronicle] = deque()
        self._promised: list[Future[None]] = []
        self._wake = threading.Event()
        self._stopping = False
        self._retry_at = self._retry_s = self._beaten_at = 0.0
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)

    def start(self) -> None:
        self._thread.start()

    # --- in the event loop

    def tell(self, event: Event, tags: Mapping[str, str]) -> None:
        """The next event of a call that has these tags by now."""
        if isinstance(event, (EmotionFrames, Error)):
            return
        waiting = len(self._told)
        if waiting >= MOST_TOLD and (isinstance(event, Emotion) or waiting >= 2 * MOST_TOLD):
            self._observer.rows_done(_table(event), "lost", 1)
            return
        self._told.append((event, dict(tags)))  # they may change before the thread looks
        if isinstance(event, Alert):
            self._wake.set()

    def over(self, call_id: str, reason: str, at: float) -> None:
        """A live call is over, whether or not that was an event."""
        self._told.append((call_id, reason, at))

    def flush(self) -> Future[None]:
        """Done once everything told so far is written, or has been given up."""
        promise: Future[None] = Future()
        self._told.append(promise)
        self._wake.set()
        return promise

    @property
    def waiting(self) -> int:
        """How many events wait to be taken."""
        return len(self._told)

    def close(self) -> None:
        """Write what there is, once, and stop; a disk that hangs is not waited for."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    # --- in the thread

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(EVERY_S)
            self._wake.clear()
            self._turn(time.time())
        self._retry_at = 0.0
        self._turn(time.time())

    def _turn(self, now: float) -> None:
        try:
            self._take()
            if now >= self._retry_at:
                self._write(now)
        except Exception:  # without its thread nothing would ever be written again
            log.exception("history could not be written")
        for chronicle in [*self._live.values(), *self._ended]:
            for table, number in chronicle.take_lost():
                self._observer.rows_done(table, "lost", number)

    def _take(self) -> None:
        """Fold what was told into what is known of the calls."""
        for _ in range(len(self._told)):
            match self._told.popleft():
                case Future() as promise:
                    self._promised.append(promise)
                case (str(call_id), reason, at):
                    self._end(call_id, str(reason), float(at))
                case (event, tags):
                    self._fold(event, tags)

    def _fold(self, event: Event, tags: Mapping[str, str]) -> None:
        if isinstance(event, CallStarted):
            self._end(event.call_id, "server.failed", time.time())
            self._live[event.call_id] = Chronicle(event)
        chronicle = self._live.get(event.call_id)
        if chronicle is None:
            self._observer.rows_done(_table(event), "lost", 1)
            return
        chronicle.label(tags)
        chronicle.apply(event)
        if chronicle.ending is not None:
            self._bury(event.call_id)

    def _end(self, call_id: str, reason: str, at: float) -> None:
        if call_id in self._live:
            self._live[call_id].end(reason, at)
            self._bury(call_id)

    def _bury(self, call_id: str) -> None:
        self._ended.append(self._live.pop(call_id))
        if len(self._ended) > MOST_ENDED:
            self._ended.popleft()
            self._observer.rows_done("calls", "lost", 1)

    def _write(self, now: float) -> None:
        news = [each for each in [*self._live.values(), *self._ended] if each.has_news]
        if news or now - self._beaten_at >= BEAT_S:
            try:
                self._commit_all(now, news)
            except SQLAlchemyError as error:
                self._put_off(now, str(error.orig) if isinstance(error, DBAPIError) else str(error))
                return
            self._recovered()
        self._keep_promises()

    def _commit(self, now: float, news: Sequence[Chronicle]) -> None:
        with self._database.writing() as connection:
            alive = {"id": self.server, "host": socket.gethostname(), "pid": os.getpid(), "seen_at": now}
            beat(connection, alive)
            keys, counted = write(connection, self.server, news)
        self._beaten_at = now
        for chronicle, key in keys.items():
            chronicle.key = key
            chronicle.written()
        gone = {id(each) for each in news if each.ending is not None}
        self._ended = deque(each for each in self._ended if id(each) not in gone)
        for table, number in counted.items():
            self._observer.rows_done(table, "written", number)

    def _commit_all(self, now: float, news: Sequence[Chronicle]) -> None:
        """A call whose rows the database refuses must not take others with it. Raises SQLAlchemyError for all else."""
        try:
            self._commit(now, news)
            return
        except SQLAlchemyError as error:
            if not _refuses_rows(error):
                raise
            log.warning("history: a batch could not be written, each call is tried alone: %s", error)
        for chronicle in news:
            try:
                self._commit(now, [chronicle])
            except SQLAlchemyError as error:
                if not _refuses_rows(error):
                    raise
                log.error("history of call %s is given up: %s", chronicle.started.call_id, error)
                self._live.pop(chronicle.started.call_id, None)
                self._ended = deque(each for each in self._ended if each is not chronicle)
                self._observer.rows_done("calls", "lost", 1)

    def _put_off(self, now: float, problem: str) -> None:
        if self.problem is None:
            log.warning("history cannot be written, and is kept in memory as far as that goes: %s", problem)
        self.problem = problem
        self._retry_s = min(LONGEST_RETRY_S, 2 * self._retry_s or EVERY_S)
        self._retry_at = now + self._retry_s
        self._keep_promises()

    def _recovered(self) -> None:
        if self.problem is not None:
            log.warning("history is written again")
        self.problem, self._retry_s, self._retry_at = None, 0.0, 0.0

    def _keep_promises(self) -> None:
        promised, self._promised = self._promised, []
        for promise in promised:
            promise.set_result(None)


def _refuses_rows(error: SQLAlchemyError) -> bool:
    """Whether it is the rows that are wrong, and not the database that is unwell."""
    return not isinstance(error, DBAPIError) or isinstance(error, (DataError, IntegrityError, ProgrammingError))


def _table(event: Event) -> str:
    """Where an event would have been written."""
    if isinstance(event, Emotion):
        return "seconds"
    if isinstance(event, Alert):
        return "alerts"
    return "calls" if isinstance(event, (CallStarted, CallEnded)) else "turns"
