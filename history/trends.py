"""How it went over weeks: emotion and alerts by hour, day, tag and role, from sums that were kept as calls ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, func, select

from history.clock import told
from history.schema import trends
from history.tally import DAY_S, HOUR_S, SUMS
from monitor.events import Scores
from monitor.labels import LABELS

EPOCH = date(1970, 1, 1)
WEEK_HOURS, THURSDAY_HOURS = 7 * 24, 3 * 24
"""The epoch was a Thursday; weeks begin on Monday."""
MOST_GROUPS = 200
"""Of a tag: those with most calls."""


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one hour, day, hour of the week (1-09: Monday from nine), tag value or role. `key`: which. `heard_s`:
    seconds with a usable reading, of which `emotion` and `arousal` are the means, null where there are none;
    `unusable_ratio`: the share that could not be used; `duration_s` is null where only a role is asked about."""

    key: str
    calls: int
    speech_s: float
    duration_s: float | None
    alerts: int
    alerted_calls: int
    heard_s: float
    unusable_ratio: float | None
    emotion: Scores | None
    arousal: float | None


@dataclass(frozen=True, slots=True)
class Question:
    """`by`: hour, day, week (the hours of the week, all weeks together), role, or tag:KEY. `since`, `until`: seconds
    since 1970; by tag whole days of UTC. `role`: of whom, None: of all whose emotion is inferred. `tag`: (key, value),
    only calls that have it, by whole days as well. `zone`: whose days and hours of the week they are otherwise."""

    by: str
    since: float
    until: float
    role: str | None = None
    tag: tuple[str, str] | None = None
    zone: ZoneInfo | None = None


def ask(connection: Connection, question: Question) -> list[Trend]:
    """By hour, day and week in the order of time, by role and tag those with most calls first."""
    groups: dict[str, _Group] = {}
    for since, until, offset_s in _stretches(question):
        for row in _rows(connection, question, since, until, offset_s):
            groups.setdefault(_key(question, row["place"]), _Group()).add(row)
    if question.by == "role":
        groups.pop("", None)
    found = [group.trend(key, question) for key, group in groups.items()]
    if question.by in ("hour", "day", "week"):
        return sorted(found, key=lambda trend: trend.key)
    return sorted(found, key=lambda trend: (-trend.calls, trend.key))[:MOST_GROUPS]


def _rows(
    connection: Connection, question: Question, since: float, until: float, offset_s: int
) -> Sequence[RowMapping]:
    """Sums by `place` and role, of what began in a stretch of time in which clocks are so far ahead of UTC."""
    by_tag = question.by.removeprefix("tag:") if question.by.startswith("tag:") else None
    place: dict[str, ColumnElement[Any]] = {
        "hour": trends.c.start,
        "day": (trends.c.start + offset_s) // DAY_S,
        "week": ((trends.c.start + offset_s) // HOUR_S + THURSDAY_HOURS) % WEEK_HOURS,
        "role": trends.c.role,
    }
    group = trends.c.value if by_tag is not None else place[question.by]
    name, value = question.tag or ("", "")
    whole_days = by_tag is not None or question.tag is not None or (question.by == "day" and question.zone is None)
    conditions = [
        trends.c.span == ("day" if whole_days else "hour"),
        trends.c.name == (name if by_tag is None else by_tag),
        trends.c.start >= since,
        trends.c.start < until,
    ]
    if by_tag is None:
        conditions.append(trends.c.value == value)
    if question.role is not None:
        conditions.append(trends.c.role.in_(("", question.role)))
    sums = (func.sum(trends.c[name]).label(name) for name in SUMS)
    query = select(group.label("place"), trends.c.role, *sums).where(*conditions).group_by(group, trends.c.role)
    return connection.execute(query).mappings().all()


def _stretches(question: Question) -> Iterator[tuple[float, float, int]]:
    """The span in as many stretches as its zone has changes of the clock in it: from, to, seconds ahead of UTC."""
    if question.zone is None or question.tag is not None or question.by not in ("day", "week"):
        yield question.since, question.until, 0
        return
    since, hour = question.since, int(question.since // HOUR_S) * HOUR_S
    ahead_s = _ahead_s(question.zone, hour)
    while hour < question.until:
        if (then_s := _ahead_s(question.zone, hour)) != ahead_s:
            yield since, hour, ahead_s
            since, ahead_s = hour, then_s
        hour += HOUR_S
    yield since, question.until, ahead_s


def _ahead_s(zone: ZoneInfo, at: float) -> int:
    offset = datetime.fromtimestamp(at, zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _key(question: Question, place: Any) -> str:
    match question.by:
        case "hour":
            return told(place)
        case "day":
            return (EPOCH + timedelta(days=int(place))).isoformat()
        case "week":
            return f"{int(place) // 24 + 1}-{int(place) % 24:02}"
    return str(place)


class _Group:
    """Sums of the rows that belong together."""

    def __init__(self) -> None:
        self._call = dict.fromkeys(SUMS, 0.0)
        self._roles = dict.fromkeys(SUMS, 0.0)

    def add(self, row: RowMapping) -> None:
        """What is counted by call stands in the row without a role."""
        sums = self._roles if row["role"] else self._call
        for name in SUMS:
            sums[name] += row[name]

    def trend(self, key: str, question: Question) -> Trend:
        of_role = question.role is not None or question.by == "role"
        whole, heard = self._roles if of_role else self._call, self._roles
        heard_s = heard["heard_s"]
        judged_s = heard_s + heard["unusable_s"]
        return Trend(
            key=key,
            calls=round(whole["calls"]),
            speech_s=round(whole["speech_s"], 1),
            duration_s=None if of_role else round(whole["duration_s"], 1),
            alerts=round(whole["alerts"]),
            alerted_calls=round(whole["alerted_calls"]),
            heard_s=round(heard_s, 1),
            unusable_ratio=round(heard["unusable_s"] / judged_s, 4) if judged_s else None,
            emotion={label: round(heard[f"{label}_s"] / heard_s, 4) for label in LABELS} if heard_s else None,
            arousal=round(heard["arousal_s"] / heard_s, 4) if heard_s else None,
        )


def tag_keys(connection: Connection) -> list[str]:
    """The tags there are trends of. Each is asked for after the one before: the index leads to the next at once."""
    found: list[str] = []
    while len(found) < MOST_GROUPS:
        last = found[-1] if found else ""
        query = select(trends.c.name).where(trends.c.span == "day", trends.c.name > last).order_by(trends.c.name)
        following = connection.scalar(query.limit(1))
        if following is None:
            break
        found.append(following)
    return found
