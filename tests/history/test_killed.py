"""A server that is killed in mid-call loses at most the last second of what it heard, and nothing that was answered."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from history.archive import Wanted, find, timeline, turns_of
from history.database import Database
from monitor.events import Emotion, Event, SpeechEnded, decode
from tests.scripted import silence, voice
from tests.stream_server.serving import pcm

ROOT = Path(__file__).resolve().parents[2]
SPEECH = np.concatenate([silence(0.3), voice(110, 2.0, 1), silence(1.0), voice(110, 30.0, 2)])
HEARD_S = 6.0


@contextmanager
def victim(url: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server process and its port; it is killed at the end, if it was not before."""
    command = [sys.executable, "-m", "tests.history.victim", url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


async def speak(call: ClientConnection) -> None:
    for at in range(0, len(SPEECH), 1600):
        await call.send(pcm(SPEECH[at : at + 1600]))
        await asyncio.sleep(0.1)


async def hear(call: ClientConnection, heard: list[Event], until_s: float) -> None:
    async for message in call:
        event = decode(message)
        heard.append(event)
        if isinstance(event, Emotion) and event.t >= until_s:
            return


async def acknowledge(http: str, alert_id: str) -> None:
    async with httpx.AsyncClient(base_url=http) as client, asyncio.timeout(10):
        while (await client.post(f"/v1/alerts/{alert_id}/acknowledge", json={"by": "ada"})).status_code != 200:
            await asyncio.sleep(0.05)


async def killed_in_mid_call(url: str) -> list[Event]:
    """What the client of the call had heard when the server was killed."""
    heard: list[Event] = []
    with victim(url) as (process, port):
        async with connect(f"ws://127.0.0.1:{port}/v1/stream?call_id=c-1") as call:
            speaking = asyncio.create_task(speak(call))
            await acknowledge(f"http://127.0.0.1:{port}", "c-1:99")
            await hear(call, heard, HEARD_S)
            process.kill()
            process.wait()
            speaking.cancel()
    return heard


async def test_at_most_the_last_second_is_lost_and_no_acknowledged_alert(database_url: str) -> None:
    heard = await killed_in_mid_call(database_url)
    last_s = max(event.t for event in heard if isinstance(event, Emotion))
    database = Database(database_url)
    with database.reading() as connection:
        (call,) = find(connection, Wanted(live=True))
        assert [second.t for second in timeline(connection, call)][-1] >= last_s - 1.0
        ended = [event.t for event in heard if isinstance(event, SpeechEnded)]
        assert [turn.end_s for turn in turns_of(connection, call.key)] == [*ended, None]
    database.close()

    with victim(database_url) as (_, port):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client, asyncio.timeout(10):
            while (closed := (await client.get("/v1/calls/c-1")).json())["state"] == "live":
                await asyncio.sleep(0.05)
            (alert,) = (await client.get("/v1/alerts")).json()["alerts"]
    assert closed["reason"] == "server.failed"
    assert closed["duration_s"] >= last_s - 1.0
    assert closed["summary"]["turns"][-1]["end_s"] == closed["duration_s"]
    assert (alert["state"], alert["attention"], alert["acknowledged_by"]) == ("cleared", "acknowledged", "ada")
    assert json.dumps(closed["alerts"]).count("c-1:99") == 1
