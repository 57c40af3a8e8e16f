"""What goes to a peer's data channel, and when it waits."""

from __future__ import annotations

import asyncio
from typing import cast

from monitor.events import CallEnded, CallSummary, Emotion, SpeechStarted
from stream_server.outbox import Message, Outbox, deliver
from stream_server.rtccall import MOST_UNTAKEN_BYTES, EventChannel
from stream_server.rtcprocess import RtcProcess
from stream_server.rtcwire import Message as Order
from stream_server.rtcwire import Say
from tests.stream_server.serving import until

EVENT = b"x" * 1000


class Recorded:
    """Stands in for a process: keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Order] = []

    def send(self, order: Order) -> None:
        self.told.append(order)


def channel(offered: bool = True, most_bytes: int = 65_536) -> tuple[EventChannel, Recorded]:
    process = Recorded()
    return EventChannel(1, cast(RtcProcess, process), offered, most_bytes), process


async def test_events_wait_until_the_channel_opens() -> None:
    events, process = channel()
    assert not events.send(EVENT)
    assert not await events.may_send(0.01)
    events.opened()
    assert await events.may_send(0.01)
    assert events.send(EVENT)
    assert process.told == [Say(1, EVENT)]


async def test_without_a_channel_and_once_it_is_closed_events_are_let_go() -> None:
    absent, process = channel(offered=False)
    assert absent.send(EVENT)
    shut, _ = channel()
    shut.opened()
    shut.shut()
    assert shut.send(EVENT)
    assert process.told == []


async def test_a_channel_that_does_not_open_is_given_up_and_may_open_later() -> None:
    events, process = channel()
    events.give_up()
    assert events.send(EVENT)
    events.opened()
    assert events.send(EVENT)
    assert process.told == [Say(1, EVENT)]


async def test_a_peer_that_takes_nothing_is_waited_for() -> None:
    events, process = channel()
    events.opened()
    sent = 0
    while events.send(EVENT):
        sent += 1
    assert MOST_UNTAKEN_BYTES <= sent * len(EVENT) <= MOST_UNTAKEN_BYTES + len(EVENT)
    events.taken(sent * len(EVENT))
    assert events.send(EVENT)
    assert len(process.told) == sent + 1


async def test_an_event_that_is_larger_than_the_peer_takes_is_left_out() -> None:
    events, process = channel(most_bytes=999)
    events.opened()
    assert events.send(EVENT)
    assert process.told == []


async def test_the_last_event_is_waited_for_until_it_is_taken() -> None:
    events, _ = channel()
    events.opened()
    events.send(EVENT)
    settling = asyncio.create_task(events.settle())
    await asyncio.sleep(0)
    assert not settling.done()
    events.taken(len(EVENT))
    await settling


def emotion(seq: int) -> Message:
    scores = dict.fromkeys(("angry", "neutral"), 0.5)
    return Message.of(
        Emotion(
            call_id="c",
            seq=seq,
            t=float(seq),
            channel=0,
            scores=scores,
            label="angry",
            confidence=0.5,
            arousal=0.5,
            shape="single",
            reliability="high",
            speech_s=1.0,
            snr_db=None,
            speaker=None,
        )
    )


async def test_a_slow_peer_loses_scores_first_and_is_cut_when_only_the_rest_is_left() -> None:
    events, process = channel()
    outbox = Outbox(4)
    delivering = asyncio.create_task(deliver(outbox, events, 30.0))
    await asyncio.sleep(0)
    for seq in range(6):
        outbox.put(emotion(seq))
    assert outbox.dropped == 2
    events.opened()
    await until(lambda: len(process.told) == 4)
    outbox.close()
    assert await delivering == "finished"


async def test_a_peer_that_does_not_read_within_the_time_is_too_slow() -> None:
    events, _ = channel()
    outbox = Outbox(4)
    outbox.put(Message.of(SpeechStarted(call_id="c", seq=1, t=0.0, channel=0)))
    assert await deliver(outbox, events, 0.05) == "client.too_slow"


async def test_the_end_of_a_call_is_the_last_that_is_sent() -> None:
    events, process = channel()
    outbox = Outbox(4)
    events.opened()
    delivering = asyncio.create_task(deliver(outbox, events, 1.0))
    await asyncio.sleep(0)
    summary = CallSummary(0.0, 0.0, None, None, [], 0, {}, [])
    outbox.put(Message.of(CallEnded(call_id="c", seq=1, t=0.0, channel=None, reason="finished", summary=summary)))
    outbox.close()
    assert await delivering == "finished"
    assert b"call.ended" in cast(Say, process.told[-1]).event
