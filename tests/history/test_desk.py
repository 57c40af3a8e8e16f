"""What people do about alerts is kept, with who did it."""

from __future__ import annotations

from typing import Any

import pytest

from history.archive import newest
from history.database import Database
from history.desk import (
    ResolvedError,
    StoredAlert,
    WantedAlerts,
    act,
    find_alert,
    find_alerts,
    note_call,
    notes_of,
    trail,
)
from tests.history.callsmade import MORNING, Telling, short_call, write

NOON = MORNING + 3 * 3600


@pytest.fixture
def alerts(database: Database) -> Database:
    """Two calls, each with an alert."""
    write(database, short_call(Telling("a"), "a:9"), short_call(Telling("b", started_at=MORNING + 60), "b:9"))
    return database


def done(
    database: Database, alert_id: str, action: Any, text: str | None = None, until: float | None = None
) -> StoredAlert:
    with database.writing() as connection:
        alert = find_alert(connection, alert_id)
        assert alert is not None
        act(connection, alert, action, "ada", text, until, NOON)
        again = find_alert(connection, alert_id)
    assert again is not None
    return again


def found(database: Database, now: float = NOON, **wanted: Any) -> list[str]:
    with database.reading() as connection:
        return [alert.alert_id for alert in find_alerts(connection, WantedAlerts(now=now, **wanted))]


def test_an_alert_is_acknowledged_by_somebody(alerts: Database) -> None:
    alert = done(alerts, "a:9", "acknowledge")
    assert (alert.acknowledged_by, alert.acknowledged_at, alert.attention(NOON)) == ("ada", NOON, "acknowledged")
    assert found(alerts, attention="acknowledged") == ["a:9"]
    assert found(alerts, attention="none") == ["b:9"]


def test_a_snooze_wears_off(alerts: Database) -> None:
    done(alerts, "a:9", "acknowledge")
    alert = done(alerts, "a:9", "snooze", until=NOON + 600)
    assert (alert.attention(NOON), alert.attention(NOON + 600)) == ("snoozed", "acknowledged")
    assert found(alerts, attention="snoozed") == ["a:9"]
    assert found(alerts, NOON + 600, attention="snoozed") == []
    assert found(alerts, NOON + 600, attention="acknowledged") == ["a:9"]


def test_what_is_resolved_can_be_commented_on_and_nothing_else(alerts: Database) -> None:
    done(alerts, "a:9", "resolve")
    assert found(alerts, attention="resolved") == ["a:9"]
    done(alerts, "a:9", "comment", "was a false alarm")
    for action in ("acknowledge", "snooze", "resolve"):
        with pytest.raises(ResolvedError):
            done(alerts, "a:9", action)


def test_notes_are_of_the_call_or_of_an_alert(alerts: Database) -> None:
    done(alerts, "a:9", "acknowledge", "on it")
    with alerts.writing() as connection:
        call = newest(connection, "a")
        assert call is not None
        note_call(connection, call.key, "ben", "calls back", NOON + 1)
        notes = notes_of(connection, call.key)
    assert [(note.by, note.text, note.alert_id) for note in notes] == [
        ("ada", "on it", "a:9"),
        ("ben", "calls back", None),
    ]


def test_everything_leaves_a_trace(alerts: Database) -> None:
    done(alerts, "a:9", "acknowledge", "on it")
    done(alerts, "a:9", "snooze", until=NOON + 600)
    done(alerts, "a:9", "comment", "hm")
    done(alerts, "a:9", "resolve")
    with alerts.reading() as connection:
        entries = trail(connection, None, 10)
        older = trail(connection, entries[1].key, 1)
    assert [entry.action for entry in entries] == [
        "alert.resolved",
        "alert.commented",
        "alert.snoozed",
        "alert.acknowledged",
    ]
    assert {(entry.by, entry.call_id, entry.alert_id) for entry in entries} == {("ada", "a", "a:9")}
    assert entries[2].detail == {"until": NOON + 600}
    assert older == [entries[2]]


def test_alerts_are_found_by_what_they_are(alerts: Database) -> None:
    assert found(alerts) == ["b:9", "a:9"]
    assert found(alerts, limit=1) == ["b:9"]
    assert found(alerts, call_id="a") == ["a:9"]
    assert found(alerts, rule="anger", severity="warning", role="mixed") == ["b:9", "a:9"]
    assert found(alerts, rule="risk") == found(alerts, is_open=True) == []
    assert found(alerts, is_open=False, since=MORNING + 30) == ["b:9"]
    assert found(alerts, until=MORNING + 30) == ["a:9"]
    assert found(alerts, before=(MORNING + 64, 2)) == ["a:9"]


def test_of_two_alerts_with_one_id_the_last_is_meant(alerts: Database) -> None:
    write(alerts, short_call(Telling("a", started_at=NOON - 60), "a:9"))
    with alerts.reading() as connection:
        alert = find_alert(connection, "a:9")
    assert alert is not None
    assert alert.raised_at == NOON - 56


def test_an_alert_keeps_what_was_done_about_it_when_it_is_told_of_again(alerts: Database) -> None:
    done(alerts, "a:9", "acknowledge")
    write(alerts, short_call(Telling("a"), "a:9"))
    with alerts.reading() as connection:
        alert = find_alert(connection, "a:9")
    assert alert is not None
    assert alert.acknowledged_by == "ada"
