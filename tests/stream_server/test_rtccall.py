"""What goes to a peer's data channel, and when it waits; what becomes of what a peer's process reports."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import cast

import numpy as np
import pytest

from monitor.events import CallEnded, CallSummary, Emotion, Error, Event, SpeechStarted, Warning, decode
from stream_server.live import livecall
from stream_server.live.intake import parse_whip_parameters
from stream_server.live.livecall import AHEAD_S
from stream_server.live.outbox import Message, Outbox, deliver
from stream_server.webrtc.call import MOST_UNTAKEN_BYTES, EventChannel, RtcCall
from stream_server.webrtc.process import RtcProcess
from stream_server.webrtc.wire import Audio, Connected, Heard, Lost, Opened, Over, Report, Say, Told
from stream_server.webrtc.wire import Message as Order
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


TENTH = Audio(1, np.zeros(1600, "<f4").tobytes())
END = Over(1, "finished")


@dataclass
class Served:
    """The events that a peer got, all that its process was told, and how much of its audio was heard."""

    events: list[Event]
    told: list[Order]
    heard_s: float


async def served(reports: Iterable[Report]) -> Served:
    """A call whose peer's process reports this; the last report ends the call."""
    process = Willing()
    parameters = parse_whip_parameters({"call_id": "r"})
    async with serving() as server:
        call = server.engine.open_call("r", parameters.roles, "webrtc")
        joined = RtcCall(1, cast(RtcProcess, process), call, parameters, server.engine, process.events)
        running = asyncio.create_task(joined.run())
        joined.receive(Connected(1))
        joined.receive(Opened(1))
        for report in reports:
            joined.receive(report)
        await running
        heard_s = server.engine.instruments.registry.get_sample_value("undertone_audio_seconds_total")
    assert heard_s is not None
    return Served([decode(order.event) for order in process.told if isinstance(order, Say)], process.told, heard_s)


class ScriptedClock:
    """Stands in for the module `time`: it is as late as it is told."""

    def __init__(self) -> None:
        self.now_s = time.monotonic()

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ScriptedClock:
    """The clock of live calls."""
    scripted = ScriptedClock()
    monkeypatch.setattr(livecall, "time", scripted)
    return scripted


def at_speed(clock: ScriptedClock, speed: float, reports: Iterable[Report]) -> Iterator[Report]:
    """Reports of a tenth of a second of audio each, from a peer that speaks so many times too fast."""
    for report in reports:
        clock.now_s += 0.1 / speed
        yield report


async def test_audio_that_is_too_fast_is_a_gap_and_moves_nothing() -> None:
    call = await served([*[TENTH] * 100, END])
    assert [warning.code for warning in of(call.events, Warning)] == ["audio.too_fast", "audio.gap"]
    assert of(call.events, CallEnded)[0].t == pytest.approx(10.0, abs=0.02)


@pytest.mark.parametrize("speed", [1.1, 1.2, 2.0])
async def test_a_peer_that_is_too_fast_loses_what_is_too_much_and_no_more(clock: ScriptedClock, speed: float) -> None:
    minute = [TENTH] * round(600 * speed)
    call = await served(at_speed(clock, speed, [*minute, END]))
    assert 60.0 <= call.heard_s <= 60.0 * 1.05 + AHEAD_S + 0.2
    assert of(call.events, CallEnded)[0].t == pytest.approx(60.0 * speed, abs=0.02)


async def test_after_a_burst_a_peer_in_real_time_is_heard_whole(clock: ScriptedClock) -> None:
    call = await served(chain([TENTH] * 60, at_speed(clock, 1.0, [*[TENTH] * 300, END])))
    assert call.heard_s >= 30.0 + AHEAD_S


async def test_what_was_lost_on_the_way_took_its_time(clock: ScriptedClock) -> None:
    """A peer of whose audio half is lost may not send what is not lost twice as fast."""
    call = await served(at_speed(clock, 2.0, [*[TENTH, Lost(1, 1600)] * 300, END]))
    assert call.heard_s <= (30.0 * 1.05 + AHEAD_S) / 2 + 0.2


async def test_a_control_message_is_acknowledged_once_it_is_acted_on() -> None:
    told = Told(1, '{"type":"configure","frames":true}')
    call = await served([told, END])
    assert Heard(1, told.weight_bytes) in call.told


async def test_a_flood_of_control_messages_ends_the_call_and_is_said() -> None:
    call = await served([Over(1, "message.flood")])
    assert [error.code for error in of(call.events, Error)] == ["message.flood"]
    assert of(call.events, CallEnded)[0].reason == "message.flood"
