"""What is kept of calls, as the server sees it: told in the event loop, written, read and let go of in threads."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, delete
from sqlalchemy.exc import SQLAlchemyError

from history.database import Database
from history.recovery import close_orphans
from history.retention import forget, let_go
from history.schema import servers
from history.settings import HistoryConfig
from history.writer import CLOSE_S, HistoryObserver, Unobserved, Writer
from monitor.events import Event

log = logging.getLogger("undertone.history")
READERS = 4
"""Questions that are answered at once; others wait."""
ORPHANS_EVERY_S = 30.0
LET_GO_EVERY_S = 3600.0
SETTLE_S = 3.0
P = ParamSpec("P")
T = TypeVar("T")


class HistoryError(Exception):
    """The database does not answer."""


class History:
    """Opened on a database that outlives it. `tell`, `over` never wait; what is awaited runs in a thread."""

    def __init__(self, database: Database, config: HistoryConfig, observer: HistoryObserver = Unobserved()) -> None:
        self._database = database
        self._config = config
        self._writer = Writer(database, observer)
        self._readers = ThreadPoolExecutor(READERS, "history-reader")
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep_house, name="history-keeper", daemon=True)

    def start(self) -> None:
        """Begin to write; the calls of a server that died are closed meanwhile."""
        self._writer.start()
        self._keeper.start()

    def tell(self, event: Event, tags: Mapping[str, str]) -> None:
        """The next event of a call that has these tags by now."""
        self._writer.tell(event, tags)

    def over(self, call_id: str, reason: str) -> None:
        """A call is over, if no event has said so."""
        self._writer.over(call_id, reason, time.time())

    @property
    def problem(self) -> str | None:
        """Why nothing is written at present; it is kept in memory meanwhile, as far as that goes."""
        return self._writer.problem

    @property
    def waiting(self) -> int:
        """Events that are not written yet."""
        return self._writer.waiting

    async def settle(self) -> None:
        """Wait until what was told so far is written, SETTLE_S at most."""
        try:
            await asyncio.wait_for(asyncio.wrap_future(self._writer.flush()), SETTLE_S)
        except TimeoutError:
            raise HistoryError(self.problem or "the database does not answer") from None

    async def read(self, ask: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `ask` finds in the database. Raises HistoryError."""

        def run() -> T:
            with self._database.reading() as connection:
                return ask(connection, *args, **kwargs)

        return await self._in_thread(run)

    async def change(self, do: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `do` answers, once what it has changed is committed. Raises HistoryError, and what `do` raises."""

        def run() -> T:
            with self._database.writing() as connection:
                return do(connection, *args, **kwargs)

        return await self._in_thread(run)

    async def forget(self, call_id: str, by: str) -> int:
        """Delete every call that had this id; how many there were. Raises HistoryError."""
        return await self._in_thread(lambda: forget(self._database, call_id, by, time.time()))

    def close(self) -> None:
        """Write what there is, and stop."""
        self._stopping.set()
        self._writer.close()
        if self._keeper.is_alive():
            self._keeper.join(CLOSE_S)
        self._readers.shutdown(wait=False, cancel_futures=True)
        try:
            with self._database.writing() as connection:
                connection.execute(delete(servers).where(servers.c.id == self._writer.server))
        except SQLAlchemyError as error:
            log.warning("history: %s", error, exc_info=not isinstance(error, SQLAlchemyError))

    async def _in_thread(self, run: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, run)
        except SQLAlchemyError as error:
            log.warning("history does not answer: %s", error)
            raise HistoryError("the database does not answer") from None

    def _keep_house(self) -> None:
        """Close the calls of the dead, and let go of what is too old."""
        let_go_at = time.monotonic()
        while True:
            self._try(close_orphans, self._database, self._writer.server, socket.gethostname(), time.time())
            if time.monotonic() >= let_go_at:
                let_go_at += LET_GO_EVERY_S
                self._try(let_go, self._database, self._config, time.time())
            if self._stopping.wait(ORPHANS_EVERY_S):
                return

    def _try(self, do: Callable[..., Any], *args: Any) -> None:
        try:
            found = do(*args)
        except Exception as error:  # it is tried again
            log.warning("history: %s", error)
            return
        if do is let_go and found:
            log.info("history let go of %s", ", ".join(f"{number} rows of {table}" for table, number in found.items()))
