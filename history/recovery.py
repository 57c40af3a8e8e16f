"""After a crash: the calls of a process that is no more are closed, as far as they are known."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, select, update

from history.archive import of_key, timeline, turns_of
from history.chronicle import encoded, speaker_rows
from history.database import Database
from history.schema import alerts, calls, servers, turns
from history.statements import close
from history.summing import facts_of, last_s, summary_of

log = logging.getLogger("undertone.history")
REASON = "server.failed"
SILENT_S = 60.0
"""A server on another machine that has not been heard of for so long is dead."""


def close_orphans(database: Database, own: str, host: str, now: float) -> int:
    """Close the calls of every dead process but our `own`; how many there were. Raises SQLAlchemyError."""
    with database.reading() as connection:
        dead = [row for row in connection.execute(select(servers)) if row.id != own and not _lives(row, host, now)]
        orphans = [(server, key) for server in dead for key in _open_calls(connection, server.id)]
    for server, key in orphans:
        with database.writing() as connection:
            _close(connection, key, server.seen_at)
    if dead:
        with database.writing() as connection:
            connection.execute(delete(servers).where(servers.c.id.in_([server.id for server in dead])))
    if orphans:
        log.warning("%d calls were live when their server died; they are closed as %s", len(orphans), REASON)
    return len(orphans)


def _lives(server: Row[Any], host: str, now: float) -> bool:
    if now - server.seen_at > SILENT_S:
        return False
    if server.host != host:
        return True
    if server.pid == os.getpid():  # of a container that was started again: the same number, another process
        return False
    try:
        os.kill(server.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _open_calls(connection: Connection, server: str) -> Sequence[int]:
    return connection.scalars(select(calls.c.id).where(calls.c.server == server, calls.c.ended_at.is_(None))).all()


def _close(connection: Connection, key: int, seen_at: float) -> None:
    """End a call where it was known last: at the end of the last speech or score, when its server was last alive."""
    call = of_key(connection, key)
    assert call is not None
    duration_s = last_s(list(timeline(connection, call)), turns_of(connection, key))
    ended_at = max(seen_at, call.started_at + duration_s)
    connection.execute(update(turns).where(turns.c.call == key, turns.c.end_s.is_(None)).values(end_s=duration_s))
    still_open = alerts.c.call == key, alerts.c.cleared_at.is_(None)
    connection.execute(update(alerts).where(*still_open).values(cleared_at=ended_at, cleared_s=duration_s))
    summary, facts = summary_of(connection, call, duration_s), facts_of(connection, call, duration_s)
    tail = {
        "ended_at": ended_at,
        "reason": REASON,
        "duration_s": duration_s,
        "last_seq": None,
        "emotion": None if summary.emotion is None else max(summary.emotion, key=summary.emotion.__getitem__),
        "summary": encoded(summary),
        "facts": msgspec.json.encode(facts).decode(),
    }
    close(connection, key, tail, call.started_at, call.tags, facts, speaker_rows(summary))
