"""The two ends of the line to the process of jobs: neither waits for the other, and each notices if it is gone."""

from __future__ import annotations

import asyncio
import logging
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from stream_server.jobs.process import JobProcess
from stream_server.jobs.worker import Begun, Drop, Order, Ready, serve
from tests.stream_server.working import Held, InThread, meddled, shipped
from tests.workbench.sounds import emodb
from workbench.asked import Asked, Item


def order(folder: Path, *items: Item, job_id: str = "one") -> Order:
    return Order(job_id, folder, items, Asked(), False, 1 << 30)


class Deaf(InThread):
    """Ready, and then it never reads."""

    def _serve(self, load: Any) -> None:
        self._line.send(Ready())


async def test_an_order_of_thousands_of_recordings_does_not_hold_the_event_loop_up(tmp_path: Path) -> None:
    process = JobProcess(shipped, lambda said: None, start=Deaf)
    await process.start()
    many = [Item(f"{number:05}" + "x" * 200, tmp_path / f"{number}.wav") for number in range(5000)]
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    process.send(order(tmp_path, *many))  # more than a megabyte: a pipe takes a fifth of that
    process.send(Drop("one"))
    assert loop.time() - began_s < 1
    async with asyncio.timeout(10):
        await process.stop()


def test_a_server_that_is_gone_is_noticed_in_the_middle_of_a_recording_and_is_no_fault(
    recordings: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    near, far = Pipe()
    held = Held()
    ended: list[type[BaseException]] = []

    def work(line: Connection) -> None:
        try:
            serve(lambda: meddled(held), line)
        except (EOFError, OSError) as error:
            ended.append(type(error))

    thread = threading.Thread(target=work, args=(far,))
    thread.start()
    assert isinstance(near.recv(), Ready)
    item = Item("long", recordings / "conversations" / "two_speakers_30s.flac")
    near.send(order(tmp_path / "run", item, Item("other", emodb(recordings))))
    assert near.recv() == Begun("one")
    assert held.asked.wait(30)
    near.close()
    held.go.set()
    thread.join(30)
    assert not thread.is_alive()
    assert len(ended) == 1
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert (tmp_path / "run" / "results.jsonl").read_bytes() == b""
