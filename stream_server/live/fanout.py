"""From calls to onlookers: filters, a bounded replay buffer, and one encoding for all."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from stream_server.live.outbox import Message, Outbox
from stream_server.live.wire import text_frame

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


class Batch:
    """Messages that belong together on the wire, encoded once however many get them."""

    def __init__(self, messages: list[Message]) -> None:
        self.messages = messages

    @cached_property
    def frame(self) -> bytes:
        """A WebSocket message: a JSON array."""
        return text_frame(b"[" + b",".join([message.data for message in self.messages]) + b"]")


class Onlooker:
    """One reader of the fan-out. As long as it keeps up, `direct` takes each batch at once; what it does not take waits
    in the `outbox`."""

    def __init__(self, capacity: int) -> None:
        self.outbox = Outbox(capacity)
        self.direct: Callable[[Batch], bool] | None = None

    def deliver(self, batch: Batch) -> None:
        if self.direct is not None and not len(self.outbox) and self.direct(batch):
            return
        for message in batch.messages:
            self.outbox.put(message)


class Audience:
    """The onlookers with one filter: what they get is chosen, gathered and encoded once for all of them."""

    def __init__(self, wanted: Filter) -> None:
        self.onlookers: set[Onlooker] = set()
        self._wanted = wanted
        self._gathered: list[Message] = []
        self._timer: asyncio.Handle | None = None
        self._at_once = False

    def offer(self, published: Published) -> None:
        """Urgent messages go with the end of this turn of the loop, others within 250 ms."""
        if not self._wanted.admits(published):
            return
        self._gathered.append(published.message)
        if published.message.urgent and not self._at_once:
            self._at_once = True
            self._set(asyncio.get_running_loop().call_soon(self.flush))
        elif self._timer is None:
            self._set(asyncio.get_running_loop().call_later(GATHER_S, self.flush))

    def flush(self) -> None:
        """Hand out what was gathered."""
        self._set(None)
        self._at_once = False
        if self._gathered:
            batch, self._gathered = Batch(self._gathered), []
            for onlooker in list(self.onlookers):
                onlooker.deliver(batch)

    def _set(self, timer: asyncio.Handle | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer


class Fanout:
    """Hands every call's events to the onlookers that want them, and remembers the newest for those who return."""

    def __init__(self, replay_events: int) -> None:
        self._recent: deque[Published] = deque(maxlen=replay_events)
        self._audiences: dict[Filter, Audience] = {}
        self._closed = False

    def publish(self, published: Published) -> None:
        self._recent.append(published)
        for audience in self._audiences.values():
            audience.offer(published)

    def forget(self, call_id: str) -> None:
        """Whoever comes back is not told of this call any more."""
        kept = (published for published in self._recent if published.message.call_id != call_id)
        self._recent = deque(kept, self._recent.maxlen)

    def join(self, wanted: Filter, after: str | None) -> Onlooker:
        """A new onlooker. `after`, an event's id: first gets what it missed since, as far as that is still known; an
        id that is no longer (or never was) known gives all that is."""
        audience = self._audiences.setdefault(wanted, Audience(wanted))
        audience.flush()  # what was gathered is not for who comes now, or is among what it missed
        onlooker = Onlooker(ONLOOKER_CAPACITY + (len(self._recent) if after is not None else 0))
        if after is not None:
            missed = list(self._recent)
            seen = next((at for at in range(len(missed) - 1, -1, -1) if missed[at].message.id == after), -1)
            for published in missed[seen + 1 :]:
                if wanted.admits(published):
                    onlooker.outbox.put(published.message)
        if self._closed:
            onlooker.outbox.close()
        audience.onlookers.add(onlooker)
        return onlooker

    def leave(self, wanted: Filter, onlooker: Onlooker) -> None:
        audience = self._audiences.get(wanted)
        if audience is not None:
            audience.onlookers.discard(onlooker)
            if not audience.onlookers:
                del self._audiences[wanted]

    @property
    def onlookers(self) -> int:
        """How many there are."""
        return sum(len(audience.onlookers) for audience in self._audiences.values())

    def close(self) -> None:
        """Let every onlooker end, once it has what is waiting for it."""
        self._closed = True
        for audience in self._audiences.values():
            audience.flush()
            for onlooker in audience.onlookers:
                onlooker.outbox.close()
