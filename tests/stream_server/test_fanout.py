"""One encoding for all who want the same, and nobody's slowness is anyone else's."""

from __future__ import annotations

import asyncio
import json

import pytest

from monitor.events import Event, SpeakerChanged, Warning
from stream_server.live import fanout
from stream_server.live.fanout import Batch, Fanout, Filter, Onlooker, Published
from stream_server.live.outbox import Message

ALL = Filter()


def published(event: Event, roles: tuple[str, ...] = ("mixed",), **tags: str) -> Published:
    return Published(Message.of(event), roles, tags)


def lasting(seq: int, call_id: str = "c", channel: int | None = None) -> Event:
    return Warning(call_id=call_id, seq=seq, t=0.0, channel=channel, code="audio.gap", reason="")


def urgent(seq: int) -> Event:
    return SpeakerChanged(call_id="c", seq=seq, t=0.0, from_=None, to="S1", confidence=1.0)


class Reader:
    """An onlooker that keeps what it gets."""

    def __init__(self, house: Fanout, wanted: Filter = ALL, after: str | None = None) -> None:
        self.batches: list[Batch] = []
        self.reads = True
        self.onlooker: Onlooker = house.join(wanted, after)
        self.onlooker.direct = self._take

    def _take(self, batch: Batch) -> bool:
        if self.reads:
            self.batches.append(batch)
        return self.reads

    @property
    def seqs(self) -> list[int]:
        return [event["seq"] for batch in self.batches for event in json.loads(batch.frame[4:] or b"[]")]


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Fanout:
    monkeypatch.setattr(fanout, "GATHER_S", 0.02)
    return Fanout(100)


async def test_what_is_gathered_is_encoded_once_for_all_who_want_the_same(house: Fanout) -> None:
    readers = [Reader(house) for _ in range(3)] + [Reader(house, Filter(call_id="other"))]
    for seq in range(30):
        house.publish(published(lasting(seq)))
    assert not readers[0].batches
    await asyncio.sleep(0.05)
    assert [len(reader.batches) for reader in readers] == [1, 1, 1, 0]
    assert len({id(reader.batches[0].frame) for reader in readers[:3]}) == 1
    assert readers[0].seqs == list(range(30))


async def test_what_is_urgent_goes_at_once_with_all_before_it(house: Fanout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "GATHER_S", 60)
    reader = Reader(house)
    for seq in range(20):
        house.publish(published(lasting(seq)))
    house.publish(published(urgent(20)))
    house.publish(published(lasting(21)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [len(batch.messages) for batch in reader.batches] == [22]


async def test_a_slow_reader_keeps_its_order_and_holds_up_nobody(house: Fanout) -> None:
    slow, quick = Reader(house), Reader(house)
    slow.reads = False
    for seq in range(10):
        house.publish(published(lasting(seq)))
        await asyncio.sleep(0.03 if seq in (3, 6) else 0)
        slow.reads = seq >= 6
    await asyncio.sleep(0.05)
    assert [event.id for event in slow.onlooker.outbox.drain(100)] == [f"c:{seq}" for seq in range(10)]
    assert not slow.batches
    assert quick.batches


async def test_who_joins_hears_of_what_was_gathered_before_only_if_it_asks(house: Fanout) -> None:
    first = Reader(house)
    for seq in range(5):
        house.publish(published(lasting(seq)))
    late, returned = Reader(house), Reader(house, after="c:2")
    house.publish(published(lasting(5)))
    await asyncio.sleep(0.05)
    assert sum(len(batch.messages) for batch in first.batches) == 6
    assert [len(batch.messages) for batch in late.batches] == [1]
    assert [message.id for message in returned.onlooker.outbox.drain(9)] == ["c:3", "c:4", "c:5"]


async def test_a_filter_without_onlookers_costs_nothing(house: Fanout) -> None:
    reader = Reader(house)
    house.leave(ALL, reader.onlooker)
    house.publish(published(lasting(1)))
    assert (house.onlookers, house._audiences, reader.batches) == (0, {}, [])


async def test_closing_hands_out_what_was_gathered(house: Fanout) -> None:
    reader = Reader(house)
    house.publish(published(lasting(1)))
    house.close()
    assert len(reader.batches) == 1
    assert await reader.onlooker.outbox.first() is None


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Filter(), 4),
        (Filter(call_id="a"), 2),
        (Filter(types=frozenset({"speaker.changed"})), 1),
        (Filter(role="agent"), 2),
        (Filter(tag=("team", "north")), 1),
    ],
)
async def test_a_filter_admits_what_it_says(house: Fanout, wanted: Filter, count: int) -> None:
    reader = Reader(house, wanted)
    house.publish(published(lasting(1, "a", 0), ("customer", "agent")))
    house.publish(published(lasting(2, "a", 1), ("customer", "agent")))
    house.publish(published(lasting(3, "b"), ("customer", "agent"), team="north"))
    house.publish(published(urgent(4)))
    await asyncio.sleep(0.05)
    assert sum(len(batch.messages) for batch in reader.batches) == count
