"""How it went over weeks: emotion and alerts by hour, day, tag and role, from sums that were kept as calls ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, func, select

from history.clock import told
from history.schema import trends
from history.tally import SUMS
from monitor.events import Scores
from monitor.labels import LABELS

MOST_GROUPS = 200
"""Of a tag: those with most calls."""


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one hour, day, tag value or role. `key`: which. `heard_s`: seconds with a usable reading, of which
    `emotion` and `arousal` are the means, null where there are none; `unusable_ratio`: the share that could not be
    used; `duration_s` is null where only a role is asked about."""

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
    """`by`: hour, day, role, or tag:KEY. `since`, `until`: seconds since 1970; by tag whole days of UTC. `role`: of
    whom, None: of all whose emotion is inferred. `tag`: (key, value), only calls that have it, by whole days as well.
    `zone`: whose days they are otherwise."""

    by: str
    since: float
    until: float
    role: str | None = None
    tag: tuple[str, str] | None = None
    zone: ZoneInfo | None = None


def ask(connection: Connection, question: Question) -> list[Trend]:
    """By hour and day in the order of time, by role and tag those with most calls first."""
    by_tag = question.by.removeprefix("tag:") if question.by.startswith("tag:") else None
    of_hours = question.by in ("hour", "role") or (question.by == "day" and question.tag is None)
    conditions = [
        trends.c.span == ("hour" if of_hours and question.tag is None else "day"),
        trends.c.start >= question.since,
        trends.c.start < question.until,
    ]
    if by_tag is not None:
        conditions.append(trends.c.name == by_tag)
    else:
        name, value = question.tag or ("", "")
        conditions += [trends.c.name == name, trends.c.value == value]
    if question.role is not None:
        conditions.append(trends.c.role.in_(("", question.role)))
    group = trends.c.value if by_tag is not None else trends.c.role if question.by == "role" else trends.c.start
    columns = list(dict.fromkeys([group, trends.c.role]))
    query = select(*columns, *(func.sum(trends.c[name]).label(name) for name in SUMS))
    rows = connection.execute(query.where(*conditions).group_by(*columns)).mappings().all()
    groups: dict[str, _Group] = {}
    for row in rows:
        key = _key(question, row[group.name])
        groups.setdefault(key, _Group()).add(row["role"], row)
    if question.by == "role":
        groups.pop("", None)
    found = [group.trend(key, question) for key, group in groups.items()]
    if question.by in ("hour", "day"):
        return sorted(found, key=lambda trend: trend.key)
    return sorted(found, key=lambda trend: (-trend.calls, trend.key))[:MOST_GROUPS]


def _key(question: Question, value: Any) -> str:
    if question.by == "hour":
        return told(value)
    if question.by == "day":
        return datetime.fromtimestamp(value, UTC).astimezone(question.zone or UTC).date().isoformat()
    return str(value)


class _Group:
    """Sums of the rows that belong together."""

    def __init__(self) -> None:
        self._call = dict.fromkeys(SUMS, 0.0)
        self._roles = dict.fromkeys(SUMS, 0.0)

    def add(self, role: str, row: Any) -> None:
        """What is counted by call stands in the row without a role."""
        sums = self._roles if role else self._call
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
    """The tags there are trends of."""
    query = select(trends.c.name).where(trends.c.name != "").distinct().order_by(trends.c.name)
    return list(connection.scalars(query.limit(MOST_GROUPS)))
