"""A process that is killed in between loses nothing."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import Process
from pathlib import Path

from history.database import Database
from notify.outbox import Outbox
from tests.notify.receiving import receiving, status

ROOT = Path(__file__).resolve().parent.parent.parent


async def started(*arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.notify.telling", *arguments, cwd=ROOT)


async def test_a_server_killed_before_its_receiver_has_answered_tells_it_after_its_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/kept.sqlite3"
    async with receiving() as receiver:
        receiver.answer = lambda _: None
        killed = await started(url, receiver.url, "tell")
        await receiver.has(1, 60)
        killed.send_signal(signal.SIGKILL)
        assert await killed.wait() == -signal.SIGKILL
        receiver.answer = lambda _: status(200)
        again = await started(url, receiver.url)
        first, second = await receiver.has(2, 60)
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert first.body == second.body
        assert second.signature_holds
        database = Database(url)
        async with asyncio.timeout(10):
            while (kept := Outbox(database).find(first.headers["webhook-id"])) is None or kept.state != "delivered":
                await asyncio.sleep(0.01)
        database.close()
        again.send_signal(signal.SIGKILL)
        await again.wait()
