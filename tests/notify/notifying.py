"""A running Notifier on a database, with a clock that is set by hand and channels that do as they are told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from history.database import Database
from monitor.events import event_type
from notify.channel import Channel
from notify.delivery import Notifier
from notify.notice import Told, Trial
from notify.posting import DELIVERED, Answer
from notify.settings import NotifyConfig, WebhookConfig
from notify.signing import signing_key
from notify.webhook import Webhook
from tests.notify.receiving import SECRET, Receiver

ADDRESS = "https://desk.example/undertone/"
CONFIG = NotifyConfig(first_retry_s=8.0, longest_retry_s=100.0, give_up_s=1000.0)


@dataclass
class Clock:
    """Seconds since 1970, as set by hand."""

    now: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Watching:
    """A DeliveryObserver that counts."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    waiting: dict[str, int] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def notified(self, channel: str, outcome: str) -> None:
        self.outcomes[channel, outcome] += 1
        self.changed.set()

    def notifications_wait(self, channel: str, number: int) -> None:
        self.waiting[channel] = number
        self.changed.set()

    async def has(self, channel: str, outcome: str, number: int = 1) -> None:
        """Wait until so many attempts came to this."""
        async with asyncio.timeout(10):
            while self.outcomes[channel, outcome] < number:
                self.changed.clear()
                await self.changed.wait()


class Scripted(Channel):
    """Keeps what it is sent. Answers as scripted, or not before it is `free`."""

    def __init__(self, name: str, answers: Sequence[Answer] = (), updates: bool = False) -> None:
        super().__init__(name, "scripted", "nowhere", updates)
        self.answers = list(answers)
        self.sent: list[tuple[str, str]] = []
        """Id and payload of each attempt."""
        self.free = asyncio.Event()
        self.free.set()
        self.most_at_once = self._at_once = 0

    def payload(self, told: Told) -> str:
        return told.channel if isinstance(told, Trial) else f"{told.event.id} {event_type(told.event)}"

    async def send(self, message_id: str, payload: str, now_s: float) -> Answer:
        self.sent.append((message_id, payload))
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await self.free.wait()
        finally:
            self._at_once -= 1
        return self.answers.pop(0) if self.answers else DELIVERED


def webhook(receiver: Receiver, name: str = "desk", timeout_s: float = 5.0, updates: bool = False) -> Webhook:
    config = WebhookConfig(url=receiver.url, secret=SECRET, allow_private=True, updates=updates)
    return Webhook(name, config, signing_key(SECRET), timeout_s)


@dataclass
class Notifying:
    notifier: Notifier
    observer: Watching
    clock: Clock

    def pass_time(self, seconds: float) -> None:
        """So much later, look at what is due."""
        self.clock.now += seconds
        self.notifier.look()

    async def settled(self) -> None:
        """Wait until nothing is due and nothing under way."""
        await asyncio.gather(*[lane.settled() for lane in self.notifier._lanes.values()])

    async def states(self) -> list[tuple[str, str]]:
        """Event and state of every message, oldest first."""
        kept = await self.notifier.listed(None, None, 500, None)
        return [(each.event_id, each.state) for each in reversed(kept)]


@asynccontextmanager
async def notifying(
    database: Database, *channels: Channel, config: NotifyConfig = CONFIG, clock: Clock | None = None
) -> AsyncIterator[Notifying]:
    clock = clock or Clock()
    running = Notifying(Notifier(config, channels, database, ADDRESS, clock), Watching(), clock)
    running.notifier.start(running.observer)
    try:
        yield running
    finally:
        await running.notifier.stop()
        running.notifier.close()
