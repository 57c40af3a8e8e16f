"""Whether the events of a live call are those of its reference: event by event, as they come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from monitor.events import Event, encode

Told: TypeAlias = Mapping[str, Any]
"""An event as its JSON says it."""
Kind: TypeAlias = tuple[str, int | None]
"""Type (of a warning: with its code) and channel."""

TOLERANCE = 0.002
"""Networks round differently in batches of another size."""
EXACT = 1e-6
LOOK_AHEAD = 8
IGNORED = frozenset({"at", "lag_ms", "call_id", "seq", "transport"})
POSITIONS = frozenset({"t", "start_s", "end_s"})
BORDERLINE = frozenset({"label", "shape", "reliability"})
"""What a rounding may tip over; not counted where the scores agree."""
UNCOUNTED = ("warning windows.", "warning client.", "error ")
KEPT_WORDS = 12
_decoder: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


def read(payload: bytes) -> dict[str, Any]:
    """An event from the wire. Raises msgspec.MsgspecError if it is no JSON object."""
    return _decoder.decode(payload)


def kind(event: Told) -> Kind:
    name = event["type"]
    return (f"{name} {event['code']}" if name in ("warning", "error") else name), event["channel"]


@dataclass(frozen=True, slots=True)
class Reference:
    """What a call should say: its events by kind, each kind in order."""

    events: Mapping[Kind, Sequence[Told]]

    @classmethod
    def of(cls, events: Iterable[Event]) -> Reference:
        groups: dict[Kind, list[Told]] = defaultdict(list)
        for event in events:
            told = read(encode(event))
            if not kind(told)[0].startswith(UNCOUNTED):
                groups[kind(told)].append(told)
        return cls(dict(groups))

    @property
    def count(self) -> int:
        return sum(map(len, self.events.values()))


@dataclass(slots=True)
class Findings:
    """What was compared, and what did not agree. `disordered`: events whose `seq` is not above the one before;
    `skipped`: numbers that `seq` left out. The first few disagreements are kept in words; `fields` counts all."""

    compared: int = 0
    missing: int = 0
    different: int = 0
    disordered: int = 0
    skipped: int = 0
    fields: dict[str, int] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    def differ(self, names: Sequence[str], words: str) -> None:
        self.different += 1
        for name in names:
            self.fields[name] = self.fields.get(name, 0) + 1
        self.note(words)

    def note(self, words: str) -> None:
        if len(self.words) < KEPT_WORDS:
            self.words.append(words)


class Comparison:
    """One call against its reference. What has come so far is judged at once, so that a call may be broken off."""

    def __init__(self, reference: Reference | None) -> None:
        """Without a reference the order alone is looked at."""
        self._reference = reference
        self._heard: dict[Kind, int] = {}
        self._seq = 0

    def hear(self, event: Told, findings: Findings) -> None:
        if event["seq"] <= self._seq:
            findings.disordered += 1
            findings.note(f"seq {event['seq']} came after {self._seq}")
        else:
            findings.skipped += event["seq"] - self._seq - 1
        self._seq = event["seq"]
        own = kind(event)
        if self._reference is None or own[0].startswith(UNCOUNTED):
            return
        expected = self._reference.events.get(own, ())
        place = self._heard.get(own, 0)
        findings.compared += 1
        lost = _lost(event, expected[place : place + LOOK_AHEAD])
        if place >= len(expected):
            findings.differ(["surplus"], f"{_named(event)} is more than was expected")
        elif lost:
            findings.missing += lost
            findings.note(f"{lost} of {own[0]} before {event['t']:g} s did not come")
            place += lost
        if place < len(expected) and (names := differing(event, expected[place])):
            shown = ", ".join(_contrast(name, event.get(name), expected[place].get(name)) for name in names[:3])
            findings.differ(names, f"{_named(event)}: {shown[:300]}")
        self._heard[own] = place + 1

    def end(self, findings: Findings) -> None:
        """The call is over: what has not come by now is missing."""
        for own, expected in ({} if self._reference is None else self._reference.events).items():
            lost = max(0, len(expected) - self._heard.get(own, 0))
            findings.missing += lost
            if lost:
                findings.note(f"the last {lost} of {own[0]} did not come")


def differing(event: Told, expected: Told) -> list[str]:
    """The names of the fields in which two events of one kind differ by more than rounding does."""
    names = [
        name
        for name in expected.keys() | event.keys()
        if name not in IGNORED and not _alike(name, event.get(name), expected.get(name))
    ]
    if names and "scores" not in names:
        names = [name for name in names if name not in BORDERLINE]
    return sorted(names)


def _alike(name: str, value: Any, expected: Any) -> bool:
    """Whether two values of a field agree; what lies within them, too. `windows` counts work, not what was said."""
    if value == expected or name == "windows":
        return True
    if isinstance(value, float | int) and isinstance(expected, float | int):
        return abs(value - expected) <= (EXACT if name in POSITIONS else TOLERANCE)
    if isinstance(value, dict) and isinstance(expected, dict):
        return value.keys() == expected.keys() and all(_alike(key, value[key], expected[key]) for key in value)
    if isinstance(value, list) and isinstance(expected, list):
        return len(value) == len(expected) and all(map(_alike, [name] * len(value), value, expected))
    return False


def _lost(event: Told, expected: Sequence[Told]) -> int:
    """How many of the events expected next were left out before this one, told by the positions."""
    places = (at for at, other in enumerate(expected) if abs(other["t"] - event["t"]) <= EXACT)
    return next(places, 0)


def _contrast(name: str, value: Any, expected: Any) -> str:
    """What differs, in words; of an object only the parts that do."""
    if isinstance(value, dict) and isinstance(expected, dict):
        parts = [key for key in value.keys() | expected.keys() if not _alike(key, value.get(key), expected.get(key))]
        return f"{name}: " + ", ".join(_contrast(key, value.get(key), expected.get(key)) for key in sorted(parts))
    return f"{name} {value!r} not {expected!r}"


def _named(event: Told) -> str:
    return f"{event['type']} at {event['t']:g} s"
