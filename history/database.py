"""The database: opened, and brought to the newest schema, before anything else uses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

MIGRATIONS = Path(__file__).resolve().parent / "migrations"
BUSY_S = 10.0
"""How long a writer waits for another one to be done, in SQLite."""
ERASE_S = 1.0
"""How long what is erased waits for readers to be done with what they read, in SQLite."""
DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


class DatabaseError(Exception):
    """The database cannot be used; the message says which, why, and what was expected."""


class Database:
    """Use `reading` and `writing` from threads, never from the event loop: they wait for the disk."""

    def __init__(self, url: str) -> None:
        """`url`: as in `HistoryConfig`; empty for a database that is gone when it is closed. Raises DatabaseError."""
        self._folder = None if url else TemporaryDirectory(prefix="undertone-")
        self.url = _understood(f"sqlite:///{self._folder.name}/undertone.sqlite3" if self._folder else url)
        try:
            self._engine = create_engine(self.url, pool_pre_ping=not self.is_sqlite)
            if self.is_sqlite:
                event.listen(self._engine, "connect", _prepare)
            with self.writing() as connection:
                _migrate(connection)
        except ModuleNotFoundError:
            raise DatabaseError("PostgreSQL needs its driver: pip install 'undertone[postgresql]'") from None
        except SQLAlchemyError as error:
            raise DatabaseError(f"history.url {self.shown}: cannot be used: {_reason(error)}") from None

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @property
    def shown(self) -> str:
        """Its address without the password."""
        return self.url.render_as_string(hide_password=True)

    def writing(self) -> AbstractContextManager[Connection]:
        """A context with a Connection in a transaction, committed at its end, taken back if it raises."""
        return self._engine.begin()

    @contextmanager
    def erasing(self) -> Iterator[Connection]:
        """As `writing`, and of what is deleted or overwritten nothing stays in SQLite's files: rows are overwritten,
        and the write-ahead log is emptied, unless somebody reads on for longer than ERASE_S; then with the next."""
        with self.writing() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("PRAGMA secure_delete=ON")
            yield connection
        if self.is_sqlite:
            with self.reading() as connection:
                connection.exec_driver_sql(f"PRAGMA busy_timeout={round(1000 * ERASE_S)}")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
                connection.exec_driver_sql(f"PRAGMA busy_timeout={round(1000 * BUSY_S)}")

    @contextmanager
    def told(self) -> Iterator[None]:
        """What the database cannot do within, as a DatabaseError."""
        try:
            yield
        except SQLAlchemyError as error:
            raise DatabaseError(f"history.url {self.shown}: {_reason(error)}") from None

    def reading(self) -> AbstractContextManager[Connection]:
        """A context with a Connection that sees one state of the database."""
        return self._engine.connect()

    def close(self) -> None:
        self._engine.dispose()
        if self._folder is not None:
            self._folder.cleanup()


def _understood(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseError(f"history.url {url!r} is no address of a database such as sqlite:///FILE") from None
    backend = parsed.drivername.partition("+")[0]
    if backend not in DRIVERS:
        raise DatabaseError(f"history.url: {backend!r} is not known; expected sqlite:///FILE or postgresql://...")
    if backend == "sqlite" and not parsed.database:
        raise DatabaseError("history.url: sqlite:// names no file; expected sqlite:///FILE, or nothing at all")
    return parsed.set(drivername=DRIVERS[backend])


def _prepare(connection: Any, _: object) -> None:
    """Readers do not wait for writers, a writer waits for the other, and what was committed outlives the process."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA busy_timeout={round(1000 * BUSY_S)}")


def _migrate(connection: Connection) -> None:
    """Bring the schema to the newest version. One that is newer than this program raises DatabaseError."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        shown = connection.engine.url.render_as_string()
        raise DatabaseError(f"history.url {shown}: is of another Undertone, newer than this one: {error}") from None


def _reason(error: SQLAlchemyError) -> str:
    return str(error.orig).strip() if isinstance(error, DBAPIError) else str(error)
