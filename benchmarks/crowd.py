"""Callers as they come: polite ones, and those that hang up, do not listen, or talk nonsense."""

from __future__ import annotations

import asyncio
import random
import socket
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

from benchmarks.caller import FINISH, Wire, play
from monitor.events import CallEnded, Error, Warning, decode

CHUNK_S = 0.1
ANSWER_S = 60.0
KEPT_FAULTS = 20
SMALL_BUFFER_BYTES = 4096
TELLING = ('{"type":"warning"', '{"type":"error"', '{"type":"call.ended"')
"""How the events begin that are worth decoding here; the others are only counted."""
NONSENSE = ("not json", "{", "[]", '{"type":"finish","now":true}', '{"type":"configure","tags":7}', "\x00" * 300)


class Manner(StrEnum):
    """How a caller behaves. DEAF reads no event before it has sent everything; ABRUPT hangs up in the middle of the
    call without a word; GARBAGE sends text that is no control message; REFUSED asks for what there is not."""

    POLITE = "polite"
    ABRUPT = "abrupt"
    DEAF = "deaf"
    GARBAGE = "garbage"
    REFUSED = "refused"


SHARES = {Manner.POLITE: 55, Manner.ABRUPT: 17, Manner.DEAF: 12, Manner.GARBAGE: 13, Manner.REFUSED: 3}
SECONDS = (5.0, 30.0)
SPEEDS = (1.0, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """One call: which cut of the recording, how fast, and in which manner."""

    start_s: float
    seconds: float
    speed: float
    manner: Manner


def plan(dice: random.Random, recording_s: float) -> Plan:
    """A cut of 5 to 30 s that lies within the recording, or all of one that is shorter than that."""
    seconds = min(dice.uniform(*SECONDS), recording_s)
    start_s = dice.uniform(0.0, recording_s - seconds)
    manner = dice.choices(list(SHARES), weights=list(SHARES.values()))[0]
    return Plan(start_s, seconds, dice.choice(SPEEDS), manner)


@dataclass
class Tally:
    """What became of it all. `faults` counts what should not have been; the first few are kept in words."""

    calls: Counter[str] = field(default_factory=Counter)
    onlookers: int = 0
    events: int = 0
    warnings: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    fault_reasons: list[str] = field(default_factory=list)

    def fault(self, reason: str) -> None:
        self.faults += 1
        if len(self.fault_reasons) < KEPT_FAULTS:
            self.fault_reasons.append(reason)


@dataclass(frozen=True, slots=True)
class Place:
    """The server, and what is played to it: the bytes of a recording as `wire` carries them."""

    url: str
    wire: Wire
    data: bytes

    @property
    def recording_s(self) -> float:
        return len(self.data) / self.wire.second_bytes

    def cut(self, planned: Plan) -> bytes:
        sample_bytes = self.wire.second_bytes // self.wire.rate_hz
        start, end = (
            round(at * self.wire.rate_hz) * sample_bytes for at in (planned.start_s, planned.start_s + planned.seconds)
        )
        return self.data[start:end]


async def keep_calling(place: Place, dice: random.Random, tally: Tally, stop: asyncio.Event) -> None:
    """One call after the other until `stop`; faults are tallied, not raised."""
    while not stop.is_set():
        planned = plan(dice, place.recording_s)
        try:
            await _call(place, planned, dice, tally)
        except (OSError, TimeoutError, ConnectionClosed, msgspec.MsgspecError) as error:
            tally.fault(f"{planned.manner} call: {type(error).__name__}: {error}")
            await asyncio.sleep(0.5)
        tally.calls[planned.manner] += 1


async def _call(place: Place, planned: Plan, dice: random.Random, tally: Tally) -> None:
    if planned.manner is Manner.REFUSED:
        await _ask_for_what_there_is_not(place, tally)
        return
    async with connect(
        place.wire.url(place.url),
        sock=await _line(place.url, planned.manner),
        max_size=None,
        max_queue=4,
        compression=None,
        open_timeout=ANSWER_S,
    ) as connection:
        data = place.cut(planned)
        if planned.manner is Manner.DEAF:
            await _play(connection, data, place.wire, planned)
            await connection.send(FINISH)
            await _listen(connection, planned.manner, tally)
            return
        listening = asyncio.create_task(_listen(connection, planned.manner, tally))
        try:
            if planned.manner is Manner.ABRUPT:
                await _play(connection, data[: round(len(data) * dice.random())], place.wire, planned)
                connection.transport.abort()
                return
            if planned.manner is Manner.GARBAGE:
                half = len(data) // 4 * 2
                await _play(connection, data[:half], place.wire, planned)
                for text in dice.sample(NONSENSE, 3):
                    await connection.send(text)
                data = data[half:]
            await _play(connection, data, place.wire, planned)
            await connection.send(FINISH)
            await asyncio.wait_for(listening, ANSWER_S)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def _line(url: str, manner: Manner) -> socket.socket:
    """A connection to the server; a deaf caller's holds next to nothing that it has not read."""
    where = urlsplit(url)
    line = socket.socket()
    line.setblocking(False)
    if manner is Manner.DEAF:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
    try:
        await asyncio.get_running_loop().sock_connect(line, (str(where.hostname), where.port))
    except BaseException:
        line.close()
        raise
    return line


async def _play(connection: ClientConnection, data: bytes, wire: Wire, planned: Plan) -> None:
    await play(connection, data, wire, chunk_s=CHUNK_S, speed=planned.speed)


async def _listen(connection: ClientConnection, manner: Manner, tally: Tally) -> None:
    """Hear a call out, and tally whatever does not belong to one of this manner."""
    ended = False
    try:
        async for message in connection:
            tally.events += 1
            if isinstance(message, str) and not message.startswith(TELLING):
                continue
            match decode(message):
                case Warning(code=code):
                    tally.warnings[code] += 1
                case Error(code=code, reason=reason):
                    if manner is not Manner.GARBAGE or code != "message.not_control":
                        tally.fault(f"{manner} call: error {code}: {reason}")
                case CallEnded():
                    ended = True
    except ConnectionClosedError:
        if manner is Manner.ABRUPT:
            return
        raise
    if manner is not Manner.ABRUPT and (not ended or connection.close_code != 1000):
        said = "" if ended else "without call.ended, "
        tally.fault(f"{manner} call: closed {said}code {connection.close_code}")


async def _ask_for_what_there_is_not(place: Place, tally: Tally) -> None:
    async with connect(place.wire.url(place.url, channels="3"), open_timeout=ANSWER_S) as connection:
        try:
            messages = [decode(message) async for message in connection]
        except ConnectionClosedError:
            pass
        else:
            tally.fault(f"refused call: closed with {connection.close_code} after {len(messages)} messages")
        if connection.close_code != 4400:
            tally.fault(f"refused call: closed with {connection.close_code}, expected 4400")
