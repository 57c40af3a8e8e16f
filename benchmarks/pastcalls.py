"""Calls that were never held: a few dozen are told event by event, as the server would, and kept many times."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import exp
from typing import Any

import msgspec
from sqlalchemy import Connection, insert

from history.chronicle import Chronicle
from history.clock import told
from history.database import Database
from history.packing import Second, unpacked
from history.schema import alerts, calls, facets, moments, seconds, speakers, turns
from history.statements import add_to_trends
from history.summing import Heard
from history.tally import DAY_S, SUMS
from monitor.events import (
    AlertCleared,
    AlertRaised,
    CallEnded,
    CallStarted,
    ChannelInfo,
    Emotion,
    EmotionTurn,
    Event,
    ModelInfo,
    SpeakerChanged,
    SpeechEnded,
    SpeechStarted,
)
from monitor.labels import LABELS
from monitor.summary import QualityLedger, Told, summed_up
from monitor.teller import Teller
from monitor.turns import Turn

CALL_S = 300.0
PATTERNS = 40
AGENTS, TEAMS = 30, ("north", "south", "east", "west", "night")
AT_ONCE = 200
"""Calls in one transaction."""
ROLES = ("customer", "agent")


class Scriptwriter:
    """Makes the events of a call of two parties; what it rolls depends on the seed alone. `inferred`: channels whose
    emotion is."""

    def __init__(self, call_id: str, started_at: float, seed: int, inferred: Sequence[int] = (0,)) -> None:
        self.roll = random.Random(seed)
        self._inferred = inferred
        self._call_id = call_id
        self._started_at = started_at
        self._teller = Teller(call_id)
        self._trouble = self.roll.random() < 0.2
        """Whether the customer loses their temper in the middle."""
        self._heard: list[Second] = []
        self._turns: list[Turn] = []
        self._changes: list[tuple[float, str | None, str]] = []

    def start(self) -> Event:
        models = {"emotion": ModelInfo("made-up", "none", list(LABELS))}
        channels = [ChannelInfo(at, role, at in self._inferred) for at, role in enumerate(ROLES)]
        fixed: dict[str, Any] = {"transport": "websocket", "horizon_s": 3.0, "hop_s": 0.5, "tags": {}}
        return self._say(CallStarted, 0.0, None, channels=channels, models=models, **fixed)

    def turn(self, t: float, channel: int) -> Iterator[Event]:
        """A party speaks from `t` on for some seconds; what is said of it, in order."""
        end = min(CALL_S, t + self.roll.uniform(2, 9))
        yield self._say(SpeechStarted, t, channel)
        before = self._changes[-1][2] if self._changes else None
        if before != ROLES[channel]:
            self._changes.append((t, before, ROLES[channel]))
            yield self._say(SpeakerChanged, t, None, from_=before, to=ROLES[channel], confidence=1.0)
        self._turns.append(Turn(channel, ROLES[channel], round(t, 3), round(end, 3)))
        at = t + 0.5
        while channel in self._inferred and at < end:
            yield self._say(Emotion, at, channel, **self._felt(at, channel), speaker=ROLES[channel])
            at += 0.5
        yield self._say(SpeechEnded, end, channel, start_s=round(t, 3))
        if channel in self._inferred:
            felt = self._felt(end, channel)
            yield self._say(EmotionTurn, end, channel, start_s=round(t, 3), **felt, speaker=ROLES[channel])

    def alert(self) -> Iterator[Event]:
        """If there is trouble, it was noticed."""
        fields: dict[str, Any] = {
            "alert_id": f"{self._call_id}:77", "rule": "anger", "severity": "warning", "measure": "score", "value": 0.8,
            "threshold": 0.7, "start_s": 140.0, "end_s": 170.0, "speaker": "customer", "scores": _scores(0.8),
            "link": f"/dashboard#call={self._call_id}",
        }  # fmt: skip
        if self._trouble:
            yield self._say(AlertRaised, 146.0, 0, **fields)
            yield self._say(AlertCleared, 172.0, 0, **fields)

    def end(self, reason: str = "finished") -> Event:
        turns = sorted(self._turns, key=lambda turn: turn.start)
        quality = QualityLedger().quality()
        summary = summed_up(Told(ROLES, turns, self._changes, Heard(self._heard).mean, {}, [], quality), CALL_S)
        return self._say(CallEnded, CALL_S, None, reason=reason, summary=summary)

    def whole(self) -> Iterator[Event]:
        """All of a call."""
        yield self.start()
        t, channel = 1.0, 1
        while t < CALL_S - 5:
            for event in self.turn(t, channel):
                t = max(t, event.t)
                yield event
            t, channel = t + self.roll.uniform(-0.8, 1.2), 1 - channel
        yield from self.alert()
        yield self.end()

    def _felt(self, t: float, channel: int) -> dict[str, Any]:
        outburst = 0.7 * exp(-(((t - 150) / 40) ** 2)) if self._trouble else 0.0
        scores = _scores(min(1.0, max(0.0, 0.1 + outburst + self.roll.uniform(-0.05, 0.1))))
        label = max(scores, key=scores.__getitem__)
        self._heard.append(Second(t, channel, ROLES[channel], "high", 0.5, scores))
        return {
            "scores": scores, "label": label, "confidence": scores[label], "arousal": 0.5, "shape": "single",
            "reliability": "high", "speech_s": 2.0, "snr_db": 22.0,
        }  # fmt: skip

    def _say(self, kind: type[Event], t: float, channel: int | None, **fields: Any) -> Event:
        self._teller.say(kind, t, channel, **fields)
        (event,) = self._teller.take()
        return msgspec.structs.replace(event, at=told(self._started_at + t))


@dataclass(frozen=True, slots=True)
class Pattern:
    """The rows of a call, without its key; times of day count from its start."""

    chronicle: Chronicle
    rows: dict[str, list[dict[str, Any]]]


def pattern(seed: int) -> Pattern:
    """A call, told once."""
    events = list(Scriptwriter("pattern", 0.0, seed).whole())
    assert isinstance(events[0], CallStarted)
    chronicle = Chronicle(events[0])
    for event in events[1:]:
        chronicle.apply(event)
    rows = {
        "seconds": chronicle.minutes(), "turns": chronicle.turns(), "moments": chronicle.moments(),
        "alerts": chronicle.alerts(), "speakers": chronicle.speakers(),
    }  # fmt: skip
    assert sum(len(unpacked(0, 0, row["body"], ["customer"])) for row in rows["seconds"]) > 60
    return Pattern(chronicle, rows)


def fill(database: Database, days: int, calls_a_day: int, until: float) -> int:
    """Keep so many calls, the last of them just before `until`; how many there are then."""
    patterns = [pattern(seed) for seed in range(PATTERNS)]
    roll = random.Random(1)
    starts = sorted(_starts(days, calls_a_day, until, roll))
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    for at in range(0, len(starts), AT_ONCE):
        with database.writing() as connection:
            _keep(
                connection, [(start, roll.choice(patterns)) for start in starts[at : at + AT_ONCE]], at + 1, roll, sums
            )
    with database.writing() as connection:
        add_to_trends(connection, sums.values())
    return len(starts)


def _starts(days: int, calls_a_day: int, until: float, roll: random.Random) -> Iterator[float]:
    """Mostly by day."""
    midnight = datetime.fromtimestamp(until, UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    for day in range(days):
        for _ in range(calls_a_day):
            yield midnight - day * DAY_S - DAY_S + min(23.9, max(0.0, roll.gauss(13, 3))) * 3600


def _keep(
    connection: Connection,
    batch: Sequence[tuple[float, Pattern]],
    first: int,
    roll: random.Random,
    sums: dict[tuple[Any, ...], dict[str, Any]],
) -> None:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("calls", "facets", *batch[0][1].rows)}
    for key, (start, made) in enumerate(batch, first):
        tags = {"team": roll.choice(TEAMS), "agent": f"a-{roll.randrange(AGENTS):02}"}
        chronicle, call_id = made.chronicle, f"call-{key:06}"
        tail = chronicle.tail()
        head = chronicle.head() | {"id": key, "call_id": call_id, "server": "past", "tags": tags, "started_at": start}
        rows["calls"].append(head | tail | {"ended_at": start + CALL_S})
        named = [("role", role) for role in ROLES] + [(f"tag:{name}", value) for name, value in tags.items()]
        named += [("emotion", tail["emotion"])] + [("alert", rule) for rule in ("anger", "*") if made.rows["alerts"]]
        rows["facets"] += [{"call": key, "name": name, "value": value} for name, value in named]
        for name, own in made.rows.items():
            rows[name] += [{"call": key} | row | _moved(name, row, call_id, start) for row in own]
        for row in chronicle.facts().rows(start, tags):
            place = tuple(row[name] for name in ("span", "start", "name", "value", "role"))
            known = sums.setdefault(place, dict(row) | dict.fromkeys(SUMS, 0.0))
            for name in SUMS:
                known[name] += row[name]
    for table in (calls, facets, seconds, turns, moments, speakers, alerts):
        if rows[table.name]:
            connection.execute(insert(table), rows[table.name])


def _moved(table: str, row: dict[str, Any], call_id: str, start: float) -> dict[str, Any]:
    """What differs from call to call."""
    if table != "alerts":
        return {}
    return {
        "alert_id": f"{call_id}:77",
        "link": f"/dashboard#call={call_id}",
        "raised_at": start + row["raised_s"],
        "cleared_at": start + row["cleared_s"],
    }


def _scores(angry: float) -> dict[str, float]:
    rest = 1 - angry
    shares = {
        "angry": 0.8 * angry,
        "fearful": 0.2 * angry,
        "neutral": 0.8 * rest,
        "sad": 0.1 * rest,
        "happy": 0.1 * rest,
    }
    return {label: round(shares.get(label, 0.0), 4) for label in LABELS}
