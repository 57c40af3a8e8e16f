"""Alertmanager holds an alert as long as its call does, and no longer; scripted, and for real where it is installed."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from history.database import Database
from monitor.events import AlertCleared, AlertUpdated
from notify.alertmanager import LIFETIME_S, REPEAT_S, Alertmanager
from notify.moments import moment, seconds_of
from notify.notice import Notice, Trial
from notify.settings import AlertmanagerConfig
from tests.notify.notifying import Clock, notifying
from tests.notify.receiving import CALL, Received, later, raised, receiving, status

LINK = "https://desk.example/undertone/dashboard#call=c-17&span=18&end=12.5"
PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")


def ops(url: str = "http://localhost:9093", **config: Any) -> Alertmanager:
    return Alertmanager("ops", AlertmanagerConfig(url=url, **config), 5.0)


def payload(channel: Alertmanager, event: Any, call: Any = CALL) -> dict[str, Any]:
    return json.loads(channel.payload(Notice(event, call, LINK)))


def alerts(request: Received) -> list[dict[str, Any]]:
    return request.json


def test_an_alert_says_whose_it_is_and_what_it_means() -> None:
    alert = payload(
        ops(), raised(), msgspec.structs.replace(CALL, tags={"team": "north", "agent-id": "7", "empty": ""})
    )
    assert alert == {
        "labels": {
            "alertname": "UndertoneAlert",
            "rule": "anger",
            "severity": "warning",
            "call_id": "c-17",
            "role": "customer",
            "speaker": "customer",
            "tag_team": "north",
            "tag_agent_id": "7",
        },
        "annotations": {
            "summary": "Anger in call c-17 (agent-id: 7, empty: , team: north): "
            "The customer has sounded angry for 3 s (0.82, from 0.70).",
            "link": LINK,
        },
        "generatorURL": LINK,
        "startsAt": "2026-11-21T13:38:08.630Z",
    }


def test_whatever_changes_meanwhile_it_stays_the_same_alert() -> None:
    channel = ops()
    first = payload(channel, raised())
    other = msgspec.structs.replace(CALL, tags={"team": "south"})
    update = payload(channel, later(raised(), AlertUpdated, speaker="S3"), other)
    over = payload(channel, later(raised(), AlertCleared, severity="info"), other)
    assert first["labels"] == update["labels"] == over["labels"]
    assert first["startsAt"] == update["startsAt"] == over["startsAt"]
    assert "endsAt" not in update
    assert over["endsAt"] == "2026-11-21T13:38:18.630Z"


async def test_an_open_alert_is_said_again_before_it_would_end(database: Database) -> None:
    async with receiving() as receiver:
        async with notifying(database, ops(receiver.url)) as running:
            running.notifier.tell(raised(), CALL)
            await running.observer.has("ops", "delivered")
            for _ in range(3):
                already = len(receiver.requests)
                running.pass_time(REPEAT_S)
                await receiver.has(already + 1)
            ends = [seconds_of(alerts(request)[0]["endsAt"]) for request in receiver.requests]
            began = running.clock.now - 3 * REPEAT_S
            assert ends == [began + LIFETIME_S + number * REPEAT_S for number in range(4)]
            running.notifier.tell(later(raised(), AlertCleared), CALL)
            await running.observer.has("ops", "delivered", 2)
            running.pass_time(REPEAT_S)
            await running.settled()
        assert receiver.requests[0].path == "/hook/api/v2/alerts"
        assert len(receiver.requests) == 5
        assert alerts(receiver.requests[-1])[0]["endsAt"] == "2026-11-21T13:38:18.630Z"


async def test_alerts_of_a_call_that_broke_off_are_not_said_again(database: Database) -> None:
    async with receiving() as receiver, notifying(database, ops(receiver.url)) as running:
        running.notifier.tell(raised(), CALL)
        await running.observer.has("ops", "delivered")
        running.notifier.call_over("c-17")
        running.pass_time(REPEAT_S)
        await running.settled()
        assert len(receiver.requests) == 1


async def test_after_a_restart_nothing_is_said_again_and_so_it_ends(database: Database) -> None:
    clock = Clock()
    async with receiving() as receiver:
        async with notifying(database, ops(receiver.url), clock=clock) as running:
            running.notifier.tell(raised(), CALL)
            await running.observer.has("ops", "delivered")
        async with notifying(database, ops(receiver.url), clock=clock) as running:
            running.pass_time(REPEAT_S)
            await running.settled()
        assert [seconds_of(alerts(request)[0]["endsAt"]) for request in receiver.requests] == [
            clock.now - REPEAT_S + LIFETIME_S
        ]


async def test_what_is_over_is_never_overtaken_by_what_is_said_again(database: Database) -> None:
    async with receiving() as receiver, notifying(database, ops(receiver.url)) as running:
        running.notifier.tell(raised(), CALL)
        await running.observer.has("ops", "delivered")
        receiver.answer = lambda _: None  # so that what is said again hangs
        running.pass_time(REPEAT_S)
        await receiver.has(2)
        running.notifier.tell(later(raised(), AlertCleared), CALL)
        receiver.answer = lambda _: status(200)
        for task in list(receiver.serving):
            task.cancel()
        await running.observer.has("ops", "delivered", 2)
        assert len(receiver.requests) == 3
        assert alerts(receiver.requests[-1])[0]["endsAt"] == "2026-11-21T13:38:18.630Z"


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    """The address of a real one."""
    if PROGRAM is None:
        pytest.skip("Alertmanager is not installed: apt-get install prometheus-alertmanager")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = tmp_path / "alertmanager.yml"
    config.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n", encoding="utf-8")
    options = [f"--config.file={config}", f"--storage.path={tmp_path}/data", f"--web.listen-address=127.0.0.1:{port}"]
    with subprocess.Popen([PROGRAM, *options, "--cluster.listen-address="], stderr=subprocess.DEVNULL) as process:
        yield f"http://127.0.0.1:{port}"
        process.terminate()


async def listed(url: str, number: int) -> list[dict[str, Any]]:
    """The active alerts, once there are so many."""
    async with asyncio.timeout(20), httpx.AsyncClient(base_url=url) as client:
        while True:
            try:
                found = (await client.get("/api/v2/alerts?active=true")).json()
                if len(found) == number:
                    return found
            except httpx.TransportError:
                pass  # it is still starting
            await asyncio.sleep(0.05)


async def test_a_real_alertmanager_shows_the_alert_until_it_is_over(database: Database, alertmanager: str) -> None:
    await listed(alertmanager, 0)
    clock = Clock(time.time())
    event = raised(at=None)
    async with notifying(database, ops(alertmanager), clock=clock) as running:
        running.notifier.tell(event, CALL)
        await running.observer.has("ops", "delivered")
        (shown,) = await listed(alertmanager, 1)
        assert shown["labels"] == payload(ops(), event)["labels"]
        assert shown["annotations"]["link"].endswith("/dashboard#call=c-17&span=18&end=12.5")
        assert seconds_of(shown["endsAt"]) == pytest.approx(clock.now + LIFETIME_S, abs=1)
        running.pass_time(REPEAT_S)
        while seconds_of((await listed(alertmanager, 1))[0]["endsAt"]) < clock.now + LIFETIME_S - 1:
            await asyncio.sleep(0.05)
        running.notifier.tell(later(event, AlertCleared), CALL)
        await running.observer.has("ops", "delivered", 2)
        assert await listed(alertmanager, 0) == []


async def test_a_real_alertmanager_takes_a_trial(alertmanager: str) -> None:
    await listed(alertmanager, 0)
    channel, now = ops(alertmanager), time.time()
    trial = channel.payload(Trial("ops", moment(now), "https://desk.example/dashboard"))
    assert (await channel.send("msg_1", trial, now)).problem is None
    (shown,) = await listed(alertmanager, 1)
    assert shown["labels"] == {"alertname": "UndertoneTrial", "channel": "ops"}
