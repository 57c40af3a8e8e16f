"""What a channel is to those that deliver."""

from __future__ import annotations

from abc import ABC, abstractmethod

from notify.notice import Told
from notify.posting import Answer


class ChannelError(Exception):
    """A channel that cannot be used as it is configured; the message says which and why."""


class Channel(ABC):
    """Somebody who is told. Everything but `__init__` and `close` runs in the event loop."""

    at_once = 4
    """Attempts under way at the same time, at most."""
    repeat_every_s: float | None = None
    """How often `repeat` is to be called, while nothing else is under way; None: never."""

    def __init__(self, name: str, kind: str, target: str, updates: bool) -> None:
        """`target`: where it leads, without secrets; `updates`: whether it is told while an alert goes on."""
        self.name = name
        self.kind = kind
        self.target = target
        self.updates = updates

    @abstractmethod
    def payload(self, told: Told) -> str:
        """What will be sent. Called once for each notice, in the order of the call's events; kept until delivered."""

    @abstractmethod
    async def send(self, message_id: str, payload: str, now_s: float) -> Answer:
        """One attempt, at the time `now_s` (seconds since 1970)."""

    async def repeat(self, now_s: float) -> None:  # noqa: B027  # most have nothing to say again
        """Say again what still holds. Never raises."""

    def call_over(self, call_id: str) -> None:  # noqa: B027
        """Nothing more will be told of this call."""

    async def close(self) -> None:  # noqa: B027
        """Let go of connections and threads."""
