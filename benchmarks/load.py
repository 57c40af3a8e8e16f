"""Many calls at once from one event loop: ready-made messages, one clockwork, and as little work per message as can be.

The generator shares its machine with the server it loads, so what it does per message counts.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from benchmarks.line import END_S, OPEN_S, Exchange, Line, Record
from benchmarks.scripts import Script

AGAIN_S = 1.0
"""Wait before a seat whose call was lost, or refused without a word on when to try again, calls again."""
RETRY_SPREAD = 0.5
"""A refused seat waits for as long as it was told, and up to this share longer: those refused together come apart."""


class Load:
    """Keeps a number of calls going at a server. To be made and used in one running event loop.

    `url` and `jitter_s`: see `Exchange`. Scripts are given out in turn.
    """

    def __init__(self, url: str, scripts: Sequence[Script], jitter_s: float, seed: int = 1) -> None:
        self._loop = asyncio.get_running_loop()
        self._dice = random.Random(seed)
        self._exchange = Exchange(self._loop, url, jitter_s, self._dice)
        self._scripts = scripts
        self._where = urlsplit(url)
        self._context = ssl.create_default_context() if self._where.scheme == "wss" else None
        self._seats: list[Seat] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._timer: asyncio.Handle = self._loop.call_soon(self._tick)

    @property
    def talking(self) -> int:
        """Calls that are being spoken now."""
        return sum(seat.line is not None and seat.line.talking for seat in self._seats)

    @property
    def size(self) -> int:
        """Calls that are to be there."""
        return len(self._seats)

    @property
    def admitted(self) -> int:
        """Calls that the server has let in and that are not over."""
        return sum(seat.line is not None and seat.line.admitted for seat in self._seats)

    @property
    def record(self) -> Record:
        """What happened since the last `take_record`; it goes on being written."""
        return self._exchange.record

    def take_record(self) -> Record:
        """What happened since the last time; from now on a fresh one is kept."""
        record, self._exchange.record = self._exchange.record, Record()
        return record

    def resize(self, calls: int, ramp_s: float) -> None:
        """Let there be `calls`: new ones begin at random within `ramp_s`; surplus ones finish at once."""
        for number in range(len(self._seats), calls):
            seat = Seat(self._call, number, self._dice)
            self._seats.append(seat)
            self._loop.call_later(self._dice.uniform(0.0, ramp_s), seat.sit)
        for seat in self._seats[calls:]:
            seat.leave()
        del self._seats[calls:]

    async def close(self, patience_s: float = END_S) -> None:
        """Finish every call and wait for their ends, `patience_s` at most; then hang up."""
        seats = list(self._seats)
        self.resize(0, 0.0)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                for seat in seats:
                    await seat.empty.wait()
        for seat in seats:
            if seat.line is not None:
                seat.line.drop()
        for task in self._opening:
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        self._timer.cancel()

    def _call(self, number: int, over: Callable[[bool], None]) -> Line:
        line = Line(self._exchange, self._scripts[number % len(self._scripts)], over)
        task = self._loop.create_task(self._open(line))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return line

    async def _open(self, line: Line) -> None:
        port = self._where.port or (80 if self._context is None else 443)
        try:
            async with asyncio.timeout(OPEN_S):
                await self._loop.create_connection(lambda: line, str(self._where.hostname), port, ssl=self._context)
        except (OSError, TimeoutError) as error:
            line.lost(f"connecting: {type(error).__name__}")

    def _tick(self) -> None:
        wheel, clock = self._exchange.wheel, self._exchange.clock
        for due_s, lines in wheel.take(clock()):
            for line in lines:
                line.write(due_s)
        self._timer = self._loop.call_later(max(0.0, wheel.next_s - clock()), self._tick)


class Seat:
    """One of the calls that are to be there: when one ends, the next begins at once, with another script.

    `empty` is set between calls.
    """

    def __init__(self, call: Callable[[int, Callable[[bool], None]], Line], number: int, dice: random.Random) -> None:
        """`call` opens a call with the script of a number; it is told whom to tell that the call is over."""
        self.line: Line | None = None
        self.empty = asyncio.Event()
        self.empty.set()
        self._call = call
        self._next = number
        self._dice = dice
        self._left = False

    def sit(self) -> None:
        if not self._left:
            self.empty.clear()
            self.line = self._call(self._next, self._over)
            self._next += 1

    def leave(self) -> None:
        self._left = True
        if self.line is not None:
            self.line.break_off()

    def _over(self, well: bool) -> None:
        told_s = None if self.line is None else self.line.retry_s
        self.line = None
        self.empty.set()
        if well:
            self.sit()
            return
        wait_s = AGAIN_S if told_s is None else told_s * self._dice.uniform(1.0, 1.0 + RETRY_SPREAD)
        asyncio.get_running_loop().call_later(wait_s, self.sit)
