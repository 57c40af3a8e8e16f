"""History is written beside the calls, and what cannot be written is kept, or counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError, DBAPIError, InternalError, OperationalError

from history import writer as module
from history.archive import Wanted, find, moments_of, newest, timeline, turns_of
from history.database import Database
from history.desk import WantedAlerts, find_alerts
from history.schema import calls, facets, metadata, speakers
from history.writer import Writer
from monitor.events import SpeechStarted
from tests.history.callsmade import MORNING, Telling, short_call, write


class Watched:
    def __init__(self) -> None:
        self.rows: Counter[tuple[str, str]] = Counter()

    def rows_done(self, table: str, outcome: str, number: int) -> None:
        self.rows[table, outcome] += number


class Faulty:
    """A database that can be made to refuse, or to hang until it is let go."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.full = False
        self.error: type[DBAPIError] = OperationalError
        self.let_go = threading.Event()
        self.let_go.set()
        self.asked = threading.Event()

    @contextmanager
    def writing(self) -> Iterator[Any]:
        self.asked.set()
        self.let_go.wait(10)
        if self.full:
            raise self.error("INSERT", {}, Exception("database or disk is full"))
        with self._database.writing() as connection:
            yield connection


@contextmanager
def started(database: Any, observer: Any = None) -> Iterator[Writer]:
    writer = Writer(database, observer or Watched())
    writer.start()
    yield writer
    writer.close()


def tell(writer: Writer, *events: Any) -> None:
    for event in events:
        writer.tell(event, {"team": "north"})


def test_a_call_is_there_as_it_was_told(database: Database) -> None:
    write(database, short_call(Telling(), "c-1:9"), tags={"team": "north"})
    with database.reading() as connection:
        call = newest(connection, "c-1")
        assert call is not None
        assert (call.started_at, call.ended_at, call.reason) == (MORNING, MORNING + 12, "finished")
        assert (call.tags, call.voices, call.emotion) == ({"team": "north"}, ["S1", "S2"], "angry")
        assert [second.t for second in timeline(connection, call)] == [2.0, 3.0, 4.0, 5.0, 8.0, 9.0, 10.0]
        turns = turns_of(connection, call.key)
        assert [(turn.speaker, turn.start_s, turn.end_s, turn.label) for turn in turns] == [
            ("S1", 1, 5, "angry"),
            ("S2", 7, 10, "neutral"),
        ]
        assert len(moments_of(connection, call)) == 2
        assert [row.speaker for row in connection.execute(select(speakers).order_by(speakers.c.speaker))] == [
            "S1",
            "S2",
        ]
        (alert,) = find_alerts(connection, WantedAlerts(now=MORNING))
        assert (alert.call_id, alert.alert_id, alert.raised_s, alert.cleared_s) == ("c-1", "c-1:9", 4, 6)


def test_a_live_call_is_there_before_it_ends(database: Database) -> None:
    call = Telling()
    with started(database) as writer:
        tell(writer, call.start(), call.say(SpeechStarted, 1.0, 0), call.emotion(2.0))
        writer.flush().result(10)
        with database.reading() as connection:
            (live,) = find(connection, Wanted(live=True))
            assert live.ended_at is None
            assert [turn.end_s for turn in turns_of(connection, live.key)] == [None]
        tell(writer, call.emotion(3.0))
        writer.flush().result(10)
        with database.reading() as connection:
            assert [second.t for second in timeline(connection, live)] == [2.0, 3.0]


def test_turns_that_are_cut_anew_leave_nothing_of_what_they_were(database: Database) -> None:
    call = Telling()
    with started(database) as writer:
        tell(writer, call.start(), *call.speech(1, 9), call.speaks(1, "S1"), call.speaks(6, "S2", "S1"))
        writer.flush().result(10)
        tell(writer, call.speaks(4, "S2", "S1"))
        writer.flush().result(10)
    with database.reading() as connection:
        live = newest(connection, "c-1")
        assert live is not None
        turns = turns_of(connection, live.key)
    assert [(turn.speaker, turn.start_s, turn.end_s) for turn in turns] == [("S1", 1, 4), ("S2", 4, 9)]


def test_a_call_that_broke_off_is_over_too(database: Database) -> None:
    call = Telling()
    with started(database) as writer:
        tell(writer, call.start(), call.emotion(2.0))
        writer.over("c-1", "server.failed", MORNING + 5)
        writer.flush().result(10)
    with database.reading() as connection:
        (over,) = find(connection, Wanted(live=False))
    assert (over.reason, over.ended_at, over.duration_s, over.summary) == ("server.failed", MORNING + 5, 2.0, None)


def test_an_id_that_comes_again_is_another_call(database: Database) -> None:
    write(database, short_call(Telling()), short_call(Telling(started_at=MORNING + 3600)))
    with database.reading() as connection:
        assert [call.started_at for call in find(connection, Wanted())] == [MORNING + 3600, MORNING]
        last = newest(connection, "c-1")
    assert last is not None
    assert last.started_at == MORNING + 3600


