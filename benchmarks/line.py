"""One call of a load: ready-made messages out when the clockwork says so, events in, both with little work."""

from __future__ import annotations

import asyncio
import random
import time
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import msgspec

from benchmarks.caller import FINISH
from benchmarks.likeness import Comparison, Findings, Told, read
from benchmarks.messages import CLOSE, PING, PONG, TEXT, Inbox, MessageError, close_code, from_client, request
from benchmarks.scripts import Script
from benchmarks.wheel import Wheel

FINISHING = from_client(TEXT, FINISH.encode())
CLOSING = from_client(CLOSE, (1000).to_bytes(2, "big"))
WIDENED = "hop.widened"
POSITION_ROUNDING_S = 1e-3
OPEN_S = 30.0
"""Longest wait for the handshake's answer."""
END_S = 60.0
"""Longest wait for call.ended."""
JITTERS = 4099


@dataclass(slots=True)
class Record:
    """What happened in a span of time, over all calls. Lags and lateness in ms: `lag_ms` as the client sees them (from
    writing the message that holds an emotion event's position to having the event), `told_lag_ms` as the events say,
    `late_ms` how much later than meant messages were written."""

    lag_ms: array[float] = field(default_factory=lambda: array("d"))
    told_lag_ms: array[float] = field(default_factory=lambda: array("d"))
    late_ms: array[float] = field(default_factory=lambda: array("d"))
    events: int = 0
    ended: int = 0
    warnings: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    findings: Findings = field(default_factory=Findings)


