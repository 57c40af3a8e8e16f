"""Says what is known: numbers the events of a call and sums them up."""

from __future__ import annotations

from typing import Any

from monitor.events import Event, Warning
from monitor.summary import Ledger

WARNING_EVERY_S = 30.0


class Teller:
    """Every event of a call passes here once, in the order of its `seq`; `ledger` has folded them all."""

    def __init__(self, call_id: str) -> None:
        self.ledger = Ledger()
        self._call_id = call_id
        self._seq = 0
        self._events: list[Event] = []
        self._warned: dict[str, float] = {}

    def say(self, kind: type[Event], t: float, channel: int | None, **fields: Any) -> None:
        """An event of class `kind` at `t` seconds; `fields` are those that its class adds to Event's."""
        self._seq += 1
        event = kind(call_id=self._call_id, seq=self._seq, t=round(t, 3), channel=channel, **fields)
        self.ledger.apply(event)
        self._events.append(event)

    def warn(self, code: str, reason: str, t: float, channel: int | None = None) -> None:
        """A warning, unless one of the same code was given less than 30 s of call before."""
        if t - self._warned.get(code, -WARNING_EVERY_S) >= WARNING_EVERY_S:
            self._warned[code] = t
            self.say(Warning, t, channel, code=code, reason=reason)

    def take(self) -> list[Event]:
        """What was said since the last time."""
        out, self._events = self._events, []
        return out
