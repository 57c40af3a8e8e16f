"""An alert of a live call reaches those who are to be told, and REST says what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from history.database import Database
from monitor.events import AlertCleared, AlertRaised, decode
from notify.channel import Channel
from notify.delivery import Notifier
from notify.posting import Answer
from tests.notify.notifying import ADDRESS, CONFIG, Scripted, webhook
from tests.notify.receiving import later, raised, receiving
from tests.scripted import of, silence, voice
from tests.stream_server.serving import Served, heard, send_all, serving, until
from tests.stream_server.test_rules import furious


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/kept.sqlite3")
    yield database
    database.close()


def notified(database: Database, *channels: Channel) -> AbstractAsyncContextManager[Served]:
    return serving(notifier=Notifier(CONFIG, channels, database, ADDRESS))


async def test_an_angry_caller_is_told_of_and_also_that_it_is_over(database: Database) -> None:
    async with receiving() as receiver:
        notifier = Notifier(CONFIG, [webhook(receiver)], database, ADDRESS)
        async with serving(furious(), notifier=notifier) as served, served.stream(call_id="c-17") as call:
            await send_all(call, np.concatenate([voice(110, 6.0), silence(6.0)]))
            events = of(await heard(call), AlertRaised, AlertCleared)
            told = await receiver.has(2)
    assert [decode(msgspec.json.encode(each.json["data"]["event"])) for each in told] == events
    assert [type(event) for event in events] == [AlertRaised, AlertCleared]
    assert events[0].rule == "anger"


def publish(served: Served, *events: Any) -> None:
    """Events of the live call, as if its rules had raised them."""
    (call,) = served.engine._calls
    for event in events:
        call._publish(event)


async def test_an_alert_of_a_live_call_reaches_a_webhook(database: Database) -> None:
    async with (
        receiving() as receiver,
        notified(database, webhook(receiver)) as served,
        served.stream(call_id="c-17", channels=2, roles="customer,agent") as call,
    ):
        await call.send('{"type":"configure","tags":{"team":"north"}}')
        await until(lambda: bool(served.engine.book.find("c-17")))
        await call.send(bytes(6400))
        await until(lambda: next(iter(served.engine._calls)).session.tags != {})
        event = raised("c-17", 2)
        publish(served, event, later(event, AlertCleared))
        first, second = await receiver.has(2)
        started_at = (await served.call("c-17"))["started_at"]
    assert first.signature_holds
    assert first.json["data"]["call"] == {
        "call_id": "c-17",
        "started_at": started_at,
        "transport": "websocket",
        "roles": ["customer", "agent"],
        "tags": {"team": "north"},
    }
    assert [each.json["type"] for each in (first, second)] == ["alert.raised", "alert.cleared"]
    assert first.json["data"]["link"] == f"{ADDRESS.rstrip('/')}{event.link}"


async def test_a_call_that_breaks_off_is_over_for_every_channel(database: Database) -> None:
    over: list[str] = []

    class Listening(Scripted):
        def call_over(self, call_id: str) -> None:
            over.append(call_id)

    async with notified(database, Listening("desk")) as served, served.stream(call_id="c-17") as call:
        await send_all(call, voice(110, 0.5))
        await heard(call)
        assert over == ["c-17"]


async def test_what_becomes_of_notifications_is_shown_and_failed_ones_can_be_sent_again(database: Database) -> None:
    desk = Scripted("desk", [Answer("410 Gone", lasting=True)])
    async with notified(database, desk) as served, served.stream(call_id="c-17") as call:
        await call.send(bytes(3200))
        await until(lambda: bool(served.engine._calls) and bool(served.engine.book.find("c-17")))
        event = raised("c-17", 2)
        publish(served, event, later(event, AlertCleared))
        await until(lambda: len(desk.sent) == 2)
        await served.engine.notifier._lanes["desk"].settled()  # type: ignore[union-attr]

        page = (await served.get("/v1/notifications?limit=1")).json()
        assert [each["event_id"] for each in page["notifications"]] == ["c-17:12"]
        rest = (await served.get(f"/v1/notifications?limit=1&after={page['next']}")).json()
        (failed,) = rest["notifications"]
        assert rest["next"] is None
        assert (failed["event_id"], failed["state"], failed["problem"]) == ("c-17:2", "failed", "410 Gone")
        assert (failed["channel"], failed["call_id"], failed["attempts"]) == ("desk", "c-17", 1)
        assert failed["next_at"] is None
        only = (await served.get("/v1/notifications?state=failed&channel=desk")).json()
        assert only["notifications"] == [failed]
        assert (await served.get("/v1/notifications?channel=wall")).json()["notifications"] == []
        (shown,) = (await served.get("/v1/channels")).json()["channels"]
        assert (shown["waiting"], shown["failed"]) == (0, 1)

        again = await served.post(f"/v1/notifications/{failed['id']}/retry")
        assert again.status_code == 200
        await until(lambda: len(desk.sent) == 3)
        await served.engine.notifier._lanes["desk"].settled()  # type: ignore[union-attr]
        once_more = await served.post(f"/v1/notifications/{failed['id']}/retry")
        assert (once_more.status_code, once_more.json()["error"]["code"]) == (409, "notification.delivered")


async def test_channels_are_listed_without_their_secrets_and_can_be_tried(database: Database) -> None:
    async with receiving() as receiver, notified(database, webhook(receiver)) as served:
        listed = (await served.get("/v1/channels")).json()
        assert listed == {
            "channels": [
                {
                    "name": "desk",
                    "kind": "webhook",
                    "target": f"127.0.0.1:{receiver.port}",
                    "updates": False,
                    "waiting": 0,
                    "failed": 0,
                }
            ]
        }
        assert (await served.post("/v1/channels/desk/test")).json() == {"delivered": True, "problem": None}
        request = receiver.requests[0]
        assert request.signature_holds
        assert request.json["type"] == "channel.trial"
        assert request.json["data"] == {"channel": "desk", "link": f"{ADDRESS}dashboard"}
    async with notified(database, webhook(receiver)) as served:  # nobody is there any more
        answer = (await served.post("/v1/channels/desk/test")).json()
        assert answer["delivered"] is False
        assert answer["problem"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/v1/channels/wall/test", 404, "channel.not_found"),
        ("POST", "/v1/notifications/msg_1/retry", 404, "notification.not_found"),
        ("GET", "/v1/notifications?state=lost", 422, "request.invalid"),
        ("GET", "/v1/notifications?limit=0", 422, "request.invalid"),
    ],
)
async def test_what_is_asked_wrongly_is_said(
    database: Database, method: str, path: str, status: int, code: str
) -> None:
    async with notified(database, Scripted("desk")) as served:
        answer = await (served.get(path) if method == "GET" else served.post(path))
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_without_a_notifier_there_is_nothing_and_alerts_go_on(database: Database) -> None:
    async with serving() as served:
        assert (await served.get("/v1/channels")).json() == {"channels": []}
        assert (await served.get("/v1/notifications")).json() == {"notifications": [], "next": None}
        assert (await served.post("/v1/channels/desk/test")).status_code == 404
        async with served.stream(call_id="c-17") as call:
            await call.send(bytes(3200))
            await until(lambda: bool(served.engine._calls) and bool(served.engine.book.find("c-17")))
            publish(served, raised("c-17", 2))
            while not isinstance(event := decode(await call.recv()), AlertRaised):
                pass
            assert event.id == "c-17:2"
