"""A real server on a real socket, with scripted models, for the tests of what goes over the wire."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import numpy as np
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from inference.model import Models
from monitor.analysis import Analysis, EmotionSpec, Role, SpeakerSpec, Window
from monitor.events import Event, decode
from stream_server.app import create_app
from stream_server.engine import Engine
from stream_server.serve import DrainingServer
from stream_server.settings import Settings, StreamConfig
from tests.scripted import EMOTION, SPEAKER, answer


@dataclass
class ScriptedModel:
    """Answers as tests.scripted.answer does, after whatever `before` does with the batch (wait, fail)."""

    role: Role
    spec: EmotionSpec | SpeakerSpec
    max_batch: int = 8
    before: Callable[[np.ndarray], None] = field(default=lambda batch: None)

    def analyse(self, windows: np.ndarray) -> Sequence[Analysis]:
        self.before(windows)
        return [answer(Window(0, self.role, 0, 0, row)) for row in windows]


def scripted_models(before: Callable[[np.ndarray], None] = lambda batch: None) -> Models:
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

    async def call(self, call_id: str) -> dict[str, Any]:
        return (await self.get(f"/v1/calls/{call_id}")).json()


def as_query(query: dict[str, object]) -> str:
    return "?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else ""


@asynccontextmanager
async def serving(models: Models | None = None, **stream: Any) -> AsyncIterator[Served]:
    """A server with settings `stream` on a free port, drained at the end."""
    settings = replace(Settings(), stream=replace(StreamConfig(), **stream))
    engine = Engine(settings, scripted_models() if models is None else models)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        create_app(engine),
        ws="websockets-sansio",
        ws_max_size=4 << 20,
        ws_per_message_deflate=False,
        log_level="warning",
        timeout_graceful_shutdown=2,
    )
    server = DrainingServer(config, engine, announce=False)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not (server.started and engine.ready):
        await asyncio.sleep(0.01)
    try:
        yield Served(engine, server, listener.getsockname()[1])
    finally:
        server.should_exit = True
        await running


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
