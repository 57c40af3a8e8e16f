"""What is too old goes, and of a call that is deleted nothing stays."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select

from history.archive import newest
from history.database import Database
from history.desk import act, find_alert, note_call
from history.retention import LiveError, forget, let_go
from history.schema import audit, calls, metadata, notifications, trends
from history.settings import HistoryConfig
from history.tally import DAY_S
from history.trends import Question, ask
from history.writer import Writer
from tests.history.callsmade import MORNING, Telling, short_call, write

FOR_EVER = HistoryConfig(**{each.name: 0.0 for each in fields(HistoryConfig) if each.name.endswith("_days")})  # type: ignore[arg-type]
LATER = MORNING + 10 * DAY_S


def filled(database: Database, call_id: str = "c-1", started_at: float = MORNING) -> None:
    """A call of which every table has something."""
    write(database, short_call(Telling(call_id, started_at=started_at), f"{call_id}:9"), tags={"team": "north"})
    with database.writing() as connection:
        alert, call = find_alert(connection, f"{call_id}:9"), newest(connection, call_id)
        assert alert is not None
        assert call is not None
        act(connection, alert, "acknowledge", "ada", "on it", None, started_at + 60)
        note_call(connection, call.key, "ada", "calls back on Monday", started_at + 90)
        waiting = {"channel": "desk", "event_id": f"{call_id}:9", "body": "{}", "state": "delivered", "attempts": 1}
        times = {"created_at": started_at, "next_at": started_at, "give_up_at": started_at}
        connection.execute(insert(notifications).values(id=f"n-{call_id}", call_id=call_id, **waiting, **times))


OF_NO_CALL = ("servers", "alert_rules", "voiceprints", "embeddings")


def counts(connection: Connection) -> dict[str, int]:
    tables = (table for table in metadata.sorted_tables if table.name not in OF_NO_CALL)
    return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


def test_of_a_call_that_is_deleted_no_row_stays_and_no_word_of_it(database: Database) -> None:
    filled(database)
    with database.reading() as connection:
        assert all(counts(connection).values())
    assert forget(database, "c-1", "ada", LATER) == 1
    with database.reading() as connection:
        assert {table: number for table, number in counts(connection).items() if number} == {"audit": 1}
        (entry,) = connection.execute(select(audit)).all()
    assert (entry.by, entry.action, entry.call, entry.alert_id, entry.detail) == (
        "ada", "call.deleted", None, None, {"calls": 1},
    )  # fmt: skip


def test_all_calls_of_that_id_are_deleted_and_no_other(database: Database) -> None:
    filled(database, "c-1", MORNING)
    filled(database, "other", MORNING + 60)
    write(database, short_call(Telling("c-1", started_at=MORNING + 7200)))
    assert forget(database, "c-1", "ada", LATER) == 2
    with database.reading() as connection:
        assert connection.scalars(select(calls.c.call_id)).all() == ["other"]
        (hour,) = ask(connection, Question("hour", MORNING - DAY_S, MORNING + DAY_S))
    assert (hour.calls, hour.alerts, hour.heard_s) == (1, 1, 7)
    assert hour.emotion is not None
    assert hour.emotion["angry"] == pytest.approx(0.5, abs=1e-3)


def test_a_live_call_is_not_deleted(database: Database) -> None:
    writer = Writer(database)
    writer.start()
    writer.tell(Telling().start(), {})
    writer.close()
    with pytest.raises(LiveError):
        forget(database, "c-1", "ada", LATER)


def test_what_was_never_there_is_not_deleted(database: Database) -> None:
    assert forget(database, "c-1", "ada", LATER) == 0
    with database.reading() as connection:
        assert not any(counts(connection).values())


@pytest.mark.parametrize(
    ("settings", "gone"),
    [
        ({}, set()),
        ({"seconds_days": 9.0}, {"seconds"}),
        ({"turns_days": 9.0}, {"turns", "moments"}),
        ({"alerts_days": 9.0}, {"alerts", "notes"}),
        ({"audit_days": 9.0}, {"audit"}),
        ({"trends_days": 9.0}, {"trends"}),
        (
            {"calls_days": 9.0},
            {"calls", "facets", "seconds", "turns", "speakers", "moments", "alerts", "notes", "audit"},
        ),
        ({"calls_days": 11.0, "seconds_days": 11.0}, set()),
    ],
)
def test_each_table_has_its_age(database: Database, settings: dict[str, Any], gone: set[str]) -> None:
    filled(database)
    let_go(database, replace(FOR_EVER, **settings), LATER)
    with database.reading() as connection:
        assert {table for table, number in counts(connection).items() if not number} == gone


def test_old_calls_go_in_small_steps_and_new_ones_stay(database: Database) -> None:
    write(database, *(short_call(Telling(f"old-{at}", started_at=MORNING + at)) for at in range(45)))
    write(database, short_call(Telling("new", started_at=LATER - 60)))
    gone = let_go(database, replace(FOR_EVER, calls_days=9.0), LATER)
    assert (gone["calls"], gone["turns"]) == (45, 90)
    with database.reading() as connection:
        assert connection.scalars(select(calls.c.call_id)).all() == ["new"]
        assert (
            connection.scalar(select(func.sum(trends.c.calls)).where(trends.c.span == "hour", trends.c.role == ""))
            == 46
        )


def test_a_live_call_is_left_alone_however_old(database: Database) -> None:
    writer = Writer(database)
    writer.start()
    writer.tell(Telling().start(), {})
    writer.close()
    let_go(database, replace(FOR_EVER, calls_days=1.0), LATER)
    with database.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(calls)) == 1
