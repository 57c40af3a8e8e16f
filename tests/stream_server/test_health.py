"""When a container is well: as long as its server is at work."""

from __future__ import annotations

import asyncio
import socket

import pytest

from stream_server.live.engine import Engine
from stream_server.rest import health
from tests.stream_server.serving import serving


async def told(port: int) -> int:
    return await asyncio.to_thread(health.main, [str(port)])


async def test_a_server_that_takes_calls_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving() as served:
        assert await told(served.port) == 0
    assert capsys.readouterr().out == "ready\n"


@pytest.mark.parametrize(
    ("status", "exit_status"), [("full", 0), ("models restarting", 0), ("draining", 0), ("warming up", 1)]
)
async def test_a_server_that_is_at_work_is_well_although_it_takes_no_calls(
    status: str, exit_status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving() as served:
        with monkeypatch.context() as patched:
            patched.setattr(Engine, "status", status)
            assert await told(served.port) == exit_status
    assert capsys.readouterr().out == f"{status}\n"


async def test_one_that_does_not_answer_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert await told(port) == 1
    assert capsys.readouterr().out.startswith("no answer: ")
