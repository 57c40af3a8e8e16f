"""Messages between the server and its WebRTC processes survive the way, however it is cut."""

from __future__ import annotations

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_server.webrtc.wire import (
    MOST_MESSAGE_BYTES,
    Ask,
    Audio,
    Heard,
    Line,
    Lost,
    Offer,
    Over,
    Report,
    Told,
    Trickle,
    Unframer,
    connect,
    framed,
    orders,
    reports,
)
from tests.scripted import pieces
from tests.stream_server.serving import until

REPORTS: list[Report] = [Audio(7, b"\0\1" * 3200), Lost(7, 320), Told(8, "{}"), Over(7, "finished")]


@given(st.lists(st.integers(0, 5000), max_size=20))
def test_messages_come_whole_however_the_bytes_are_cut(sizes: list[int]) -> None:
    unframer = Unframer()
    out = []
    for chunk in pieces(b"".join(framed(report) for report in REPORTS), sizes):
        out += [reports.decode(message) for message in unframer.feed(chunk)]
    assert out == REPORTS


def test_orders_and_reports_are_told_apart_by_kind() -> None:
    candidates = Trickle(1, "0", ["1 1 udp 1 127.0.0.1 9 typ host"], True)
    for order in (Offer(1, "v=0", 2, {111: "opus/48000/2"}), candidates, Heard(1, 99), Ask(0)):
        assert orders.decode(framed(order)[4:]) == order


def test_a_length_that_none_can_have_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes"):
        list(Unframer().feed((MOST_MESSAGE_BYTES + 1).to_bytes(4, "big")))


async def test_a_line_carries_messages_both_ways_and_tells_its_end_once() -> None:
    near, far = socket.socketpair()
    got: list[Report] = []
    lost: list[str] = []
    here: Line[Report] = Line(reports, got.append, lambda: lost.append("near"))
    there: Line[Report] = Line(reports, lambda _: None, lambda: lost.append("far"))
    await connect(near, here)
    await connect(far, there)
    for report in REPORTS:
        there.send(report)
    await until(lambda: len(got) == len(REPORTS))
    assert got == REPORTS
    there.close()
    await until(lambda: len(lost) == 2)
    here.send(REPORTS[0])  # nothing happens
    await asyncio.sleep(0)
    assert sorted(lost) == ["far", "near"]
