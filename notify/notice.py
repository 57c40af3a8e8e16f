"""What there is to tell: an alert of a call, or a trial that somebody asked for."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from monitor.events import Alert


class CallFacts(msgspec.Struct, frozen=True):
    """What a channel is told of the call: `started_at` is RFC 3339 in UTC; `roles`: one for each audio channel."""

    call_id: str
    started_at: str
    transport: str
    roles: tuple[str, ...]
    tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class Notice:
    """An alert event and its call; `link` leads to the moment, from any machine."""

    event: Alert
    call: CallFacts
    link: str

    @property
    def at(self) -> str:
        """RFC 3339 in UTC."""
        return self.event.at or self.call.started_at

    @property
    def role(self) -> str | None:
        """Of the party that is meant; None where it is the whole call."""
        return None if self.event.channel is None else self.call.roles[self.event.channel]


@dataclass(frozen=True, slots=True)
class Trial:
    """A message that shows whether a channel hears; `link` leads to the dashboard."""

    channel: str
    at: str
    link: str


Told = Notice | Trial
