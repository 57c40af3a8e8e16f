"""What waits for one reader: bounded, and droppable events go first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from monitor.events import DROPPABLE, EVENTS, URGENT, Event, encode, event_type


@dataclass(frozen=True, slots=True)
class Message:
    """An event, encoded once for all its readers, with what delivering it asks about it."""

    data: bytes
    id: str
    type: str
    droppable: bool
    urgent: bool
    call_id: str
    channel: int | None

    @classmethod
    def of(cls, event: Event) -> Message:
        return cls(encode(event), event.id, *_TRAITS[type(event)], event.call_id, event.channel)


_TRAITS = {kind: (event_type(kind), kind in DROPPABLE, kind in URGENT) for kind in EVENTS}


Direct = Callable[["Message"], bool]
"""Delivers a message at once, or returns False: then it waits."""


LAST = "call.ended"


class Outbox:
    """When `capacity` messages wait, the oldest droppable one is lost for the next; where none is droppable the
    reader is `overrun` and to be cut. One writer side, one reader, one event loop. With `direct`, what comes while
    nothing waits is not even queued."""

    def __init__(self, capacity: int) -> None:
        self.dropped = 0
        self.overrun = False
        self.direct: Direct | None = None
        self._capacity = capacity
        self._messages: deque[Message] = deque()
        self._kept = 0  # messages at the front that are known not to be droppable: they are not looked at again
        self._closed = False
        self._wake = asyncio.Event()
        self._over = asyncio.Event()

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Message) -> None:
        """Queue a message; never blocks. Ignored once overrun, but for the call's last one, and once closed."""
        if self._closed:
            return
        if self.overrun:
            if message.type == LAST:
                self._messages.append(message)
            return
        if self.direct is not None and not self._messages and self.direct(message):
            return
        if len(self._messages) >= self._capacity:
            self._make_room()
        if not self.overrun:
            self._messages.append(message)
        self._wake.set()

    def close(self) -> None:
        """Nothing more will come; what waits can still be taken."""
        self._closed = True
        self._wake.set()
        self._over.set()

    async def overrun_or_closed(self) -> None:
        """Wait until the reader is overrun or nothing more will come."""
        await self._over.wait()

    async def first(self) -> Message | None:
        """Wait for the oldest message; it is left in its place. None once closed and empty, or overrun."""
        while not self._messages and not self._closed and not self.overrun:
            self._wake.clear()
            await self._wake.wait()
        return None if self.overrun or not self._messages else self._messages[0]

    def delivered(self, message: Message) -> None:
        """The reader has got `message`, which `first` gave, unless it was lost meanwhile."""
        if self._messages and self._messages[0] is message:
            self._messages.popleft()
            self._kept = max(0, self._kept - 1)

    def drain(self, most: int) -> list[Message]:
        """Take out the oldest messages, at most so many."""
        out = [self._messages.popleft() for _ in range(min(most, len(self._messages)))]
        self._kept = max(0, self._kept - len(out))
        return out

    def _make_room(self) -> None:
        while self._kept < len(self._messages):
            if self._messages[self._kept].droppable:
                del self._messages[self._kept]
                self.dropped += 1
                return
            self._kept += 1
        self.overrun = True
        self._over.set()


class Port(Protocol):
    """The way to a call's client."""

    @property
    def gone(self) -> bool:
        """Whether nothing can be sent any more."""
        ...

    def send(self, data: bytes) -> bool:
        """Send an event at once; False, with nothing sent, if the client is behind or gone."""
        ...

    async def may_send(self, seconds: float) -> bool:
        """Wait until the client has caught up; False if it has not after `seconds`."""
        ...


async def deliver(outbox: Outbox, port: Port, patience_s: float) -> str:
    """Send events until the last: at once where the client keeps up, else as it does, for which it has `patience_s`
    each time. Gives the reason for which it stopped, as calls end for it."""
    outbox.direct = lambda message: port.send(message.data)
    while await outbox.first():
        if not await port.may_send(patience_s):
            return "client.too_slow"
        if port.gone:
            return "client.disconnected"
        message = await outbox.first()  # meanwhile another one may have become that
        if message is not None and port.send(message.data):
            outbox.delivered(message)
    return "client.too_slow" if outbox.overrun else "finished"
