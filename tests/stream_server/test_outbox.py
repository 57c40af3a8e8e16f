"""Bounded, and what must not be lost is not: the outbox of one reader."""

from __future__ import annotations

import asyncio
from dataclasses import fields

from monitor.events import Event, SpeakerChanged, SpeechStarted
from stream_server.live.outbox import Message, Outbox


def droppable(seq: int) -> Message:
    return message(SpeechStarted(call_id="c", seq=seq, t=0.0, channel=0))


def lasting(seq: int) -> Message:
    return message(SpeakerChanged(call_id="c", seq=seq, t=0.0, from_=None, to="S1", confidence=1.0))


def message(event: Event) -> Message:
    return Message.of(event)


async def seqs(outbox: Outbox) -> list[int]:
    if await outbox.first() is None:
        return []
    return [int(message.id.split(":")[1]) for message in outbox.drain(1000)]


async def test_what_waits_comes_in_order() -> None:
    outbox = Outbox(4)
    for seq in (1, 2, 3):
        outbox.put(droppable(seq))
    assert await seqs(outbox) == [1, 2, 3]


async def test_when_full_the_oldest_droppable_message_goes() -> None:
    outbox = Outbox(3)
    for waiting in (lasting(1), droppable(2), droppable(3), lasting(4)):
        outbox.put(waiting)
    assert await seqs(outbox) == [1, 3, 4]
    assert (outbox.dropped, outbox.overrun) == (1, False)


async def test_the_oldest_droppable_message_goes_also_after_some_were_taken() -> None:
    outbox = Outbox(3)
    for waiting in (lasting(1), lasting(2), droppable(3), droppable(4)):
        outbox.put(waiting)
    assert await seqs(outbox) == [1, 2, 4]
    for waiting in (droppable(5), lasting(6), lasting(7), lasting(8)):
        outbox.put(waiting)
    assert await seqs(outbox) == [6, 7, 8]


async def test_what_must_stay_is_not_looked_at_again_for_every_message_lost_behind_it() -> None:
    looks: list[int] = []

    class Watched(Message):
        def __getattribute__(self, name: str) -> object:
            if name == "droppable":
                looks.append(1)
            return super().__getattribute__(name)

    def watched(plain: Message) -> Message:
        return Watched(*(getattr(plain, field.name) for field in fields(plain)))

    outbox = Outbox(101)
    for seq in range(100):
        outbox.put(watched(lasting(seq)))
    for seq in range(100, 1100):
        outbox.put(watched(droppable(seq)))
    assert outbox.dropped == 999
    assert len(looks) == 100 + 999


async def test_when_nothing_is_droppable_the_reader_is_overrun() -> None:
    outbox = Outbox(2)
    for seq in (1, 2, 3):
        outbox.put(lasting(seq))
    assert outbox.overrun
    assert await outbox.first() is None


async def test_a_closed_outbox_gives_what_waits_and_then_nothing() -> None:
    outbox = Outbox(2)
    outbox.put(lasting(1))
    outbox.close()
    outbox.put(lasting(2))
    assert await seqs(outbox) == [1]
    assert await outbox.first() is None


async def test_a_reader_that_waits_is_woken() -> None:
    outbox = Outbox(2)
    reading = asyncio.create_task(seqs(outbox))
    await asyncio.sleep(0)
    outbox.put(lasting(1))
    assert await asyncio.wait_for(reading, 1) == [1]


async def test_while_nothing_waits_messages_go_straight_to_the_reader_and_then_keep_their_order() -> None:
    got: list[int] = []
    reads = [True]

    def direct(message: Message) -> bool:
        if reads:
            got.append(int(message.id.split(":")[1]))
        return bool(reads)

    outbox = Outbox(10)
    outbox.direct = direct
    outbox.put(droppable(1))
    reads.clear()
    outbox.put(droppable(2))
    reads.append(True)
    outbox.put(lasting(3))
    assert got == [1]
    assert await seqs(outbox) == [2, 3]
    outbox.put(lasting(4))
    assert got == [1, 4]


async def test_a_message_is_in_its_place_until_it_is_delivered() -> None:
    outbox = Outbox(3)
    outbox.put(lasting(1))
    first = await outbox.first()
    assert first is await outbox.first()
    outbox.put(lasting(2))
    outbox.delivered(first)
    assert await seqs(outbox) == [2]


async def test_a_message_that_was_lost_while_it_was_on_its_way_takes_none_with_it() -> None:
    outbox = Outbox(2)
    outbox.put(droppable(1))
    first = await outbox.first()
    outbox.put(lasting(2))
    outbox.put(lasting(3))
    outbox.delivered(first)
    assert await seqs(outbox) == [2, 3]


async def test_a_reader_takes_no_more_at_once_than_it_asks_for() -> None:
    outbox = Outbox(10)
    for seq in range(5):
        outbox.put(lasting(seq))
    assert [len(outbox.drain(2)) for _ in range(4)] == [2, 2, 1, 0]
