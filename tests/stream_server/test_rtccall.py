"""What goes to a peer's data channel, and when it waits; what becomes of what a peer's process reports."""

from __future__ import annotations

import asyncio
from typing import cast

import numpy as np
import pytest

from monitor.events import CallEnded, CallSummary, Emotion, Error, Event, SpeechStarted, Warning, decode
from stream_server.intake import parse_whip_parameters
from stream_server.outbox import Message, Outbox, deliver
from stream_server.rtccall import MOST_UNTAKEN_BYTES, EventChannel, RtcCall
from stream_server.rtcprocess import RtcProcess
from stream_server.rtcwire import Audio, Connected, Heard, Opened, Over, Report, Say, Told
from stream_server.rtcwire import Message as Order
from tests.scripted import of
from tests.stream_server.serving import serving, until

EVENT = b"x" * 1000


class Recorded:
    """Stands in for a process: keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Order] = []

    def send(self, order: Order) -> None:
        self.told.append(order)

    def leave(self, call: int) -> None:
        """The call is over."""


def channel(offered: bool = True, most_bytes: int = 65_536) -> tuple[EventChannel, Recorded]:
    process = Recorded()
    return EventChannel(1, cast(RtcProcess, process), offered, most_bytes), process


async def test_events_wait_until_the_channel_opens() -> None:
    events, process = channel()
    assert not events.send(EVENT)
    waiting = asyncio.create_task(events.may_send(0.01))
    events.opened()
    assert await waiting
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
    events.opened()
    while events.send(EVENT):
        pass
    outbox = Outbox(4)
    outbox.put(Message.of(SpeechStarted(call_id="c", seq=1, t=0.0, channel=0)))
    assert await deliver(outbox, events, 0.05) == "client.too_slow"


async def test_a_peer_may_take_longer_to_connect_than_to_read() -> None:
    events, process = channel()
    outbox = Outbox(4)
    outbox.put(Message.of(SpeechStarted(call_id="c", seq=1, t=0.0, channel=0)))
    delivering = asyncio.create_task(deliver(outbox, events, 0.05))
    await asyncio.wait([delivering], timeout=0.2)
    assert not delivering.done()
    events.opened()
    outbox.close()
    assert await delivering == "finished"
    assert len(process.told) == 1


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


class Willing(Recorded):
    """As Recorded; its peer takes every event at once."""

    def __init__(self) -> None:
        super().__init__()
        self.events = EventChannel(1, cast(RtcProcess, self), True, 65_536)
        self._taken = 0

    def send(self, order: Order) -> None:
        super().send(order)
        if isinstance(order, Say):
            self._taken += len(order.event)
            self.events.taken(self._taken)


async def reported(*reports: Report) -> tuple[list[Event], list[Order]]:
    """The events that a peer gets, and all that its process is told, if that reports this; the last ends the call."""
    process = Willing()
    parameters = parse_whip_parameters({"call_id": "r"})
    async with serving() as served:
        call = served.engine.open_call("r", parameters.roles, "webrtc")
        joined = RtcCall(1, cast(RtcProcess, process), call, parameters, served.engine, process.events)
        running = asyncio.create_task(joined.run())
        for report in (Connected(1), Opened(1), *reports):
            joined.receive(report)
        await running
    return [decode(order.event) for order in process.told if isinstance(order, Say)], process.told


async def test_audio_that_is_too_fast_is_a_gap_and_moves_nothing() -> None:
    tenth = Audio(1, np.zeros(1600, "<f4").tobytes())
    events, _ = await reported(*[tenth] * 100, Over(1, "finished"))
    assert [warning.code for warning in of(events, Warning)] == ["audio.too_fast", "audio.gap"]
    assert of(events, CallEnded)[0].t == pytest.approx(10.0, abs=0.02)


async def test_a_control_message_is_acknowledged_once_it_is_acted_on() -> None:
    told = Told(1, '{"type":"configure","frames":true}')
    _, orders = await reported(told, Over(1, "finished"))
    assert Heard(1, told.weight_bytes) in orders


async def test_a_flood_of_control_messages_ends_the_call_and_is_said() -> None:
    events, _ = await reported(Over(1, "message.flood"))
    assert [error.code for error in of(events, Error)] == ["message.flood"]
    assert of(events, CallEnded)[0].reason == "message.flood"
