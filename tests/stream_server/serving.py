"""A real server on a real socket, with scripted models, for the tests of what goes over the wire."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Self

import httpx
import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from history.database import Database
from history.settings import HistoryConfig
from inference.model import Models
from metrics.settings import MetricsConfig
from monitor.analysis import Analysis, EmotionSpec, Role, SpeakerSpec, SpeechSpec, Window
from monitor.events import Event, decode
from monitor.rules import AlertsConfig
from notify.delivery import Notifier
from stream_server.commands.serve import DrainingServer, configured
from stream_server.jobs.jobs import Jobs
from stream_server.live.engine import Engine
from stream_server.settings import ServerConfig, Settings, StreamConfig, WebrtcConfig
from tests.scripted import EMOTION, SPEAKER, answer


@dataclass
class ScriptedModel:
    """Answers as tests.scripted.answer does, after whatever `before` does with the batch (wait, fail)."""

    role: Role
    spec: EmotionSpec | SpeakerSpec | SpeechSpec
    max_batch: int = 8
    overlap_samples: int | None = None
    before: Callable[[Sequence[Window]], None] = field(default=lambda batch: None)

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        self.before(windows)
        return [answer(window) for window in windows]


def loud(batch: Sequence[Window]) -> bool:
    """Whether there is anything but zeros in it, as there is in the warm-up."""
    return any(window.samples.any() for window in batch)


def scripted_models(before: Callable[[Sequence[Window]], None] = lambda batch: None) -> Models:
    return {
        Role.EMOTION: ScriptedModel(Role.EMOTION, EMOTION, before=before),
        Role.SPEAKER: ScriptedModel(Role.SPEAKER, SPEAKER, before=before),
    }


@dataclass
class Served:
    """A running server, and what a client does with it."""

    engine: Engine
    server: DrainingServer
    port: int
    running: asyncio.Task[None]

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stream(self, **query: object) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}/v1/stream{as_query(query)}", max_size=None, compression=None)

    def events(self, **query: object) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}/v1/events{as_query(query)}", max_size=None, compression=None)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.http) as client:
            return await client.get(path, headers=headers)

    async def ask(self, path: str, **query: object) -> Any:
        """What REST answers, which must be no error."""
        answer = await self.get(path + as_query(query))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, **fields: object) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.http) as client:
            return await client.post(path, json=fields or None)

    async def delete(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.http) as client:
            return await client.delete(path)

    async def call(self, call_id: str) -> dict[str, Any]:
        return (await self.get(f"/v1/calls/{call_id}")).json()


class Deaf:
    """A client that asks for something, and can send, but reads only when told to."""

    def __init__(self, served: Served, path: str, websocket: bool = True) -> None:
        self._served = served
        self._path = path
        self._websocket = websocket
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, ("127.0.0.1", self._served.port))
        lines = [f"GET {self._path} HTTP/1.1", f"Host: 127.0.0.1:{self._served.port}"]
        if self._websocket:
            lines += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
            lines += ["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
        await loop.sock_sendall(self._socket, "\r\n".join([*lines, "", ""]).encode())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()

    async def send(self, data: bytes | str) -> None:
        """A WebSocket message, masked with zeros."""
        opcode, payload = (0x81, data.encode()) if isinstance(data, str) else (0x82, data)
        head = struct.pack("!BBQ4x", opcode, 0x80 | 127, len(payload))
        await asyncio.get_running_loop().sock_sendall(self._socket, head + payload)

    async def rest(self) -> bytes:
        """Everything until the server closes the connection."""
        received = b""
        with suppress(ConnectionResetError):
            while data := await asyncio.get_running_loop().sock_recv(self._socket, 1 << 16):
                received += data
        return received


def as_query(query: dict[str, object]) -> str:
    return "?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else ""


@asynccontextmanager
async def serving(
    *crews: Models,
    server_config: ServerConfig = ServerConfig(),
    webrtc: WebrtcConfig = WebrtcConfig(addresses=("127.0.0.1",)),
    alerts: AlertsConfig = AlertsConfig(),
    metrics: MetricsConfig = MetricsConfig(),
    warm: bool = True,
    narrow: bool = False,
    notifier: Notifier | None = None,
    kept: bool = False,
    history_url: str = "",
    jobs: Callable[[Settings], Jobs] | None = None,
    **stream: Any,
) -> AsyncIterator[Served]:
    """A server with settings `stream` on a free port, drained at the end.

    `crews`: sets of models, by default one that is scripted. `warm`: wait for the models. `narrow`: the network takes
    next to nothing of what a client does not read. `notifier`: started and stopped with the server. `kept`: there is a
    history, in a database of its own. `history_url`: where voiceprints are. `jobs`: makes what works
    on recordings.
    """
    settings = replace(
        Settings(),
        server=server_config,
        webrtc=webrtc,
        alerts=alerts,
        metrics=metrics,
        history=HistoryConfig(url=history_url),
        stream=replace(StreamConfig(), **stream),
    )
    database = Database("") if kept else None
    engine = Engine(settings, crews or [scripted_models()], database=database, notifier=notifier)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]  # asked now: a server that breaks at its start closes its listener
    if narrow:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    offline = None if jobs is None else jobs(settings)
    server = DrainingServer(configured(engine, jobs=offline), engine, announce=False)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not (server.started and (engine.ready or not warm)):
        await asyncio.sleep(0.01)
    try:
        yield Served(engine, server, port, running)
    finally:
        server.should_exit = True
        await running
        if database is not None:
            database.close()


def pcm(samples: np.ndarray) -> bytes:
    return (np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes()


async def send_all(call: ClientConnection, samples: np.ndarray, chunk: int = 1600) -> None:
    """Send mono samples as fast as they are taken, then finish."""
    for at in range(0, len(samples), chunk):
        await call.send(pcm(samples[at : at + chunk]))
    await call.send(json.dumps({"type": "finish"}))


async def heard(call: ClientConnection) -> list[Event]:
    """Every event until the socket closes."""
    events: list[Event] = []
    try:
        async for message in call:
            events.append(decode(message))
    except ConnectionClosed:
        pass
    return events


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until `condition` holds; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
