"""Callers who stop reading their events: what does a server do with them, and what do they find when they look?

Their window and their segments are as small as over a poor network, and from the moment at which they stop reading they
ask for the scores of every frame, so that what they do not read fills up within minutes rather than hours.
"""

from __future__ import annotations

import asyncio
import socket
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import msgspec

from benchmarks.likeness import read
from benchmarks.messages import CLOSE, TEXT, Inbox, MessageError, close_code, from_client, request
from benchmarks.scripts import Script

FRAMES = from_client(TEXT, b'{"type":"configure","frames":true}')
WINDOW_BYTES, SEGMENT_BYTES = 4096, 536
"""What the kernel keeps of what is not read, and what the server may send at once: without them it is megabytes."""
ASK_EVERY_S = 1.0
ASK_S = 5.0
END_S = 5.0
"""How long a caller who reads again waits for the end of what there is."""


@dataclass(slots=True)
class Fate:
    """What a caller has heard. `left_out`: numbers that `seq` skips; `warned`: told that events were left out;
    `ended`: the reason in call.ended; `close`: the code of the closing; `gone`: the connection is over."""

    started: bool = False
    events: int = 0
    left_out: int = 0
    warned: bool = False
    ended: str | None = None
    close: int | None = None
    gone: bool = False

    def __str__(self) -> str:
        if not self.started:
            return "never let in"
        if not self.gone and self.close is None:
            return "not cut off"
        said = "without call.ended" if self.ended is None else f"after call.ended {self.ended}"
        return f"{'cut without a close' if self.close is None else f'closed with {self.close}'} {said}"


class Deaf(asyncio.Protocol):
    """One caller. Speaks on and on, script after script, until it is cut off."""

    def __init__(self, url: str, script: Script) -> None:
        self.fate = Fate()
        self.call_id = ""
        self.over = asyncio.Event()
        self._url = url
        self._script = script
        self._inbox = Inbox()
        self._seq = 0
        self._transport: asyncio.Transport | None = None
        self._speaking: asyncio.Task[None] | None = None
        self._may_write = True
        self._hung_up = False

    async def call(self) -> None:
        """Raises OSError."""
        loop, where = asyncio.get_running_loop(), urlsplit(self._url)
        family, kind, protocol, _, address = (
            await loop.getaddrinfo(str(where.hostname), where.port or 80, type=socket.SOCK_STREAM)
        )[0]
        own = socket.socket(family, kind, protocol)
        own.setblocking(False)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
        try:
            await loop.sock_connect(own, address)
        except OSError:
            own.close()
            raise
        await loop.create_connection(lambda: self, sock=own)

    def go_deaf(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
            self._transport.write(FRAMES)

    def listen(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    async def hang_up(self) -> None:
        self._hung_up = True
        if self._speaking is not None:
            self._speaking.cancel()
            with suppress(asyncio.CancelledError):
                await self._speaking
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(request(self._url))

    def pause_writing(self) -> None:
        self._may_write = False

    def resume_writing(self) -> None:
        self._may_write = True

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        try:
            messages = self._inbox.feed(data)
            if self._speaking is None and self._inbox.status == 101:
                self._speaking = asyncio.get_running_loop().create_task(self._speak())
            for opcode, payload in messages:
                if opcode == TEXT:
                    self._hear(payload)
                elif opcode == CLOSE:
                    self.fate.close = close_code(payload)
                    self._transport.close()
        except (MessageError, msgspec.MsgspecError, KeyError):
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self.fate.gone = not self._hung_up
        self.over.set()
        if self._speaking is not None:
            self._speaking.cancel()

    def _hear(self, payload: bytes) -> None:
        event, fate = read(payload), self.fate
        fate.events += 1
        if event["seq"]:
            fate.left_out += event["seq"] - self._seq - 1
            self._seq = event["seq"]
        if event["type"] == "call.started":
            fate.started, self.call_id = True, event["call_id"]
        fate.warned |= event["type"] == "warning" and event["code"] == "client.events_dropped"
        if event["type"] == "call.ended":
            fate.ended = event["reason"]

    async def _speak(self) -> None:
        """A message that the server has no room for is not said."""
        assert self._transport is not None
        began_s = time.monotonic()
        while True:
            for end_s, message in zip(self._script.ends_s, self._script.messages, strict=True):
                await asyncio.sleep(max(0.0, began_s + end_s - time.monotonic()))
                if self._may_write:
                    self._transport.write(message)
            began_s += self._script.seconds


class Ward:
    """The deaf callers of a load, from their calls to what became of them."""

    def __init__(self, url: str, scripts: Sequence[Script], size: int) -> None:
        """`url`: where streams go, with their query (ws://)."""
        self._callers = [Deaf(url, scripts[at % len(scripts)]) for at in range(size)]

    @property
    def size(self) -> int:
        return len(self._callers)

    async def mind(self, url: str) -> None:
        """Ask the server at `url` (http://), until it has ended all their calls, which it has; each then looks at once:
        last words are only kept for some seconds."""
        left = list(self._callers)
        while left:
            await asyncio.sleep(ASK_EVERY_S)
            for caller in left.copy():
                if await asyncio.to_thread(has_ended, url, caller.call_id):
                    left.remove(caller)
                    await _look([caller], END_S)

    @property
    def fates(self) -> list[Fate]:
        return [caller.fate for caller in self._callers]

    async def call(self) -> None:
        """Raises OSError."""
        for caller in self._callers:
            await caller.call()

    def go_deaf(self) -> None:
        for caller in self._callers:
            caller.go_deaf()

    async def look(self, patience_s: float = END_S) -> None:
        """Read again, what there is, for so long at most; then hang up."""
        await _look(self._callers, patience_s)

    def became(self) -> Counter[str]:
        """How many met which end, in words."""
        return Counter(map(str, self.fates))


def has_ended(url: str, call_id: str) -> bool:
    """Whether the server says so; a busy one is asked again later."""
    try:
        with urllib.request.urlopen(f"{url}/v1/calls/{call_id}", timeout=ASK_S) as answer:
            return bool(msgspec.json.decode(answer.read())["state"] == "ended")
    except (OSError, msgspec.DecodeError, KeyError):
        return False


async def _look(callers: Sequence[Deaf], patience_s: float) -> None:
    for caller in callers:
        caller.listen()
    with suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            for caller in callers:
                await caller.over.wait()
    for caller in callers:
        await caller.hang_up()
