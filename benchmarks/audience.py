"""Onlookers of everything, in a process of their own: they read `WS /v1/events` and count."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import cast
from urllib.parse import urlsplit

import msgspec

from benchmarks.helper import Helper, HelperError
from benchmarks.messages import CLOSE, PING, PONG, TEXT, Inbox, MessageError, close_code, from_client, request

CHECKED_EVERY = 50
START_S = 60.0
ANSWER_S = 30.0
_array: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(slots=True)
class Count:
    """What all onlookers together have read so far. `present`: those whose socket is open; `events`: in the messages
    that were looked into, one in 50; `faults`: messages that were no JSON array, and sockets that were closed."""

    present: int = 0
    messages: int = 0
    read_bytes: int = 0
    checked: int = 0
    events: int = 0
    faults: int = 0


class Onlooker(asyncio.Protocol):
    """The protocol of one onlooker's connection."""

    def __init__(self, opening: bytes, count: Count, dice: random.Random, size: int, full: asyncio.Event) -> None:
        """`full` is set once `size` are present."""
        self._opening = opening
        self._size = size
        self._full = full
        self._count = count
        self._until_check = dice.randrange(CHECKED_EVERY)
        self._inbox = Inbox()
        self._present = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._opening)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        count = self._count
        count.read_bytes += len(data)
        try:
            messages = self._inbox.feed(data)
        except MessageError:
            count.faults += 1
            self._transport.close()
            return
        if not self._present and self._inbox.status == 101:
            self._present = True
            count.present += 1
            if count.present == self._size:
                self._full.set()
        for opcode, payload in messages:
            if opcode == TEXT:
                count.messages += 1
                self._until_check -= 1
                if self._until_check < 0:
                    self._until_check = CHECKED_EVERY - 1
                    self._check(payload)
            elif opcode == PING:
                self._transport.write(from_client(PONG, payload))
            elif opcode == CLOSE:
                count.faults += close_code(payload) != 1012
                self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._count.present -= self._present
        self._present = False

    def _check(self, payload: bytes) -> None:
        self._count.checked += 1
        try:
            self._count.events += len(_array.decode(payload))
        except msgspec.MsgspecError:
            self._count.faults += 1


class Audience(Helper):
    """`size` onlookers of the server at `url` (http:// or https://), inside the `with`. Raises HelperError."""

    def __init__(self, url: str, size: int) -> None:
        super().__init__("the onlookers", attend, url, size)
        self.size = size

    def _started(self) -> None:
        present = cast(Count, self.answer(START_S)).present
        if present < self.size:
            raise HelperError(f"only {present} of {self.size} onlookers were let in")

    def count(self) -> Count:
        """What was read so far. Waits for the answer. Raises HelperError."""
        self.ask()
        return cast(Count, self.answer(ANSWER_S))


async def attend(pipe: Connection, url: str, size: int) -> None:
    """Let `size` onlookers in, send a Count over the pipe, and then one for each thing that comes from there."""
    loop = asyncio.get_running_loop()
    count, dice, full = Count(), random.Random(size), asyncio.Event()
    where = urlsplit(url.replace("http", "ws", 1) + "/v1/events")
    secure = where.scheme == "wss"
    opening = request(where.geturl())
    port = where.port or (443 if secure else 80)
    seats: list[asyncio.BaseTransport] = []
    for _ in range(size):
        opened, _ = await loop.create_connection(
            lambda: Onlooker(opening, count, dice, size, full), str(where.hostname), port, ssl=True if secure else None
        )
        seats.append(opened)
    with suppress(TimeoutError):
        async with asyncio.timeout(START_S / 2):
            await full.wait()
    pipe.send(count)
    gone = asyncio.Event()

    def asked() -> None:
        try:
            pipe.recv()
            pipe.send(count)
        except (EOFError, OSError):
            gone.set()
            loop.remove_reader(pipe.fileno())

    loop.add_reader(pipe.fileno(), asked)
    await gone.wait()
    for seat in seats:
        seat.close()
