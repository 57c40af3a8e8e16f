"""What is let go of: by age, by the table; and a call with everything that is known of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, delete, insert, or_, select

from history.database import Database
from history.schema import (
    alerts,
    audit,
    calls,
    facets,
    moments,
    notes,
    notifications,
    seconds,
    speakers,
    trends,
    turns,
)
from history.settings import HistoryConfig
from history.statements import add_to_trends
from history.tally import DAY_S, Facts


class LiveError(Exception):
    """A call that is live cannot be deleted."""


OF_CALL: tuple[Table, ...] = (facets, seconds, turns, speakers, moments, alerts, notes, audit)
"""What goes with a call, beside the notifications of its alerts."""
AT_ONCE = 20
"""Calls of which rows are deleted in one transaction, so that nobody waits for long."""
PAUSE_S = 0.05


def let_go(database: Database, config: HistoryConfig, now: float) -> dict[str, int]:
    """Delete what is older than the settings want it kept, a little at a time; how many rows, by table. Live calls
    are left alone. Raises SQLAlchemyError."""
    gone: dict[str, int] = {}
    for days, tables in (
        (config.seconds_days, (seconds,)),
        (config.turns_days, (turns, moments)),
        (config.alerts_days, (alerts, notes)),
        (config.calls_days, (*OF_CALL, calls)),
    ):
        if days:
            for table, number in _age(database, tables, now - days * DAY_S):
                gone[table] = gone.get(table, 0) + number
    for aged, column, days in ((audit, audit.c.at, config.audit_days), (trends, trends.c.start, config.trends_days)):
        if days:
            with database.writing() as connection:
                gone[aged.name] = connection.execute(delete(aged).where(column < now - days * DAY_S)).rowcount
    return {table: number for table, number in gone.items() if number}


def forget(database: Database, call_id: str, by: str, now: float) -> int:
    """Delete every call that had this id, all that is known of it, and what it added to the trends; that somebody did
    so stays, without saying which call it was. How many calls there were. Raises LiveError."""
    with database.writing() as connection:
        query = select(calls).where(calls.c.call_id == call_id)
        found = connection.execute(query).all()
        if any(row.ended_at is None for row in found):
            raise LiveError
        for row in found:
            if row.facts is not None:
                _take_from_trends(connection, msgspec.json.decode(row.facts, type=Facts), row.started_at, row.tags)
        keys = [row.id for row in found]
        for table in OF_CALL:
            connection.execute(delete(table).where(table.c.call.in_(keys)))
        connection.execute(delete(calls).where(calls.c.id.in_(keys)))
        connection.execute(delete(notifications).where(notifications.c.call_id == call_id))
        if found:
            entry = {"at": now, "by": by, "action": "call.deleted", "detail": {"calls": len(found)}}
            connection.execute(insert(audit), entry)
    return len(found)


def _take_from_trends(connection: Connection, facts: Facts, started_at: float, tags: Mapping[str, str]) -> None:
    """What a call had added; a sum of no calls is no row."""
    added = list(facts.rows(started_at, tags))
    less = ({name: -value if isinstance(value, float) else value for name, value in row.items()} for row in added)
    add_to_trends(connection, less)
    for row in added:
        place = [trends.c[column.name] == row[column.name] for column in trends.primary_key]
        connection.execute(delete(trends).where(*place, trends.c.calls < 0.5))


def _age(database: Database, tables: Sequence[Table], before: float) -> Iterator[tuple[str, int]]:
    """Delete the rows, in these tables, of the calls that ended before then. Those of a call go together."""
    conditions = [calls.c.ended_at < before]
    if calls not in tables:
        conditions.append(or_(*(select(table.c.call).where(table.c.call == calls.c.id).exists() for table in tables)))
    last = 0
    while True:
        query = select(calls.c.id).where(calls.c.id > last, *conditions).order_by(calls.c.id).limit(AT_ONCE)
        with database.reading() as connection:
            keys = connection.scalars(query).all()
        if not keys:
            return
        with database.writing() as connection:
            deleted = [
                (table.name, connection.execute(delete(table).where(_key(table).in_(keys))).rowcount)
                for table in tables
            ]
        yield from deleted
        last = keys[-1]
        time.sleep(PAUSE_S)


def _key(table: Table) -> ColumnElement[int]:
    """The column that says which call a row is of."""
    return table.c.id if table is calls else table.c.call
