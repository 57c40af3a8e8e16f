"""The calls of a server that died are closed, as far as they are known."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import select, update

from history.archive import Wanted, find, turns_of
from history.database import Database
from history.desk import WantedAlerts, find_alerts
from history.recovery import SILENT_S, close_orphans
from history.schema import servers
from history.trends import Question, ask
from history.writer import Writer
from monitor.events import SpeechStarted, Warning
from tests.history.callsmade import MORNING, Telling

HOST = socket.gethostname()


def abandoned(database: Database, **server: Any) -> Writer:
    """A call in its 21st second, of a server that is no more."""
    call, writer = Telling("c-1", ("customer", "agent")), Writer(database)
    writer.start()
    for event in (
        call.start(),
        *call.speech(1, 8),
        call.speaks(1, "customer", channel=None),
        *(call.emotion(float(t), 0.1, speaker="customer") for t in range(2, 9)),
        call.say(SpeechStarted, 7.0, 1),
        call.speaks(7, "agent", "customer", channel=None),
        call.say(SpeechStarted, 12.0, 0),
        *(call.emotion(float(t), 0.9, speaker="customer") for t in range(13, 21)),
        call.say(Warning, 14.0, 0, code="audio.clipped", reason="loud"),
        call.alert(15, "c-1:9"),
    ):
        writer.tell(event, {"team": "north"})
    writer.flush().result(10)
    writer.close()
    with database.writing() as connection:
        connection.execute(update(servers).values({"host": HOST, "pid": dead_pid(), "seen_at": MORNING + 21} | server))
    return writer


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_call_is_closed_where_it_was_known_last(database: Database) -> None:
    abandoned(database)
    assert close_orphans(database, "another", HOST, MORNING + 22) == 1
    with database.reading() as connection:
        (call,) = find(connection, Wanted())
        assert (call.reason, call.ended_at, call.duration_s) == ("server.failed", MORNING + 21, 20.0)
        assert call.emotion == "angry"
        turns = [(turn.speaker, turn.start_s, turn.end_s) for turn in turns_of(connection, call.key)]
        assert turns == [("customer", 1, 8), ("agent", 7, 20), ("customer", 12, 20)]
        (alert,) = find_alerts(connection, WantedAlerts(now=MORNING))
        assert (alert.cleared_s, alert.cleared_at) == (20.0, MORNING + 21)
        assert connection.execute(select(servers)).all() == []


def test_its_summary_is_made_of_what_was_written(database: Database) -> None:
    abandoned(database)
    close_orphans(database, "another", HOST, MORNING + 22)
    with database.reading() as connection:
        (call,) = find(connection, Wanted())
    summary = call.summary
    assert summary is not None
    assert (summary.speech_s, summary.overlap_s, summary.silence_s) == (28.0, 9.0, 1.0)
    agent, customer = summary.speakers
    assert (agent.interruptions, agent.emotion, agent.course) == (1, None, None)
    assert customer.course is not None
    assert (customer.course.start.distress, customer.course.end.distress) == (0.1, 0.9)
    assert [(count.rule, count.raised, count.open) for count in summary.alerts] == [("anger", 1, 0)]
    assert summary.quality is not None
    assert (summary.quality.warnings, summary.quality.reliability["high"]) == ({"audio.clipped": 1}, 1.0)


def test_it_counts_in_the_trends(database: Database) -> None:
    abandoned(database)
    close_orphans(database, "another", HOST, MORNING + 22)
    close_orphans(database, "another", HOST, MORNING + 23)
    with database.reading() as connection:
        (day,) = ask(connection, Question("day", MORNING - 86_400, MORNING + 86_400))
        (team,) = ask(connection, Question("tag:team", MORNING - 86_400, MORNING + 86_400))
    assert (day.calls, day.alerts, day.heard_s) == (1, 1, 15)
    assert day.emotion is not None
    assert day.emotion["angry"] == pytest.approx((7 * 0.1 + 8 * 0.9) / 15, abs=1e-3)
    assert (team.key, team.calls) == ("north", 1)


@pytest.mark.parametrize(
    ("server", "closed"),
    [
        ({"pid": os.getppid()}, 0),
        ({"pid": os.getppid(), "seen_at": MORNING - SILENT_S}, 1),
        ({"pid": os.getpid()}, 1),
        ({"host": "elsewhere"}, 0),
        ({"host": "elsewhere", "seen_at": MORNING - SILENT_S}, 1),
    ],
    ids=["lives", "hangs", "was started again under its number", "lives elsewhere", "is silent elsewhere"],
)
def test_only_the_dead_are_closed(database: Database, server: dict[str, Any], closed: int) -> None:
    abandoned(database, **server)
    assert close_orphans(database, "another", HOST, MORNING + 22) == closed


def test_a_server_does_not_close_its_own_calls(database: Database) -> None:
    own = abandoned(database).server
    assert close_orphans(database, own, HOST, MORNING + 1000) == 0
