"""From the events of calls to the channels: written down at once, then sent until they have arrived."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from history.database import Database
from monitor.events import Alert, AlertCleared, AlertRaised, AlertUpdated
from notify.channel import Channel
from notify.lane import DISK_AGAIN_S, DeliveryObserver, Lane, Unobserved
from notify.moments import moment
from notify.notice import CallFacts, Notice, Trial
from notify.outbox import Entry, Kept, Outbox, OutboxThread, State
from notify.posting import Answer
from notify.settings import NotifyConfig

log = logging.getLogger("undertone.notify")
MOST_UNWRITTEN = 10_000
"""Messages that wait for the database; beyond that they are lost."""
MOST_OPEN = 10_000
"""Open alerts of which it is known who was told; those beyond go by what their rule says."""
STOP_S = 5.0
"""So long what is due may still be sent while the server stops."""
TIDY_EVERY_S = 3600.0
DAY_S = 86_400.0


class Ids:
    """Ids that grow, whatever the clock does."""

    def __init__(self) -> None:
        self._last = 0

    def next(self, now: float) -> str:
        """`now`: seconds since 1970."""
        self._last = max(self._last + 1, int(1000 * now) << 16)
        return f"msg_{self._last:016x}{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class ChannelState:
    """A channel as people look at it: how many messages wait, and how many have failed and are kept."""

    channel: Channel
    waiting: int
    failed: int


class Notifier:
    """Tells channels of alerts. In the event loop, between `start` and `stop`; `tell` may come before, too."""

    def __init__(
        self,
        config: NotifyConfig,
        channels: Sequence[Channel],
        database: Database,
        address: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`address`: where others reach this server, such as https://desk.example; links begin with it."""
        self._config = config
        self._channels = {channel.name: channel for channel in channels}
        self._address = address.rstrip("/")
        self._clock = clock
        self._thread = OutboxThread(Outbox(database))
        self._observer: DeliveryObserver = Unobserved()
        self._ids = Ids()
        self._audiences: dict[tuple[str, str], tuple[str, ...]] = {}
        """By call and alert, as long as it is open."""
        self._unwritten: deque[Entry] = deque()
        self._told = asyncio.Event()
        self._written = asyncio.Event()
        self._written.set()
        self._lanes: dict[str, Lane] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def tell(self, event: Alert, call: CallFacts, channels: tuple[str, ...] | None = None) -> None:
        """Have channels told of an event of a call; None: all. Does not wait, and does not raise."""
        notice = Notice(event, call, self._address + event.link)
        for name in self._audience(event, channels):
            channel = self._channels[name]
            if channel.updates or not isinstance(event, AlertUpdated):
                try:
                    self._put(channel, notice)
                except Exception:
                    log.exception("channel %s cannot be told of %s", name, event.id)

    def _audience(self, event: Alert, channels: tuple[str, ...] | None) -> tuple[str, ...]:
        """Whoever was told that an alert is raised is told the rest of it, whatever its rule says by then."""
        named = tuple(name for name in self._channels if channels is None or name in channels)
        match event:
            case AlertRaised() if len(self._audiences) < MOST_OPEN:
                self._audiences[event.call_id, event.alert_id] = named
            case AlertUpdated():
                return self._audiences.get((event.call_id, event.alert_id), named)
            case AlertCleared():
                return self._audiences.pop((event.call_id, event.alert_id), named)
        return named

    def call_over(self, call_id: str) -> None:
        """A call has ended; every event of it was told before."""
        for key in [key for key in self._audiences if key[0] == call_id]:
            del self._audiences[key]
        for channel in self._channels.values():
            channel.call_over(call_id)

    def start(self, observer: DeliveryObserver | None = None) -> None:
        """Begin to deliver, what was left over from before first."""
        self._observer = observer or self._observer
        self._lanes = {
            name: Lane(channel, self._thread, self._config, self._clock, self._observer)
            for name, channel in self._channels.items()
        }
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._tidy())]

    async def stop(self) -> None:
        """Write down what was told, send what is due, but not for long; the rest waits for the next start."""
        tasks, self._tasks = self._tasks, []
        if tasks:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await self._written.wait()
                    await asyncio.gather(*[lane.settled() for lane in self._lanes.values()])
        for lane in self._lanes.values():
            await lane.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for channel in self._channels.values():
            await channel.close()
        if self._unwritten:
            log.error("%d notifications could not be written down and are lost", len(self._unwritten))

    def close(self) -> None:
        """After `stop`: the outbox cannot be asked any more."""
        self._thread.close()

    def look(self) -> None:
        """Look at the outbox now."""
        for lane in self._lanes.values():
            lane.wake()

    async def channels(self) -> list[ChannelState]:
        """All that are configured. Raises sqlalchemy.exc.SQLAlchemyError, as all below."""
        waiting = await self._thread.do(partial(Outbox.counted, state="waiting"))
        failed = await self._thread.do(partial(Outbox.counted, state="failed"))
        return [
            ChannelState(channel, waiting.get(name, 0), failed.get(name, 0)) for name, channel in self._channels.items()
        ]

    async def listed(self, state: State | None, channel: str | None, limit: int, after: str | None) -> list[Kept]:
        """Messages, as `Outbox.listed`."""
        return await self._thread.do(partial(Outbox.listed, state=state, channel=channel, limit=limit, after=after))

    async def retry(self, message_id: str) -> Kept | None:
        """Try a message at once that waits or has failed. As it is then, or None if there is none of this id."""
        now = self._clock()
        again = partial(Outbox.again, message_id=message_id, now=now, give_up_at=now + self._config.give_up_s)
        await self._thread.do(again)
        self.look()
        return await self._thread.do(partial(Outbox.find, message_id=message_id))

    def has(self, name: str) -> bool:
        """Whether there is a channel of this name."""
        return name in self._channels

    async def try_out(self, name: str) -> Answer:
        """Send a message that shows whether a channel hears: once, now. Raises KeyError for a channel there is not."""
        channel, now = self._channels[name], self._clock()
        trial = Trial(name, moment(now), f"{self._address}/dashboard")
        return await channel.send(self._ids.next(now), channel.payload(trial), now)

    def _put(self, channel: Channel, notice: Notice) -> None:
        payload, now = channel.payload(notice), self._clock()
        if len(self._unwritten) >= MOST_UNWRITTEN:
            self._observer.notified(channel.name, "lost")
            return
        self._unwritten.append(
            Entry(
                id=self._ids.next(now),
                channel=channel.name,
                event_id=notice.event.id,
                call_id=notice.event.call_id,
                body=payload,
                created_at=now,
                next_at=now,
                give_up_at=now + self._config.give_up_s,
            )
        )
        self._written.clear()
        self._told.set()

    async def _write(self) -> None:
        """Write down what is told as it comes; while the database cannot be used, it waits in memory."""
        while True:
            await self._told.wait()
            self._told.clear()
            entries = list(self._unwritten)
            try:
                await self._thread.do(partial(Outbox.put, entries=entries))
            except Exception:
                log.exception("%d notifications could not be written down; it is tried again", len(entries))
                await asyncio.sleep(DISK_AGAIN_S)
                self._told.set()
                continue
            for _ in entries:
                self._unwritten.popleft()
            self.look()
            if not self._unwritten:
                self._written.set()

    async def _tidy(self) -> None:
        """Now and then forget what is old; first, give up what nobody would ever send."""
        names = tuple(self._channels)
        while True:
            now = self._clock()
            try:
                await self._thread.do(partial(Outbox.abandon, channels=names, now=now))
                await self._thread.do(partial(Outbox.forget, before=now - DAY_S * self._config.keep_days))
                await asyncio.sleep(TIDY_EVERY_S)
            except Exception:
                log.exception("the outbox could not be tidied; it is tried again")
                await asyncio.sleep(DISK_AGAIN_S)
