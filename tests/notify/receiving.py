"""A real HTTP server that answers as scripted and keeps what it was sent; and what there is to tell it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from monitor.events import Alert, AlertCleared, AlertRaised, AlertUpdated
from monitor.labels import LABELS
from notify.notice import CallFacts

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SCORES = dict.fromkeys(LABELS, 0.02) | {"angry": 0.82}
CALL = CallFacts("c-17", "2026-11-21T13:37:56.079Z", "websocket", ("customer", "agent"), {"team": "north"})


def raised(call_id: str = "c-17", seq: int = 30, **changes: Any) -> AlertRaised:
    """The customer has been angry for 3 s."""
    event = AlertRaised(
        call_id=call_id,
        seq=seq,
        t=12.5,
        channel=0,
        at="2026-11-21T13:38:08.630Z",
        alert_id=f"{call_id}:anger:{seq}",
        rule="anger",
        severity="warning",
        measure="score",
        value=0.82,
        threshold=0.7,
        start_s=9.5,
        end_s=12.5,
        speaker="customer",
        scores=SCORES,
        link=f"/dashboard#call={call_id}&span=18&end=12.5",
    )
    return msgspec.structs.replace(event, **changes)


def later(event: Alert, kind: type[AlertUpdated] | type[AlertCleared], **changes: Any) -> Alert:
    """A later event of the same alert: 10 s on."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    fields |= {"seq": event.seq + 10, "t": event.t + 10, "end_s": event.end_s + 6, "at": "2026-11-21T13:38:18.630Z"}
    return kind(**fields | changes)


def facts(call_id: str) -> CallFacts:
    return msgspec.structs.replace(CALL, call_id=call_id)


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def signature_holds(self) -> bool:
        """Whether the sender knew SECRET; computed apart from notify.signing."""
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        head = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode()
        expected = base64.b64encode(hmac.new(key, head + self.body, hashlib.sha256).digest()).decode()
        return f"v1,{expected}" in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """`answer` gives the bytes with which a request is answered; None: it never is. `dripping`: byte by byte."""

    port: int = 0
    answer: Callable[[Received], bytes | None] = field(default=lambda request: status(200))
    requests: list[Received] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    dripping: bool = False
    serving: set[asyncio.Task[Any]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def has(self, number: int, seconds: float = 10.0) -> list[Received]:
        """Wait for so many requests in all."""
        async with asyncio.timeout(seconds):
            while len(self.requests) < number:
                self.arrived.clear()
                await self.arrived.wait()
        return self.requests

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        try:
            await self.take(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other side has had enough
        finally:
            writer.close()
            self.serving.discard(task)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Received(first.split(" ")[1], headers, body)
        self.requests.append(request)
        self.arrived.set()
        answer = self.answer(request)
        if answer is None:
            await reader.read()  # until the other side has had enough
            return
        for piece in [answer[at : at + 1] for at in range(len(answer))] if self.dripping else [answer]:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02 if self.dripping else 0)


def status(code: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {code} Whatever", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def receiving(port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver on loopback; `port` 0: any that is free; `tls`: by HTTPS."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", port, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in receiver.serving:
            task.cancel()
        await asyncio.gather(*receiver.serving, return_exceptions=True)
