"""Pages of other sites, and names that are not this machine's, are kept out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from stream_server.guard import BrowserGuard
from stream_server.settings import ServerConfig
from tests.stream_server.serving import Served, heard, serving

EVERYWHERE = ServerConfig(host="0.0.0.0")


async def outcome(kind: str, local_only: bool = True, allowed: tuple[str, ...] = (), **headers: str) -> str:
    """What becomes of a request: `passed`, or the status or close code that it gets."""
    said: list[Any] = []

    async def app(*_: object) -> None:
        said.append("passed")

    async def receive() -> Any:
        return {"type": f"{kind}.connect"}

    async def send(message: Any) -> None:
        said.append(message.get("status") or message.get("code"))

    guard = BrowserGuard(app, allowed_origins=allowed, local_only=local_only)
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await guard({"type": kind, "headers": raw}, receive, send)
    return str(said[0])


@pytest.mark.parametrize(
    ("headers", "options", "passes"),
    [
        ({"host": "127.0.0.1:8000"}, {}, True),
        ({"host": "localhost"}, {}, True),
        ({"host": "LOCALHOST:8000"}, {}, True),
        ({"host": "[::1]:8000"}, {}, True),
        ({"host": "evil.example:8000"}, {}, False),
        ({"host": "localhost.evil.example"}, {}, False),
        ({"host": "[::1"}, {}, False),
        ({}, {}, False),
        ({"host": "evil.example"}, {"local_only": False}, True),
        ({"host": "localhost:8000", "origin": "http://localhost:8000"}, {}, True),
        ({"host": "localhost:8000", "origin": "http://LocalHost:8000"}, {}, True),
        ({"host": "localhost:8000", "origin": "http://localhost:8001"}, {}, False),
        ({"host": "localhost:8000", "origin": "http://evil.example"}, {}, False),
        ({"host": "localhost:8000", "origin": "null"}, {}, False),
        ({"host": "localhost:8000", "origin": "http://["}, {}, False),
        ({"host": "desk.local", "origin": "http://desk.local"}, {"local_only": False}, True),
        ({"host": "desk.local", "origin": "http://evil.example"}, {"local_only": False}, False),
        ({"host": "desk.example"}, {"allowed": ("https://desk.example",)}, True),
        ({"host": "evil.example"}, {"allowed": ("https://desk.example",)}, False),
        ({"host": "localhost", "origin": "https://desk.example"}, {"allowed": ("https://desk.example/",)}, True),
        ({"host": "localhost", "origin": "https://Desk.Example"}, {"allowed": ("https://desk.example",)}, True),
        ({"host": "localhost", "origin": "http://desk.example"}, {"allowed": ("https://desk.example",)}, False),
        ({"host": "evil.example", "origin": "https://desk.example"}, {"allowed": ("https://desk.example",)}, False),
    ],
)
async def test_who_may_ask_follows_from_host_and_origin(
    headers: dict[str, str], options: dict[str, Any], passes: bool
) -> None:
    assert await outcome("http", **options, **headers) == ("passed" if passes else "403")
    assert await outcome("websocket", **options, **headers) == ("passed" if passes else "4403")


async def test_what_is_no_request_passes() -> None:
    assert await outcome("lifespan") == "passed"


async def handshake(served: Served, path: str, host: str = "127.0.0.1", **options: Any) -> int:
    """The status that a WebSocket handshake gets."""
    try:
        address = f"ws://{host}:{served.port}{path}"
        async with connect(address, host="127.0.0.1", port=served.port, compression=None, **options):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize("path", ["/v1/stream", "/v1/events"])
async def test_a_page_of_another_site_gets_no_socket(path: str) -> None:
    async with serving() as served:
        own = f"http://127.0.0.1:{served.port}"
        assert await handshake(served, path, origin="https://evil.example") == 403
        assert await handshake(served, path, host="evil.example") == 403
        assert await handshake(served, path, origin=own) == 101
        assert await handshake(served, path) == 101


async def test_a_page_of_another_site_reads_nothing_and_is_counted() -> None:
    async with serving() as served:
        answer = await served.get("/v1/calls", Origin="https://evil.example")
        rebound = await served.get("/v1/calls", Host=f"evil.example:{served.port}")
        own = await served.get("/v1/calls", Origin=served.http)
        metrics = (await served.get("/metrics")).text
    for refused in (answer, rebound):
        assert refused.status_code == 403
        assert refused.json()["error"]["code"] == "request.forbidden"
    assert own.status_code == 200
    assert 'undertone_faults_total{code="request.forbidden"} 2.0' in metrics


async def test_sites_can_be_let_in() -> None:
    config = ServerConfig(allowed_origins=("https://desk.example",))
    async with serving(server_config=config) as served:
        assert await handshake(served, "/v1/events", origin="https://desk.example") == 101
        assert (await served.get("/v1/calls", Origin="https://desk.example")).status_code == 200
        assert (await served.get("/v1/calls", Origin="https://evil.example")).status_code == 403


async def test_a_server_for_all_has_whatever_name_it_is_called() -> None:
    async with serving(server_config=EVERYWHERE) as served:
        assert await handshake(served, "/v1/events", host="undertone.example") == 101
        assert (await served.get("/v1/calls", Host="undertone.example")).status_code == 200
        assert (await served.get("/v1/calls", Origin="https://evil.example")).status_code == 403


async def test_a_refused_page_leaves_live_calls_alone() -> None:
    async with serving() as served, served.stream(call_id="own") as call:
        await call.recv()
        assert await handshake(served, "/v1/stream?call_id=own", origin="https://evil.example") == 403
        await call.send('{"type":"finish"}')
        assert (await asyncio.wait_for(heard(call), 5))[-1].reason == "finished"
