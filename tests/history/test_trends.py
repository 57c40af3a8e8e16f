"""Sums that were kept as calls ended, asked by hour, day, role and tag."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from history import clock
from history.database import Database
from history.tally import DAY_S
from history.trends import Question, Trend, ask, tag_keys
from tests.history.callsmade import MORNING, Telling, short_call, write


@pytest.fixture
def kept(database: Database) -> Database:
    """Three calls on two days: two of north, one of south with an agent on a channel of their own."""
    write(database, short_call(Telling("a"), "a:1"), tags={"team": "north", "agent": "7"})
    write(database, short_call(Telling("b", started_at=MORNING + 3600)), tags={"team": "north", "agent": "8"})
    late = Telling("c", ("customer", "agent"), started_at=MORNING + 14.5 * 3600)
    write(database, [late.start(), *late.speech(0, 4), *late.speech(3, 9, 1), late.emotion(2.0, 0.4), late.end(10)],
          tags={"team": "south"})  # fmt: skip
    return database


def asked(database: Database, by: str, **more: Any) -> list[Trend]:
    span: dict[str, Any] = {"since": MORNING - 2 * DAY_S, "until": MORNING + 2 * DAY_S}
    with database.reading() as connection:
        return ask(connection, Question(by, **(span | more)))


def test_by_the_hour(kept: Database) -> None:
    hours = asked(kept, "hour")
    assert [(hour.key, hour.calls, hour.alerts) for hour in hours] == [
        ("2026-11-02T09:00:00.000Z", 1, 1),
        ("2026-11-02T10:00:00.000Z", 1, 0),
        ("2026-11-02T23:00:00.000Z", 1, 0),
    ]


def test_by_the_day_of_utc_or_of_a_zone(kept: Database) -> None:
    assert [(day.key, day.calls) for day in asked(kept, "day")] == [("2026-11-02", 3)]
    there = asked(kept, "day", zone=ZoneInfo("Asia/Shanghai"))
    assert [(day.key, day.calls) for day in there] == [("2026-11-02", 2), ("2026-11-03", 1)]


def test_by_the_hours_of_the_week_of_a_zone(kept: Database) -> None:
    assert [(hour.key, hour.calls) for hour in asked(kept, "week")] == [("1-09", 1), ("1-10", 1), ("1-23", 1)]
    there = asked(kept, "week", zone=ZoneInfo("Asia/Shanghai"))
    assert [hour.key for hour in there] == ["1-17", "1-18", "2-07"]


def test_days_and_hours_of_the_week_are_those_of_the_clock_also_where_it_changes(database: Database) -> None:
    for number, at in enumerate(("2026-10-24T21:30:00Z", "2026-10-25T22:30:00Z", "2026-10-25T23:30:00Z")):
        write(database, short_call(Telling(f"c-{number}", started_at=clock.kept(at))))
    span = {"since": clock.kept("2026-10-20"), "until": clock.kept("2026-10-30"), "zone": ZoneInfo("Europe/Berlin")}
    assert [(day.key, day.calls) for day in asked(database, "day", **span)] == [
        ("2026-10-24", 1),
        ("2026-10-25", 1),
        ("2026-10-26", 1),
    ]
    assert [hour.key for hour in asked(database, "week", **span)] == ["1-00", "6-23", "7-23"]


def test_scores_are_means_over_the_seconds_that_were_heard(kept: Database) -> None:
    (day,) = asked(kept, "day")
    assert (day.heard_s, day.duration_s, day.alerted_calls, day.unusable_ratio) == (15, 34, 1, 0)
    assert day.emotion is not None
    assert day.emotion["angry"] == pytest.approx((8 * 0.8 + 6 * 0.1 + 0.4) / 15, abs=1e-3)
    assert day.arousal == pytest.approx(0.5)


def test_by_role_those_with_most_calls_first(kept: Database) -> None:
    roles = asked(kept, "role")
    assert [(role.key, role.calls, role.speech_s, role.duration_s) for role in roles] == [
        ("mixed", 2, 14.0, None),
        ("agent", 1, 6.0, None),
        ("customer", 1, 4.0, None),
    ]
    agent = roles[1]
    assert (agent.heard_s, agent.emotion, agent.arousal, agent.unusable_ratio) == (0, None, None, None)


def test_by_a_tag(kept: Database) -> None:
    assert [(team.key, team.calls, team.alerts) for team in asked(kept, "tag:team")] == [
        ("north", 2, 1),
        ("south", 1, 0),
    ]
    assert [agent.key for agent in asked(kept, "tag:agent")] == ["7", "8"]
    assert asked(kept, "tag:nothing") == []


def test_only_one_role_or_one_tag(kept: Database) -> None:
    (customer,) = asked(kept, "day", role="customer")
    assert (customer.calls, customer.heard_s, customer.speech_s) == (1, 1, 4.0)
    (north,) = asked(kept, "day", tag=("team", "north"))
    assert (north.calls, north.alerts) == (2, 1)
    (mixed,) = asked(kept, "role", tag=("team", "north"))
    assert (mixed.key, mixed.calls) == ("mixed", 2)


def test_only_a_span(kept: Database) -> None:
    assert [hour.key[11:13] for hour in asked(kept, "hour", since=MORNING + 3600, until=MORNING + 7200)] == ["10"]


def test_which_tags_there_are(kept: Database) -> None:
    with kept.reading() as connection:
        assert tag_keys(connection) == ["agent", "team"]
