"""A server that only listens: what the generator of a load can do by itself is measured against it."""

from __future__ import annotations

import asyncio
from multiprocessing.connection import Connection
from typing import cast

from websockets.utils import accept_key

from benchmarks.helper import Helper
from benchmarks.messages import CLOSE, HEAD_END, KEY, TEXT, Sieve, from_server

ENDED = b'{"type":"call.ended","call_id":"sink","seq":1,"t":0.0,"channel":null,"reason":"finished"}'
ACCEPTED = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Accept: {accept_key(KEY)}\r\n\r\n"
).encode()
PARTING = from_server(TEXT, ENDED) + from_server(CLOSE, (1000).to_bytes(2, "big"))
START_S = 30.0


class Drain(asyncio.Protocol):
    """Accepts the handshake of `benchmarks.messages.request`, discards audio, and ends the call at the first text."""

    def __init__(self) -> None:
        self._sieve: Sieve | None = None
        self._head = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if self._sieve is None:
            self._head += data
            _, found, data = self._head.partition(HEAD_END)
            if not found:
                return
            self._sieve = Sieve()
            self._transport.write(ACCEPTED)
        for opcode in self._sieve.feed(data):
            if opcode == TEXT:
                self._transport.write(PARTING)
            elif opcode == CLOSE:
                self._transport.close()


class Sink(Helper):
    """The sink as a process of its own on a free port of this machine, inside the `with`. Raises HelperError."""

    def __init__(self) -> None:
        super().__init__("the sink", listen)
        self.url = ""

    def _started(self) -> None:
        self.url = f"http://127.0.0.1:{self.answer(START_S)}"


async def listen(pipe: Connection) -> None:
    """Listen until cancelled; the port is sent over the pipe."""
    server = await asyncio.get_running_loop().create_server(Drain, "127.0.0.1", 0, backlog=2048)
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()