def test_calls_are_found_by_what_they_are(database: Database) -> None:
    write(database, short_call(Telling("a", ("customer", "agent")), "a:1"), tags={"team": "north"})
    write(database, short_call(Telling("b", started_at=MORNING + 60)), tags={"team": "south"})

    def found(*wanted: tuple[str, str], **more: Any) -> list[str]:
        with database.reading() as connection:
            return [call.call_id for call in find(connection, Wanted(facets=wanted, **more))]

    assert found() == ["b", "a"]
    assert found(("tag:team", "north")) == ["a"]
    assert found(("role", "agent")) == ["a"]
    assert found(("emotion", "angry")) == ["b", "a"]
    assert found(("alert", "*")) == found(("alert", "anger")) == ["a"]
    assert found(("alert", "risk")) == []
    assert found(("tag:team", "south"), ("role", "agent")) == []
    assert found(since=MORNING + 30) == ["b"]
    assert found(until=MORNING + 60) == ["a"]
    assert found(live=True) == []
    assert found(limit=1) == ["b"]
    assert found(before=(MORNING + 60, 2)) == ["a"]


@pytest.mark.parametrize("error", [OperationalError, DatabaseError, InternalError])
def test_a_full_disk_loses_nothing_that_memory_holds(database: Database, error: type[DBAPIError]) -> None:
    faulty, watched, call = Faulty(database), Watched(), Telling()
    faulty.full, faulty.error = True, error
    with started(faulty, watched) as writer:
        tell(writer, *short_call(call, "c-1:9"))
        writer.flush().result(10)
        assert writer.problem == "database or disk is full"
        faulty.full = False
    assert writer.problem is None
    assert watched.rows["calls", "written"] == 1
    assert not [key for key in watched.rows if key[1] == "lost"]
    with database.reading() as connection:
        assert [each.call_id for each in find(connection, Wanted(live=False))] == ["c-1"]


def test_a_disk_that_is_really_full_is_said_and_found_to_have_room_again(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/kept.sqlite3")

    def give(pages: int) -> None:
        with database.writing() as connection:
            connection.execute(text(f"PRAGMA max_page_count={pages}"))

    with database.reading() as connection:
        now = connection.scalar(text("PRAGMA page_count")) or 0
    give(now + 1)
    with started(database) as writer:
        tell(writer, *(event for number in range(30) for event in short_call(Telling(f"c-{number}"))))
        writer.flush().result(10)
        assert writer.problem == "database or disk is full"
        give(now + 10_000)
    with database.reading() as connection:
        assert len(find(connection, Wanted(live=False))) == 30
    database.close()


def test_a_disk_that_hangs_holds_nobody_up_and_what_is_lost_is_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_TOLD", 10)
    faulty, watched, call = Faulty(database), Watched(), Telling()
    with started(faulty, watched) as writer:
        tell(writer, call.start())
        writer.flush().result(10)
        faulty.let_go.clear()
        faulty.asked.clear()
        tell(writer, call.emotion(1.0))
        assert faulty.asked.wait(10)
        tell(writer, *(call.emotion(2.0 + at) for at in range(20)), call.alert(30, "c-1:9"))
        assert watched.rows["seconds", "lost"] == 10
        assert writer.waiting == 11
        faulty.let_go.set()
    with database.reading() as connection:
        assert len(find_alerts(connection, WantedAlerts(now=MORNING))) == 1


def test_a_call_that_the_database_refuses_takes_no_other_with_it(database: Database) -> None:
    bad, good, watched = Telling("bad"), Telling("good"), Watched()
    with started(database, watched) as writer:
        tell(writer, bad.start(), bad.alert(3, "bad:1", rule=None))
        tell(writer, *short_call(good))
        writer.flush().result(10)
    assert watched.rows["calls", "lost"] == 1
    with database.reading() as connection:
        assert [call.call_id for call in find(connection, Wanted(live=False))] == ["good"]


def test_what_is_told_of_a_call_that_nobody_knows_is_counted(database: Database) -> None:
    watched = Watched()
    with started(database, watched) as writer:
        tell(writer, Telling().emotion(1.0))
    assert watched.rows == Counter({("seconds", "lost"): 1})


def test_the_same_rows_twice_are_there_once(database: Database) -> None:
    """As after a commit whose answer was lost."""
    events = short_call(Telling(), "c-1:9")
    write(database, events)
    with database.reading() as connection:
        before = {
            table.name: connection.scalar(select(func.count()).select_from(table)) for table in metadata.sorted_tables
        }
    write(database, events)
    with database.reading() as connection:
        after = {
            table.name: connection.scalar(select(func.count()).select_from(table)) for table in metadata.sorted_tables
        }
        assert connection.scalar(select(func.count()).select_from(calls)) == 1
        assert connection.scalar(select(func.count()).select_from(facets)) == 4
    assert after | {"servers": 0} == before | {"servers": 0}
