"""The deliveries of one channel, which no other channel can hold up."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from notify.channel import Channel
from notify.outbox import Entry, Outbox, OutboxThread
from notify.posting import Answer
from notify.retries import STATES, judge
from notify.settings import NotifyConfig

log = logging.getLogger("undertone.notify")
LOOK_EVERY_S = 30.0
"""So often at least the outbox is looked at, whatever the clock of the machine does."""
DISK_AGAIN_S = 5.0
"""So long one waits after the database could not be used."""


class DeliveryObserver(Protocol):
    """Whoever wants to know what becomes of notifications; called in the event loop."""

    def notified(self, channel: str, outcome: str) -> None:
        """An attempt came to this: delivered, retried (it failed and is made again), failed (given up); or a message
        was lost before it could be written down."""
        ...

    def notifications_wait(self, channel: str, number: int) -> None:
        """So many messages of a channel are not delivered yet."""
        ...


class Unobserved:
    """A DeliveryObserver that looks away."""

    def notified(self, channel: str, outcome: str) -> None:
        pass

    def notifications_wait(self, channel: str, number: int) -> None:
        pass


class Lane:
    """Takes what is due from the outbox and sends it, a few at a time, of each call one after the other: the next
    message only once the one before was delivered or given up."""

    def __init__(
        self,
        channel: Channel,
        outbox: OutboxThread,
        config: NotifyConfig,
        clock: Callable[[], float],
        observer: DeliveryObserver,
    ) -> None:
        self.channel = channel
        self._outbox = outbox
        self._config = config
        self._clock = clock
        self._observer = observer
        self._under_way: dict[str, asyncio.Task[None]] = {}
        """By call: of each there is one at most."""
        self._woken = asyncio.Event()
        self._settled = asyncio.Event()
        self._quiet_until = 0.0
        self._repeat_at = clock() + (channel.repeat_every_s or 0.0)
        self._running = asyncio.create_task(self._run(), name=f"notify {channel.name}")

    def wake(self) -> None:
        """Something may be due."""
        self._settled.clear()
        self._woken.set()

    async def settled(self) -> None:
        """Wait until nothing is due and nothing under way."""
        await self._settled.wait()

    async def stop(self) -> None:
        """Begin nothing more and break off what is under way: it is still waiting, and is sent after the next start."""
        tasks = [self._running, *self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                wait_s = await self._turn()
            except Exception:  # without it this channel would not hear of anything any more
                log.exception("channel %s: the outbox cannot be read; it is tried again", self.channel.name)
                wait_s = DISK_AGAIN_S
            with suppress(TimeoutError):
                async with asyncio.timeout(min(max(wait_s, 0.0), LOOK_EVERY_S)):
                    await self._woken.wait()

    async def _turn(self) -> float:
        """Begin what is due; the seconds until there may be more to do."""
        await self._repeat()
        now, room = self._clock(), self.channel.at_once - len(self._under_way)
        if room == 0 or now < self._quiet_until:
            self._see_whether_settled()
            return max(self._quiet_until - now, 0.0) or LOOK_EVERY_S
        step = partial(_heads, self.channel.name, tuple(self._under_way), room + 1)
        heads, waiting = await self._outbox.do(step)
        self._observer.notifications_wait(self.channel.name, waiting)
        due = [entry for entry in heads if entry.next_at <= now][:room]
        for entry in due:
            self._under_way[entry.call_id] = asyncio.create_task(self._attempt(entry))
        self._see_whether_settled()
        later = [entry.next_at for entry in heads[len(due) :]]
        if self.channel.repeat_every_s is not None:
            later.append(self._repeat_at)
        return min(later, default=now + LOOK_EVERY_S) - now if len(due) < room else LOOK_EVERY_S

    def _see_whether_settled(self) -> None:
        if not self._under_way and not self._woken.is_set():
            self._settled.set()

    async def _repeat(self) -> None:
        every_s, now = self.channel.repeat_every_s, self._clock()
        if every_s is not None and now >= self._repeat_at and not self._under_way:
            self._repeat_at = now + every_s
            await self.channel.repeat(now)

    async def _attempt(self, entry: Entry) -> None:
        """Send a message once and write down what came of it; its call's next one waits until that is done."""
        try:
            await self._settle(entry, await self._answer(entry))
        finally:
            del self._under_way[entry.call_id]
            self._woken.set()

    async def _answer(self, entry: Entry) -> Answer:
        try:
            return await self.channel.send(entry.id, entry.body, self._clock())
        except Exception:
            log.exception("channel %s: a message could not be sent", self.channel.name)
            return Answer("something broke on our side; the log has it")

    async def _settle(self, entry: Entry, answer: Answer) -> None:
        now, name = self._clock(), self.channel.name
        verdict = judge(entry, answer, self._config, now, random.random)
        if answer.retry_after_s:
            self._quiet_until = now + min(answer.retry_after_s, self._config.longest_retry_s)
        log.log(
            logging.ERROR if verdict.outcome == "failed" else logging.INFO,
            "channel %s: %s %s%s",
            name, entry.event_id, verdict.outcome, f": {answer.problem}" if answer.problem else "",
        )  # fmt: skip
        settle = partial(
            Outbox.settle,
            entry=entry,
            state=STATES[verdict.outcome],
            next_at=verdict.next_at,
            now=now,
            problem=answer.problem,
        )
        while True:  # what is not written down would be sent again and again
            try:
                await self._outbox.do(settle)
                break
            except SQLAlchemyError as error:
                log.error("channel %s: the outbox cannot be written: %s", name, error)
                await asyncio.sleep(DISK_AGAIN_S)
        self._observer.notified(name, verdict.outcome)


def _heads(channel: str, but: tuple[str, ...], limit: int, outbox: Outbox) -> tuple[list[Entry], int]:
    """As `Outbox.heads`, and how many messages wait."""
    return outbox.heads(channel, but, limit), outbox.waiting(channel)
