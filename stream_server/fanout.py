"""From calls to onlookers: filters, a bounded replay buffer, and one encoding for all."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from stream_server.outbox import Message, Outbox

GATHER_S = 0.25
ONLOOKER_CAPACITY = 4000


@dataclass(frozen=True, slots=True)
class Published:
    """A message with what filters ask of its call."""

    message: Message
    roles: tuple[str, ...]
    tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class Filter:
    """What an onlooker wants; None or empty: everything. `tag` is (key, value)."""

    call_id: str | None = None
    types: frozenset[str] = frozenset()
    role: str | None = None
    tag: tuple[str, str] | None = None

    def admits(self, published: Published) -> bool:
        message, roles = published.message, published.roles
        if self.call_id is not None and message.call_id != self.call_id:
            return False
        if self.types and message.type not in self.types:
            return False
        if self.role is not None and self.role not in (roles if message.channel is None else (roles[message.channel],)):
            return False
        return self.tag is None or published.tags.get(self.tag[0]) == self.tag[1]


class Onlooker:
    """One reader of the fan-out. Iterate over `batches`; each is sent as one piece."""

    def __init__(self, wanted: Filter, capacity: int) -> None:
        self.wanted = wanted
        self.outbox = Outbox(capacity)
        self._urgent = asyncio.Event()

    def offer(self, published: Published) -> None:
        if self.wanted.admits(published):
            self.outbox.put(published.message)
            if published.message.urgent or self.outbox.overrun:
                self._urgent.set()

    def close(self) -> None:
        self.outbox.close()
        self._urgent.set()

    async def batches(self) -> AsyncIterator[list[Message]]:
        """Messages gathered for up to 250 ms, urgent ones at once; ends when closed or overrun."""
        while first := await self.outbox.take():
            if not any(message.urgent for message in first):
                self._urgent.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._urgent.wait(), GATHER_S)
                if len(self.outbox):
                    first += await self.outbox.take()
            yield first


class Fanout:
    """Hands every call's events to the onlookers that want them, and remembers the newest for those who return."""

    def __init__(self, replay_events: int) -> None:
        self._recent: deque[Published] = deque(maxlen=replay_events)
        self._onlookers: set[Onlooker] = set()
        self._closed = False

    def publish(self, published: Published) -> None:
        self._recent.append(published)
        for onlooker in self._onlookers:
            onlooker.offer(published)

    def join(self, wanted: Filter, after: str | None) -> Onlooker:
        """A new onlooker. `after`, an event's id: first gets what it missed since, as far as that is still known; an
        id that is no longer (or never was) known gives all that is."""
        onlooker = Onlooker(wanted, ONLOOKER_CAPACITY + (len(self._recent) if after is not None else 0))
        if after is not None:
            missed = list(self._recent)
            seen = next((at for at in range(len(missed) - 1, -1, -1) if missed[at].message.id == after), -1)
            for published in missed[seen + 1 :]:
                onlooker.offer(published)
        if self._closed:
            onlooker.close()
        else:
            self._onlookers.add(onlooker)
        return onlooker

    def leave(self, onlooker: Onlooker) -> None:
        self._onlookers.discard(onlooker)

    def close(self) -> None:
        """Let every onlooker end, once it has what is waiting for it."""
        self._closed = True
        for onlooker in self._onlookers:
            onlooker.close()
