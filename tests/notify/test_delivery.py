"""Whoever is to be told is told: at least once, in order, whatever happens in between."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from sqlalchemy.exc import OperationalError
from standardwebhooks.webhooks import Webhook as Verifier

from history.database import Database
from monitor.events import AlertCleared, AlertUpdated, decode
from notify import delivery
from notify.delivery import Ids
from notify.notice import Told
from notify.outbox import Entry, Outbox
from notify.posting import DELIVERED, Answer
from tests.notify.notifying import Scripted, notifying, webhook
from tests.notify.receiving import CALL, SECRET, facts, later, raised, receiving, status

BUSY = Answer("503 Service Unavailable")


async def test_a_receiver_hears_what_is_raised_and_what_is_over_and_can_verify_it(database: Database) -> None:
    async with receiving() as receiver, notifying(database, webhook(receiver)) as running:
        event = raised()
        for each in (event, later(event, AlertUpdated), later(event, AlertCleared, seq=50)):
            running.notifier.tell(each, CALL)
        first, second = await receiver.has(2)
        await running.observer.has("desk", "delivered", 2)
    assert [request.json["type"] for request in receiver.requests] == ["alert.raised", "alert.cleared"]
    assert first.signature_holds
    assert second.signature_holds
    assert first.json == {
        "type": "alert.raised",
        "timestamp": event.at,
        "data": {
            "event_id": "c-17:30",
            "event": first.json["data"]["event"],
            "call": {
                "call_id": "c-17",
                "started_at": CALL.started_at,
                "transport": "websocket",
                "roles": ["customer", "agent"],
                "tags": {"team": "north"},
            },
            "link": "https://desk.example/undertone/dashboard#call=c-17&span=18&end=12.5",
        },
    }
    assert decode(json.dumps(first.json["data"]["event"])) == event


async def test_the_library_of_the_standard_verifies_what_is_sent() -> None:
    async with receiving() as receiver:
        answer = await webhook(receiver).send("msg_1", '{"type":"alert.raised"}', time.time())
        assert answer == DELIVERED
        request = receiver.requests[0]
        assert Verifier(SECRET).verify(request.body, request.headers) == {"type": "alert.raised"}


async def test_updates_are_for_channels_that_want_them(database: Database) -> None:
    desk, wall = Scripted("desk"), Scripted("wall", updates=True)
    async with notifying(database, desk, wall) as running:
        running.notifier.tell(raised(), CALL)
        running.notifier.tell(later(raised(), AlertUpdated), CALL)
        await running.observer.has("wall", "delivered", 2)
        await running.observer.has("desk", "delivered", 1)
    assert [payload for _, payload in wall.sent] == ["c-17:30 alert.raised", "c-17:40 alert.updated"]
    assert [payload for _, payload in desk.sent] == ["c-17:30 alert.raised"]


async def test_a_rule_may_name_who_is_told(database: Database) -> None:
    desk, wall = Scripted("desk"), Scripted("wall")
    async with notifying(database, desk, wall) as running:
        running.notifier.tell(raised(), CALL, ("wall", "gone"))
        running.notifier.tell(raised(seq=31), CALL, ())
        await running.observer.has("wall", "delivered")
        await running.settled()
    assert (len(desk.sent), len(wall.sent)) == (0, 1)


async def test_whoever_heard_that_it_is_raised_hears_that_it_is_over_though_the_rule_is_gone(
    database: Database,
) -> None:
    desk, wall = Scripted("desk"), Scripted("wall", updates=True)
    async with notifying(database, desk, wall) as running:
        running.notifier.tell(raised(), CALL, ("wall",))
        running.notifier.tell(later(raised(), AlertUpdated), CALL, None)
        running.notifier.tell(later(raised(), AlertCleared, seq=50), CALL, None)
        await running.observer.has("wall", "delivered", 3)
        await running.settled()
    assert desk.sent == []
    assert running.notifier._audiences == {}


async def test_a_call_that_breaks_off_leaves_nothing_open(database: Database) -> None:
    async with notifying(database, Scripted("desk")) as running:
        for call_id in ("c", "c:1"):
            running.notifier.tell(raised(call_id), facts(call_id))
        running.notifier.call_over("c")
        assert list(running.notifier._audiences) == [("c:1", "c:1:anger:30")]


async def test_a_message_is_on_disk_before_the_first_attempt(database: Database) -> None:
    async with receiving() as receiver, notifying(database, webhook(receiver)) as running:
        receiver.answer = lambda request: status(200 if Outbox(database).find(request.headers["webhook-id"]) else 400)
        running.notifier.tell(raised(), CALL)
        await running.observer.has("desk", "delivered")


async def test_a_receiver_that_is_down_for_a_while_hears_it_then_with_the_same_id(database: Database) -> None:
    async with receiving() as receiver:
        port, channel = receiver.port, webhook(receiver)
    async with notifying(database, channel) as running:
        running.notifier.tell(raised(), CALL)
        for attempt in range(5):
            running.pass_time(100)
            await running.observer.has("desk", "retried", attempt + 1)
        async with receiving(port) as receiver:
            running.pass_time(100)
            await running.observer.has("desk", "delivered")
            receiver.answer = lambda _: status(503)
            running.notifier.tell(later(raised(), AlertCleared), CALL)
            await running.observer.has("desk", "retried", 6)
            receiver.answer = lambda _: status(200)
            running.pass_time(8)
            await running.observer.has("desk", "delivered", 2)
            ids = [request.headers["webhook-id"] for request in receiver.requests]
            assert ids[1] == ids[2] != ids[0]
            assert all(request.signature_holds for request in receiver.requests)


async def test_of_one_call_nothing_overtakes(database: Database) -> None:
    desk = Scripted("desk", [BUSY, BUSY])
    async with notifying(database, desk) as running:
        running.notifier.tell(raised(), CALL)
        running.notifier.tell(later(raised(), AlertCleared), CALL)
        await running.observer.has("desk", "retried", 1)
        await running.settled()
        running.pass_time(8)
        await running.observer.has("desk", "retried", 2)
        running.pass_time(16)
        await running.observer.has("desk", "delivered", 2)
    assert [payload for _, payload in desk.sent] == 3 * ["c-17:30 alert.raised"] + ["c-17:40 alert.cleared"]


async def test_other_calls_do_not_wait_for_one_that_is_tried_again(database: Database) -> None:
    desk = Scripted("desk", [BUSY])
    async with notifying(database, desk) as running:
        running.notifier.tell(raised("a"), facts("a"))
        await running.observer.has("desk", "retried")
        running.notifier.tell(raised("b"), facts("b"))
        await running.observer.has("desk", "delivered")
        assert await running.states() == [("a:30", "waiting"), ("b:30", "delivered")]


async def test_a_slow_channel_holds_up_no_other_and_has_only_so_many_attempts_under_way(database: Database) -> None:
    slow, quick = Scripted("slow"), Scripted("quick")
    slow.free.clear()
    async with notifying(database, slow, quick) as running:
        for number in range(20):
            running.notifier.tell(raised(f"c{number}"), facts(f"c{number}"))
        await running.observer.has("quick", "delivered", 20)
        assert len(slow.sent) == slow.most_at_once == slow.at_once
        slow.free.set()
        await running.observer.has("slow", "delivered", 20)
    assert slow.most_at_once == slow.at_once


async def test_what_is_refused_for_good_has_failed_at_once_and_can_be_sent_again(database: Database) -> None:
    desk = Scripted("desk", [Answer("410 Gone", lasting=True)])
    async with notifying(database, desk) as running:
        running.notifier.tell(raised(), CALL)
        running.notifier.tell(later(raised(), AlertCleared), CALL)
        await running.observer.has("desk", "failed")
        await running.observer.has("desk", "delivered")  # what comes after it does not wait for ever
        (failed,) = await running.notifier.listed("failed", "desk", 10, None)
        assert (failed.problem, failed.attempts) == ("410 Gone", 1)
        again = await running.notifier.retry(failed.id)
        assert again is not None
        await running.observer.has("desk", "delivered", 2)
        assert desk.sent[-1] == desk.sent[0]


async def test_a_channel_that_asks_to_be_left_alone_is_whatever_there_is_to_say(database: Database) -> None:
    desk = Scripted("desk", [Answer("429 Too Many Requests", retry_after_s=60)])
    async with notifying(database, desk) as running:
        running.notifier.tell(raised("a"), facts("a"))
        await running.observer.has("desk", "retried")
        running.notifier.tell(raised("b"), facts("b"))
        running.pass_time(59)
        await running.settled()
        assert len(desk.sent) == 1
        running.pass_time(1)
        await running.observer.has("desk", "delivered", 2)


async def test_in_the_end_it_is_given_up_and_kept(database: Database) -> None:
    desk = Scripted("desk", 100 * [BUSY])
    async with notifying(database, desk) as running:
        running.notifier.tell(raised(), CALL)
        await running.observer.has("desk", "retried")
        while not running.observer.outcomes["desk", "failed"]:
            running.pass_time(100)
            await running.settled()
        assert len(desk.sent) == 11  # 1000 s in steps of 100
        assert await running.states() == [("c-17:30", "failed")]


async def test_what_was_left_over_is_sent_after_the_next_start(database: Database) -> None:
    async with notifying(database, Scripted("desk", [BUSY])) as running:
        running.notifier.tell(raised(), CALL)
        await running.observer.has("desk", "retried")
        clock = running.clock
    clock.now += 8
    desk = Scripted("desk")
    async with notifying(database, desk, clock=clock) as running:
        await running.observer.has("desk", "delivered")
    assert [payload for _, payload in desk.sent] == ["c-17:30 alert.raised"]


async def test_what_hangs_when_the_server_stops_is_broken_off_and_sent_after_the_next_start(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "STOP_S", 0.1)
    desk = Scripted("desk")
    desk.free.clear()
    async with notifying(database, desk) as running:
        running.notifier.tell(raised(), CALL)
    again = Scripted("desk")
    async with notifying(database, again) as running:
        await running.observer.has("desk", "delivered")
    assert again.sent == desk.sent


async def test_what_was_told_last_is_still_sent_when_the_server_stops(database: Database) -> None:
    desk = Scripted("desk")
    async with notifying(database, desk) as running:
        running.notifier.tell(raised(), CALL)
    assert running.observer.outcomes["desk", "delivered"] == 1


async def test_what_waits_for_a_channel_that_is_gone_has_failed(database: Database) -> None:
    async with notifying(database, Scripted("desk", [BUSY])) as running:
        running.notifier.tell(raised(), CALL)
        await running.observer.has("desk", "retried")
    async with notifying(database, Scripted("wall")) as running:
        async with asyncio.timeout(10):
            while await running.states() != [("c-17:30", "failed")]:
                await asyncio.sleep(0)
        (kept,) = await running.notifier.listed(None, None, 10, None)
        assert kept.problem == "there is no such channel any more"


async def test_what_is_old_and_done_is_forgotten_what_waits_is_not(database: Database) -> None:
    outbox, day_s = Outbox(database), 86_400.0
    async with notifying(database, Scripted("desk")) as running:
        now = running.clock.now
    done = [Entry(f"msg_{age}", "desk", "c:1", "c", "{}", 0, 0, 0) for age in (29, 31)]
    outbox.put([*done, Entry("msg_waits", "desk", "c:1", "d", "{}", 0, now + 99, 0)])
    for entry, age in zip(done, (29, 31), strict=True):
        outbox.settle(entry, "delivered", 0, now - age * day_s, None)
    async with notifying(database, Scripted("desk")):
        async with asyncio.timeout(10):
            while outbox.find("msg_31") is not None:
                await asyncio.sleep(0)
        assert outbox.find("msg_29") is not None
        assert outbox.find("msg_waits") is not None


async def test_while_the_database_cannot_be_written_messages_wait_in_memory(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, problems = Outbox.put, [OperationalError("INSERT", {}, Exception("database or disk is full"))]

    def failing_once(outbox: Outbox, entries: list[Entry]) -> None:
        if problems:
            raise problems.pop()
        put(outbox, entries)

    monkeypatch.setattr(Outbox, "put", failing_once)
    monkeypatch.setattr(delivery, "DISK_AGAIN_S", 0.0)
    desk = Scripted("desk")
    async with notifying(database, desk) as running:
        running.notifier.tell(raised(), CALL)
        running.notifier.tell(later(raised(), AlertCleared), CALL)
        await running.observer.has("desk", "delivered", 2)
    assert problems == []


async def test_an_outcome_that_cannot_be_written_down_is_not_sent_again_meanwhile(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle, problems = Outbox.settle, 3 * [OperationalError("UPDATE", {}, Exception("database or disk is full"))]

    def failing_first(outbox: Outbox, **outcome: object) -> None:
        if problems:
            raise problems.pop()
        settle(outbox, **outcome)

    monkeypatch.setattr(Outbox, "settle", failing_first)
    monkeypatch.setattr("notify.lane.DISK_AGAIN_S", 0.0)
    desk = Scripted("desk")
    async with notifying(database, desk) as running:
        running.notifier.tell(raised(), CALL)
        await running.observer.has("desk", "delivered")
    assert (problems, len(desk.sent)) == ([], 1)


async def test_memory_is_bounded_and_what_is_lost_is_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MOST_UNWRITTEN", 2)
    async with notifying(database, Scripted("desk")) as running:
        for number in range(5):  # without giving way to the writer
            running.notifier.tell(raised(f"c{number}"), facts(f"c{number}"))
        await running.observer.has("desk", "delivered", 2)
        assert running.observer.outcomes["desk", "lost"] == 3


async def test_a_channel_without_words_keeps_none_of_the_others_from_being_told(database: Database) -> None:
    class Speechless(Scripted):
        def payload(self, told: Told) -> str:
            raise ZeroDivisionError

    async with notifying(database, Speechless("desk"), Scripted("wall")) as running:
        running.notifier.tell(raised(), CALL)  # and it does not raise
        await running.observer.has("wall", "delivered")


async def test_a_channel_that_breaks_is_tried_again(database: Database) -> None:
    class Broken(Scripted):
        async def send(self, message_id: str, payload: str, now_s: float) -> Answer:
            if not self.sent:
                self.sent.append((message_id, payload))
                raise ZeroDivisionError
            return await super().send(message_id, payload, now_s)

    async with notifying(database, Broken("desk")) as running:
        running.notifier.tell(raised(), CALL)
        await running.observer.has("desk", "retried")
        running.pass_time(8)
        await running.observer.has("desk", "delivered")


async def test_a_trial_is_sent_once_and_not_kept(database: Database) -> None:
    desk = Scripted("desk", [BUSY])
    async with notifying(database, desk) as running:
        assert await running.notifier.try_out("desk") == BUSY
        assert await running.notifier.try_out("desk") == DELIVERED
        assert await running.states() == []
    assert [payload for _, payload in desk.sent] == ["desk", "desk"]


def test_ids_grow_whatever_the_clock_does() -> None:
    ids, times = Ids(), [1000.0, 1000.0, 999.0, 1001.0, 1000.5, 1_790_000_000.123]
    made = [ids.next(now) for now in times]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
