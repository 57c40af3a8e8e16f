"""Processes for WebRTC that do not start, hang or only take their time, and who then has the next call."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from stream_server.faults import Refusal
from stream_server.webrtc import process as rtcprocess
from stream_server.webrtc.process import RtcProcess, Running, Switchboard
from stream_server.webrtc.wire import Ask, Line, Order, Over, Ready, Report, Strained, Surroundings, connect, orders
from tests.stream_server.serving import until

SURROUNDINGS = Surroundings((), True, (), 5.0)


class Worker:
    """Speaks as a process does, in this event loop; one that `hangs` says nothing once it is ready."""

    def __init__(self, hangs: bool = False) -> None:
        self.stopped = False
        self._hangs = hangs
        self._line: Line[Order] = Line(orders, self._obey, lambda: None)

    async def serve(self, far: socket.socket) -> None:
        await connect(far, self._line)
        self._line.send(Ready(0))

    def tell(self, late_s: float, times: int = 1) -> None:
        """Say that it is late."""
        for _ in range(times):
            self._line.send(Strained(0, late_s))

    def stop(self) -> str:
        self.stopped = True
        self._line.close()
        return "stopped"

    def _obey(self, order: Order) -> None:
        if isinstance(order, Ask) and not self._hangs:
            self._line.send(Ready(0))


class Script:
    """What comes of each start, in this order."""

    def __init__(self, *outcomes: Worker | OSError) -> None:
        self._outcomes = list(outcomes)

    async def start(self, far: socket.socket, _: Surroundings) -> Running:
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, OSError):
            raise outcome
        await outcome.serve(far.dup())
        return outcome


def broken() -> OSError:
    return OSError("no more processes")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtcprocess, "CHECK_S", 0.1)


@pytest.fixture
async def opened() -> AsyncIterator[list[Switchboard | RtcProcess]]:
    """What is to be closed at the end."""
    things: list[Switchboard | RtcProcess] = []
    yield things
    for thing in things:
        thing.close()
    await asyncio.sleep(0)  # their sockets are closed in the next turn of the loop


async def test_while_one_does_not_start_another_has_its_calls(opened: list[Switchboard | RtcProcess]) -> None:
    board = Switchboard(SURROUNDINGS, 2, Script(broken(), Worker()).start)
    opened.append(board)
    chosen = await board.process()
    chosen.join(1, lambda report: None)
    assert await board.process() is chosen


async def test_a_call_goes_to_the_one_that_has_fewest(opened: list[Switchboard | RtcProcess]) -> None:
    board = Switchboard(SURROUNDINGS, 2, Script(Worker(), Worker()).start)
    opened.append(board)
    first = await board.process()
    first.join(1, lambda report: None)
    assert await board.process() is not first


async def test_if_none_starts_it_is_said_when_to_come_again() -> None:
    board = Switchboard(SURROUNDINGS, 2, Script(broken(), broken()).start)
    with pytest.raises(Refusal) as refused:
        await board.process()
    assert refused.value.fault.code == "webrtc.unavailable"
    assert refused.value.retry_after_s == rtcprocess.RETRY_S


async def test_a_start_that_fails_leaves_no_socket_open() -> None:
    ends: list[socket.socket] = []

    async def start(far: socket.socket, _: Surroundings) -> Running:
        ends.append(far.dup())
        raise broken()

    with pytest.raises(Refusal) as refused:
        await RtcProcess(SURROUNDINGS, start).start()
    with ends[0] as end:
        end.setblocking(False)
        assert end.recv(1) == b"", refused  # the other end is closed, and not for want of anyone who knows it


async def test_one_that_hangs_is_stopped_its_calls_end_and_the_next_one_finds_another(
    opened: list[Switchboard | RtcProcess],
) -> None:
    hanging, sound = Worker(hangs=True), Worker()
    process = RtcProcess(SURROUNDINGS, Script(hanging, sound).start)
    opened.append(process)
    await process.start()
    told: list[Report] = []
    process.join(1, told.append)
    await process.check()
    await until(lambda: told == [Over(1, "server.failed")])
    assert hanging.stopped
    process.leave(1)
    await process.start()
    await process.check()
    assert not sound.stopped


async def test_one_that_only_takes_long_over_an_offer_keeps_its_calls(opened: list[Switchboard | RtcProcess]) -> None:
    sound = Worker()
    process = RtcProcess(SURROUNDINGS, Script(sound).start)
    opened.append(process)
    await process.start()
    told: list[Report] = []
    process.join(1, told.append)
    await process.check()
    assert (sound.stopped, told) == (False, [])


async def refused(process: RtcProcess) -> str | None:
    """The code with which a process would refuse a call now."""
    try:
        process.admit()
    except Refusal as refusal:
        return refusal.fault.code
    return None


async def test_one_that_is_late_takes_no_further_calls_until_it_has_kept_up_for_a_while(
    opened: list[Switchboard | RtcProcess],
) -> None:
    worker = Worker()
    process = RtcProcess(SURROUNDINGS, Script(worker).start)
    opened.append(process)
    await process.start()
    worker.tell(2 * rtcprocess.MOST_LATE_S)
    await asyncio.sleep(0.05)
    assert await refused(process) is None  # the first call is always taken
    process.join(1, lambda report: None)
    assert await refused(process) == "server.busy"
    worker.tell(0.0, rtcprocess.STRAIN_TOLD - 1)
    await asyncio.sleep(0.05)
    assert await refused(process) == "server.busy"
    worker.tell(0.0)
    async with asyncio.timeout(5):
        while await refused(process) is not None:
            await asyncio.sleep(0.01)


async def test_the_next_call_of_one_that_is_late_goes_to_another(opened: list[Switchboard | RtcProcess]) -> None:
    late, idle = Worker(), Worker()
    board = Switchboard(SURROUNDINGS, 2, Script(late, idle).start)
    opened.append(board)
    first = await board.process()
    first.join(1, lambda report: None)
    second = await board.process()
    for call in (2, 3):
        second.join(call, lambda report: None)
    late.tell(2 * rtcprocess.MOST_LATE_S)
    await asyncio.sleep(0.05)
    assert await board.process() is second
