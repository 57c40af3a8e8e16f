"""Services that Apprise knows, by its plainest one: JSON to a receiver of our own."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import msgspec
import pytest

from history.database import Database
from monitor.events import AlertCleared
from notify.secrets import Secrets
from notify.service import Service
from tests.notify.notifying import notifying
from tests.notify.receiving import CALL, later, raised, receiving, status

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#calls",
        "workflows://host.example/0123456789abcdef0123456789abcdef/signature",
        "dingtalk://SECRET12345@abcdefTOKEN1234",
        "feishu://abc123TOKEN12",
        "lark://abc123TOKEN12",
        "wecombot://key-123abc",
        "pagerduty://integrationkey@apikey",
        "mailtos://USER:PASSWORD@smtp.example?from=undertone@example.com&to=lead@example.com",
    ],
)
def test_the_services_that_the_documentation_names_are_known(url: str) -> None:
    scheme = url.partition(":")[0]
    assert f"`{scheme}://" in (ROOT / "docs" / "notification.md").read_text(encoding="utf-8")
    assert Service("team", url, False, 5.0).target == scheme


async def test_people_read_a_headline_a_sentence_and_where_to_look(database: Database) -> None:
    call = msgspec.structs.replace(CALL, tags={})
    async with receiving() as receiver:
        chat = Service("chat", f"json://127.0.0.1:{receiver.port}/hook", False, 5.0)
        async with notifying(database, chat) as running:
            running.notifier.tell(raised(), call)
            running.notifier.tell(later(raised(), AlertCleared), call)
            await running.observer.has("chat", "delivered", 2)
    shown = [{key: request.json[key] for key in ("title", "message", "type")} for request in receiver.requests]
    assert shown == [
        {
            "title": "Anger in call c-17",
            "message": "The customer has sounded angry for 3 s (0.82, from 0.70).\n"
            "https://desk.example/undertone/dashboard#call=c-17&span=18&end=12.5",
            "type": "warning",
        },
        {
            "title": "Anger is over in call c-17",
            "message": "It has lasted 9 s.\nhttps://desk.example/undertone/dashboard#call=c-17&span=18&end=12.5",
            "type": "success",
        },
    ]


async def test_what_the_service_says_against_it_is_kept(database: Database) -> None:
    async with receiving() as receiver:
        receiver.answer = lambda _: status(500)
        chat = Service("chat", f"json://user:hunter2@127.0.0.1:{receiver.port}/hook", False, 5.0)
        async with notifying(database, chat) as running:
            running.notifier.tell(raised(), CALL)
            await running.observer.has("chat", "retried")
            (kept,) = await running.notifier.listed("waiting", "chat", 10, None)
            assert "500" in (kept.problem or "")
            assert "hunter2" not in (kept.problem or "")
            receiver.answer = lambda _: status(200)
            running.pass_time(8)
            await running.observer.has("chat", "delivered")


MAIL = "mailtos://me:p%40ss%2Fword@smtp.example?from=undertone@example.com"


@pytest.mark.parametrize(
    ("url", "said", "shown"),
    [
        ("lark://abc123TOKEN12", "with url: /open-apis/v2/hook/abc123TOKEN12", "with url: /open-apis/v2/hook/***"),
        ("pagerduty://integrationkey@apikey", "Failed to send notification to apikey.", "notification to ***."),
        (MAIL, "user me, p@ss/word, smtp.example", "user me, ***, smtp.example"),
        (MAIL, "login P%40SS%2FWORD refused", "login *** refused"),
    ],
)
def test_what_may_be_a_token_is_not_shown(url: str, said: str, shown: str) -> None:
    assert shown in Secrets(url).kept(said)


async def test_nor_in_apprise_s_own_log(caplog: pytest.LogCaptureFixture) -> None:
    service = Service("team", "lark://xyz789TOKEN45", False, 5.0)
    with caplog.at_level("WARNING"):
        logging.getLogger("apprise").warning("Failed: %s", "xyz789TOKEN45")
        await service.close()
        logging.getLogger("apprise").warning("Without it: %s", "xyz789TOKEN45")
    assert "Failed: ***" in caplog.text
    assert "Without it: xyz789TOKEN45" in caplog.text


async def test_a_service_that_hangs_is_left_in_time() -> None:
    async with receiving() as receiver:
        receiver.answer = lambda _: None
        chat = Service("chat", f"json://127.0.0.1:{receiver.port}/hook", False, 0.3)
        began = time.monotonic()
        answer = await chat.send("msg_1", '{"title":"a","body":"b","kind":"info"}', 0.0)
        assert answer.problem is not None
        assert not answer.lasting
        assert time.monotonic() - began < 3
        for task in list(receiver.serving):
            task.cancel()  # or its thread would wait for as long as Apprise does
        await chat.close()
