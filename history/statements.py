"""From rows to the database: what of many calls is written together, in either dialect."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, update
from sqlalchemy.dialects import postgresql, sqlite

from history.chronicle import Chronicle, Row
from history.schema import alerts, calls, facets, moments, seconds, servers, speakers, trends, turns
from history.tally import SUMS, Facts


def beat(connection: Connection, server: Mapping[str, Any]) -> None:
    """Say that a server is alive; its row has `id`, `host`, `pid`, `seen_at`."""
    put(connection, servers, ("id",), [server])


def write(
    connection: Connection, server: str, chronicles: Sequence[Chronicle]
) -> tuple[dict[Chronicle, int], Counter[str]]:
    """Everything of these calls that has changed. The rows they have got, and how many were written by table."""
    keys = {each: _open(connection, server, each) for each in chronicles if each.head_changed}
    known = {each: keys.get(each) or each.key for each in chronicles}
    rows: dict[Table, list[Row]] = defaultdict(list)
    recut = []
    for each, key in known.items():
        of = {"call": key}
        if each.head_changed:
            rows[facets] += [of | row for row in each.facets()]
        if each.recut_since is not None:
            recut.append({"of_call": key, "since": each.recut_since})
        rows[seconds] += [of | row for row in each.minutes()]
        rows[turns] += [of | row for row in each.turns()]
        rows[moments] += [of | row for row in each.moments()]
        rows[alerts] += [of | row for row in each.alerts()]
    rows[facets] += [
        {"call": row["call"], "name": "alert", "value": rule} for row in rows[alerts] for rule in (row["rule"], "*")
    ]
    if recut:
        again = turns.c.call == bindparam("of_call"), turns.c.start_s >= bindparam("since")
        connection.execute(delete(turns).where(*again), recut)
    put(connection, seconds, ("call", "channel", "minute"), rows[seconds])
    put(connection, turns, ("call", "channel", "start_s"), rows[turns])
    put(connection, moments, ("call", "seq"), rows[moments])
    put(connection, alerts, ("call", "alert_id"), rows[alerts])
    put(connection, facets, ("call", "name", "value"), rows[facets])
    counted = Counter({table.name: len(of_table) for table, of_table in rows.items() if of_table})
    for each, key in known.items():
        if each.ending is not None and key is not None:
            close(connection, key, each.tail(), each.started_at, each.tags, each.facts(), each.speakers())
            counted["calls"] += 1
    return {each: key for each, key in known.items() if key is not None}, counted


def close(
    connection: Connection,
    key: int,
    tail: Row,
    started_at: float,
    tags: Mapping[str, str],
    facts: Facts,
    speaking: Sequence[Row],
) -> None:
    """A call is over; nothing happens if somebody has closed it."""
    over = connection.execute(update(calls).where(calls.c.id == key, calls.c.ended_at.is_(None)).values(tail))
    if not over.rowcount:
        return
    if tail["emotion"] is not None:
        put(connection, facets, ("call", "name", "value"), [{"call": key, "name": "emotion", "value": tail["emotion"]}])
    put(connection, speakers, ("call", "speaker"), [{"call": key} | row for row in speaking])
    add_to_trends(connection, facts.rows(started_at, tags))


def add_to_trends(connection: Connection, rows: Iterable[Row]) -> None:
    """Add sums to those that are there. In order, so that two servers never wait for each other."""
    statement = _insert(connection, trends)
    place = [column.name for column in trends.primary_key]
    sums = {name: trends.c[name] + statement.excluded[name] for name in SUMS}
    ordered = sorted(rows, key=lambda row: [str(row[name]) for name in place])
    connection.execute(statement.on_conflict_do_update(index_elements=place, set_=sums), ordered)


def put(connection: Connection, table: Table, by: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or set what they say of those that are there by the same key. All have the same columns."""
    if not rows:
        return
    statement = _insert(connection, table)
    told = {name: statement.excluded[name] for name in rows[0] if name not in by}
    if told:
        statement = statement.on_conflict_do_update(index_elements=by, set_=told)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=by)
    connection.execute(statement, rows)


def _open(connection: Connection, server: str, chronicle: Chronicle) -> int:
    """The row of a call, made or brought up to date."""
    head = chronicle.head() | {"server": server}
    if chronicle.key is not None:
        connection.execute(update(calls).where(calls.c.id == chronicle.key).values(head))
        gone = facets.c.call == chronicle.key, facets.c.name.startswith("tag:")
        connection.execute(delete(facets).where(*gone))
        return chronicle.key
    statement = _insert(connection, calls).values(head)
    statement = statement.on_conflict_do_update(index_elements=("call_id", "started_at"), set_={"tags": chronicle.tags})
    return int(connection.execute(statement.returning(calls.c.id)).scalar_one())


def _insert(connection: Connection, table: Table) -> Any:
    """Either dialect's own INSERT, for what to do about a row that is there; they have no common one."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