class Exchange:
    """What all calls of a load share. `record` may be changed for a fresh one at any time.

    `url`: where streams go, with their query (ws:// or wss://). `jitter_s`: each message is written between 0 and that
    much later than it was spoken, never before the one ahead of it. `clock`: seconds, never running backwards.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        url: str,
        jitter_s: float,
        dice: random.Random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.loop = loop
        self.request = request(url)
        self.record = Record()
        self.wheel: Wheel[Line] = Wheel(clock())
        self.clock = clock
        self.dice = dice
        self.jitters_s = [dice.uniform(0.0, jitter_s) for _ in range(JITTERS)]


class Line(asyncio.Protocol):
    """The protocol of one call's connection. `over` is told once, when the call is, whether it ended as it should.

    `talking`: the stream is open and the script not at its end. `admitted`: the server has said that the call started.
    `retry_s`: after how many seconds a refused call may be tried again, as the server says. What the server does not
    read waits in memory.
    """

    __slots__ = (
        "_began_s", "_comparison", "_ended", "_exchange", "_inbox", "_jitter", "_on_over", "_over", "_place",
        "_refused", "_script", "_sent_s", "_transport", "_watch", "_widened", "admitted", "retry_s", "talking",
    )  # fmt: skip

    def __init__(self, exchange: Exchange, script: Script, over: Callable[[bool], None]) -> None:
        self.talking = self.admitted = False
        self.retry_s: float | None = None
        self._exchange = exchange
        self._script = script
        self._on_over = over
        self._comparison: Comparison | None = Comparison(script.reference)
        self._inbox = Inbox()
        self._sent_s = array("d")
        self._jitter = exchange.dice.randrange(JITTERS)
        self._place = 0
        self._began_s = 0.0
        self._refused = self._ended = self._over = self._widened = False
        self._transport: asyncio.Transport | None = None
        self._watch = exchange.loop.call_later(OPEN_S, self.lost, "no answer to the handshake")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._over:
            self._transport.abort()
        else:
            self._transport.write(self._exchange.request)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        now_s = self._exchange.clock()
        try:
            messages = self._inbox.feed(data)
            if not self._began_s and self._inbox.status:
                self._answered(now_s)
            for opcode, payload in messages:
                if opcode == TEXT:
                    self._hear(read(payload), now_s)
                elif opcode == PING and self._transport is not None:
                    self._transport.write(from_client(PONG, payload))
                elif opcode == CLOSE:
                    self._closed(close_code(payload))
        except (MessageError, msgspec.MsgspecError, KeyError) as error:
            self.lost(f"{type(error).__name__}: {error}"[:60])

    def connection_lost(self, error: Exception | None) -> None:
        self.lost("the connection was cut" if error is None else type(error).__name__)

    def write(self, due_s: float) -> None:
        """Write the next message, meant for `due_s`, and wait for the one after it; after the last one, finish."""
        if not self.talking or self._transport is None:
            return
        exchange, place = self._exchange, self._place
        now_s = exchange.clock()
        self._sent_s.append(now_s)
        self._transport.write(self._script.messages[place])
        exchange.record.late_ms.append(1000 * (now_s - due_s))
        self._place = place = place + 1
        if place == len(self._script.messages):
            self._finish()
            return
        self._jitter = (self._jitter + 1) % JITTERS
        next_s = self._began_s + self._script.ends_s[place] + exchange.jitters_s[self._jitter]
        exchange.wheel.put(self, max(next_s, due_s))

    def break_off(self) -> None:
        """Finish before the script does; what is still to come is not compared."""
        if self.talking:
            self._comparison = None
            self._finish()
        elif not self._began_s:
            self.drop()

    def drop(self) -> None:
        """Hang up without a word; that is no error."""
        self._part(well=False)

    def lost(self, reason: str) -> None:
        """The call is over for a reason that counts as an error."""
        if not self._over:
            self._exchange.record.errors[reason] += 1
            self._part(well=False)

    def _answered(self, now_s: float) -> None:
        if self._inbox.status != 101:
            self._exchange.record.refusals[f"HTTP {self._inbox.status}"] += 1
            self._part(well=False)
            return
        self._watch.cancel()
        self.talking = True
        self._began_s = now_s
        first_s = now_s + self._script.ends_s[0] + self._exchange.jitters_s[self._jitter]
        self._exchange.wheel.put(self, first_s)

    def _hear(self, event: Told, now_s: float) -> None:
        record = self._exchange.record
        record.events += 1
        match event["type"]:
            case "emotion":
                holder = bisect_left(self._script.ends_s, event["t"] - POSITION_ROUNDING_S)
                if holder < len(self._sent_s):
                    record.lag_ms.append(1000 * (now_s - self._sent_s[holder]))
                if event["lag_ms"] is not None:
                    record.told_lag_ms.append(event["lag_ms"])
            case "call.started":
                self.admitted = True
            case "warning":
                record.warnings[event["code"]] += 1
                if event["code"] == WIDENED:
                    if self._widened:
                        record.errors[f"{WIDENED} told again in a call"] += 1
                    self._widened = True
            case "error" if event["seq"]:
                record.errors[event["code"]] += 1
            case "error":
                self._refused = True
                self.retry_s = event.get("retry_after_s")
                record.refusals[event["code"]] += 1
            case "call.ended":
                self._ended = True
                record.ended += 1
        if self._comparison is not None and event["seq"]:
            self._comparison.hear(event, record.findings)

    def _finish(self) -> None:
        assert self._transport is not None
        self.talking = False
        self._transport.write(FINISHING)
        self._watch = self._exchange.loop.call_later(END_S, self.lost, f"no call.ended within {END_S:g} s")

    def _closed(self, code: int) -> None:
        assert self._transport is not None
        self._transport.write(CLOSING)
        record = self._exchange.record
        if not self._ended and not self._refused:
            record.errors[f"closed with {code}"] += 1
        elif self._ended and self._comparison is not None:
            self._comparison.end(record.findings)
        self._part(well=self._ended and code == 1000)

    def _part(self, well: bool) -> None:
        if self._over:
            return
        self._over = True
        self.talking = False
        self._watch.cancel()
        if self._transport is not None:
            self._transport.close()
        self._on_over(well)
