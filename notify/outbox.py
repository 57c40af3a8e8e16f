"""What is still to be told, on disk: written before the first attempt, so that no end of this process loses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Literal, TypeVar

from sqlalchemy import ColumnElement, delete, exists, func, insert, select, update

from history.database import Database
from history.schema import notifications as table

State = Literal["waiting", "delivered", "failed"]
Result = TypeVar("Result")
LONGEST_PROBLEM = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """A message for one channel. Times are seconds since 1970; `attempts`: how many there have been."""

    id: str
    channel: str
    event_id: str
    call_id: str
    body: str
    created_at: float
    next_at: float
    give_up_at: float
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A message as people look at it: what became of it, not what it says."""

    id: str
    channel: str
    event_id: str
    call_id: str
    state: State
    attempts: int
    created_at: float
    next_at: float
    done_at: float | None
    problem: str | None


class Outbox:
    """Of one server: two with the same database would both send. Everything here waits for the disk, so use it by
    `OutboxThread`; it raises sqlalchemy.exc.SQLAlchemyError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, entries: Sequence[Entry]) -> None:
        """All of them, or none. Those that are there already are left alone: it may be tried again."""
        with self._database.writing() as connection:
            known = set(connection.scalars(select(table.c.id).where(table.c.id.in_([entry.id for entry in entries]))))
            rows = [asdict(entry) | {"state": "waiting"} for entry in entries if entry.id not in known]
            if rows:
                connection.execute(insert(table), rows)

    def heads(self, channel: str, but: Collection[str], limit: int) -> list[Entry]:
        """The oldest waiting message of each call that is none of `but`, those first that are due first."""
        earlier = table.alias()
        overtaking = exists().where(
            earlier.c.call_id == table.c.call_id,
            earlier.c.channel == channel,
            earlier.c.state == "waiting",
            earlier.c.id < table.c.id,
        )
        wanted = (
            select(*[table.c[name] for name in Entry.__slots__])
            .where(table.c.channel == channel, table.c.state == "waiting", table.c.call_id.not_in(but), ~overtaking)
            .order_by(table.c.next_at, table.c.id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [Entry(**row._asdict()) for row in connection.execute(wanted)]

    def settle(self, entry: Entry, state: State, next_at: float, now: float, problem: str | None) -> None:
        """Keep what an attempt has come to. `next_at`: when to try again, if it is still waiting."""
        self._set(
            table.c.id == entry.id,
            state=state,
            attempts=entry.attempts + 1,
            next_at=next_at,
            done_at=None if state == "waiting" else now,
            problem=None if problem is None else problem.replace("\0", " ")[:LONGEST_PROBLEM],
        )

    def again(self, message_id: str, now: float, give_up_at: float) -> None:
        """Try a message that waits or has failed as if it were new; one that was delivered is left alone."""
        self._set(
            (table.c.id == message_id) & (table.c.state != "delivered"),
            state="waiting",
            attempts=0,
            next_at=now,
            give_up_at=give_up_at,
            done_at=None,
        )

    def abandon(self, channels: Collection[str], now: float) -> None:
        """What waits for channels other than these has failed: they are no longer there."""
        self._set(
            (table.c.state == "waiting") & table.c.channel.not_in(channels),
            state="failed",
            done_at=now,
            problem="there is no such channel any more",
        )

    def forget(self, before: float) -> None:
        """Delete what was delivered or given up before a time."""
        with self._database.writing() as connection:
            connection.execute(delete(table).where(table.c.state != "waiting", table.c.done_at < before))

    def find(self, message_id: str) -> Kept | None:
        return next(iter(self._kept(1, table.c.id == message_id)), None)

    def listed(self, state: State | None, channel: str | None, limit: int, after: str | None) -> list[Kept]:
        """The newest first; `after`: the id of the last one that was seen."""
        conditions: list[ColumnElement[bool]] = []
        if state is not None:
            conditions.append(table.c.state == state)
        if channel is not None:
            conditions.append(table.c.channel == channel)
        if after is not None:
            conditions.append(table.c.id < after)
        return self._kept(limit, *conditions)

    def waiting(self, channel: str) -> int:
        """How many messages wait for a channel."""
        with self._database.reading() as connection:
            count = select(func.count()).where(table.c.channel == channel, table.c.state == "waiting")
            return connection.scalars(count).one()

    def counted(self, state: State) -> dict[str, int]:
        """How many there are of each channel."""
        counts = select(table.c.channel, func.count()).where(table.c.state == state).group_by(table.c.channel)
        with self._database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(counts)}

    def _kept(self, limit: int, *conditions: ColumnElement[bool]) -> list[Kept]:
        columns = [table.c[name] for name in Kept.__slots__]
        wanted = select(*columns).where(*conditions).order_by(table.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [Kept(**row._asdict()) for row in connection.execute(wanted)]

    def _set(self, condition: ColumnElement[bool], **values: object) -> None:
        with self._database.writing() as connection:
            connection.execute(update(table).where(condition).values(**values))


class OutboxThread:
    """The outbox, in a thread of its own: one step after the other."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._thread = ThreadPoolExecutor(1, "undertone-notify")

    async def do(self, step: Callable[[Outbox], Result]) -> Result:
        """What `step` returns or raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, step, self._outbox)

    def close(self) -> None:
        """What was begun is finished."""
        self._thread.shutdown(wait=True, cancel_futures=True)
