"""One call of a load, with a scripted connection and clock."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from benchmarks.line import FINISHING, Exchange, Line
from benchmarks.messages import CLOSE, HEAD_END, PING, PONG, TEXT, from_server
from benchmarks.scripts import Script

ACCEPTED = b"HTTP/1.1 101 Switching Protocols" + HEAD_END
MESSAGES = [b"m%d" % at for at in range(10)]


@dataclass
class Wire(asyncio.Transport):
    """Keeps what is written."""

    written: list[bytes] = field(default_factory=list)
    closed: bool = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True


@dataclass
class Call:
    """A line on a scripted wire; `now_s` is what its clock says."""

    jitter_s: float = 0.0
    now_s: float = 100.0
    overs: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.exchange = Exchange(loop, "ws://there:1/v1/stream", self.jitter_s, random.Random(3), lambda: self.now_s)
        script = Script(MESSAGES, [(at + 1) / 10 for at in range(len(MESSAGES))])
        self.line = Line(self.exchange, script, self.overs.append)
        self.wire = Wire()
        self.line.connection_made(self.wire)

    def until(self, now_s: float) -> list[float]:
        """Let time pass in steps of the clockwork; when messages were written."""
        times = []
        while self.now_s < now_s:
            self.now_s += 0.005
            for due_s, lines in self.exchange.wheel.take(self.now_s):
                for line in lines:
                    line.write(due_s)
                    times.append(due_s)
        return times

    def tell(self, kind: str, seq: int, t: float = 0.0, **more: object) -> None:
        event = {"type": kind, "call_id": "c", "seq": seq, "t": t, "channel": 0, **more}
        self.line.data_received(from_server(TEXT, json.dumps(event).encode()))

    def hang_up(self, code: int) -> None:
        self.line.data_received(from_server(CLOSE, code.to_bytes(2, "big")))


async def test_messages_go_when_their_last_sample_would_have_been_spoken() -> None:
    call = Call()
    assert call.until(101.0) == []
    call.line.data_received(ACCEPTED)
    times = call.until(102.5)
    assert times == pytest.approx([101.0 + (at + 1) / 10 for at in range(10)], abs=0.011)
    assert call.wire.written[1:] == [*MESSAGES, FINISHING]


async def test_jitter_delays_messages_and_keeps_their_order() -> None:
    call = Call(jitter_s=0.3)
    call.line.data_received(ACCEPTED)
    times = call.until(102.0)
    delays_s = [at_s - 100.0 - (number + 1) / 10 for number, at_s in enumerate(times)]
    assert call.wire.written[1:] == [*MESSAGES, FINISHING]
    assert times == sorted(times)
    assert min(delays_s) >= 0.0
    assert max(delays_s) - min(delays_s) > 0.05


async def test_lag_runs_from_the_message_that_holds_the_event_s_position() -> None:
    call = Call()
    call.line.data_received(ACCEPTED)
    sent_s = call.until(100.65)
    call.now_s = 100.7
    call.tell("emotion", 1, 0.3, lag_ms=7.0)
    call.tell("emotion", 2, 0.301, lag_ms=None)
    call.tell("emotion", 3, 0.31, lag_ms=9.0)
    call.tell("emotion", 4, 0.9, lag_ms=1.0)
    record = call.exchange.record
    expected = [1000 * (100.7 - sent_s[place]) for place in (2, 2, 3)]
    assert list(record.lag_ms) == pytest.approx(expected, abs=6)
    assert list(record.told_lag_ms) == [7.0, 9.0, 1.0]


async def test_lateness_is_how_long_after_its_tick_a_message_was_written() -> None:
    call = Call()
    call.line.data_received(ACCEPTED)
    call.until(100.25)
    call.now_s = 100.35
    for due_s, lines in call.exchange.wheel.take(call.now_s):
        for line in lines:
            line.write(due_s)
    late_ms = list(call.exchange.record.late_ms)
    assert late_ms[:2] == pytest.approx([0.0, 0.0], abs=5.1)
    assert late_ms[2] == pytest.approx(50.0, abs=5.1)


async def test_a_call_that_ends_in_order_ends_well() -> None:
    call = Call()
    call.line.data_received(ACCEPTED)
    call.until(101.5)
    call.tell("call.ended", 1)
    call.hang_up(1000)
    assert call.overs == [True]
    assert (call.exchange.record.ended, call.exchange.record.errors, call.wire.closed) == (1, {}, True)


async def test_a_close_without_call_ended_is_an_error() -> None:
    call = Call()
    call.line.data_received(ACCEPTED)
    call.hang_up(1011)
    assert call.overs == [False]
    assert call.exchange.record.errors == {"closed with 1011": 1}


async def test_refusals_are_told_by_their_code() -> None:
    told, at_once = Call(), Call()
    told.line.data_received(ACCEPTED)
    told.tell("error", 0, code="server.warming_up")
    told.hang_up(1013)
    assert (told.exchange.record.refusals, told.exchange.record.errors) == ({"server.warming_up": 1}, {})
    at_once.line.data_received(b"HTTP/1.1 503 Service Unavailable" + HEAD_END)
    assert at_once.exchange.record.refusals == {"HTTP 503": 1}
    assert told.overs == at_once.overs == [False]


async def test_a_refusal_says_when_to_try_again_and_is_no_call() -> None:
    refused, admitted = Call(), Call()
    refused.line.data_received(ACCEPTED)
    refused.tell("error", 0, code="server.busy", retry_after_s=5)
    assert (refused.line.retry_s, refused.line.admitted) == (5, False)
    admitted.line.data_received(ACCEPTED)
    admitted.tell("call.started", 1)
    assert (admitted.line.retry_s, admitted.line.admitted) == (None, True)


async def test_a_call_may_be_told_once_that_hops_are_wider() -> None:
    call = Call()
    call.line.data_received(ACCEPTED)
    call.tell("warning", 1, code="hop.widened")
    assert +call.exchange.record.errors == {}
    call.tell("warning", 2, code="hop.widened")
    assert call.exchange.record.warnings == {"hop.widened": 2}
    assert call.exchange.record.errors == {"hop.widened told again in a call": 1}


async def test_a_connection_that_is_cut_is_one_error_and_ends_the_call_once() -> None:
    call = Call()
    call.line.data_received(ACCEPTED)
    call.line.connection_lost(None)
    call.line.connection_lost(ConnectionResetError())
    assert call.exchange.record.errors == {"the connection was cut": 1}
    assert call.overs == [False]
    assert call.until(101.0) != []
    assert call.wire.written[1:] == []


async def test_a_call_that_is_broken_off_finishes_and_is_no_error() -> None:
    call = Call()
    call.line.data_received(ACCEPTED)
    call.until(100.35)
    call.line.break_off()
    call.until(101.0)
    assert call.wire.written[1:] == [*MESSAGES[:3], FINISHING]
    call.tell("call.ended", 1)
    call.hang_up(1000)
    assert (call.overs, call.exchange.record.errors) == ([True], {})


async def test_pings_are_answered_and_warnings_counted() -> None:
    call = Call()
    call.line.data_received(ACCEPTED + from_server(PING, b"are you there"))
    answered = bytearray(call.wire.written[-1])
    assert answered[0] & 0x0F == PONG
    unmasked = bytes(byte ^ answered[2:6][at % 4] for at, byte in enumerate(answered[6:]))
    assert unmasked == b"are you there"
    call.tell("warning", 1, code="windows.skipped")
    assert call.exchange.record.warnings == {"windows.skipped": 1}


async def test_what_is_no_event_ends_the_call_with_an_error() -> None:
    call = Call()
    call.line.data_received(ACCEPTED + from_server(TEXT, b"hello"))
    assert sum(call.exchange.record.errors.values()) == 1
    assert call.overs == [False]


async def test_the_handshake_asks_for_the_stream() -> None:
    call = Call()
    assert call.wire.written[0].startswith(b"GET /v1/stream HTTP/1.1\r\nHost: there:1\r\n")
