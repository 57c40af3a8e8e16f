"""The short way for audio: whatever the network makes of the frames, the call hears the same."""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Iterator

import numpy as np
import pytest
from websockets.frames import Frame, Opcode
from websockets.utils import apply_mask

from monitor.events import CallEnded, Error
from stream_server.live.wire import Wire, text_frame
from tests.scripted import of, silence, voice
from tests.stream_server.serving import Served, heard, pcm, serving, until

CLOSE = re.compile(rb"\x88[\x02-\x7d][\x03\x11]")
"""The head of a close frame and the first byte of its code, 10xx or 44xx."""
FINISH = b'{"type":"finish"}'


def masked(opcode: Opcode, payload: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin=fin).serialize(mask=True)


async def raw_call(served: Served, pieces: Iterator[bytes], call_id: str) -> bytes:
    """A call whose bytes are written piece by piece; all that the server sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(
        f"GET /v1/stream?call_id={call_id} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.0005)
    answer = b""
    async with asyncio.timeout(20):
        while not CLOSE.search(answer) and (data := await reader.read(1 << 16)):
            answer += data
    writer.close()
    return answer


def cut(data: bytes, seed: int) -> Iterator[bytes]:
    """Pieces of one byte to some thousand, many of them short: frames are split in their heads, masks and payloads."""
    dice, at = np.random.default_rng(seed), 0
    while at < len(data):
        size = int(dice.integers(1, 8)) if dice.random() < 0.5 else int(dice.integers(1, 9000))
        yield data[at : at + size]
        at += size


SPOKEN = pcm(voice(110, 3.0))
MESSAGES = {
    "20 ms": [masked(Opcode.BINARY, SPOKEN[at : at + 640]) for at in range(0, len(SPOKEN), 640)],
    "odd sizes": [masked(Opcode.BINARY, SPOKEN[at : at + 1001]) for at in range(0, len(SPOKEN), 1001)],
    "over 64 KiB": [masked(Opcode.BINARY, SPOKEN)],
    "fragments": [
        masked(Opcode.BINARY, SPOKEN[:10_000], fin=False),
        masked(Opcode.PING, b"still there?"),
        masked(Opcode.CONT, SPOKEN[10_000:20_001], fin=False),
        masked(Opcode.CONT, SPOKEN[20_001:]),
    ],
    "among others": [
        masked(Opcode.BINARY, SPOKEN[:3200]),
        masked(Opcode.TEXT, b'{"type":"configure","tags":{"a":"b"}}'),
        masked(Opcode.BINARY, SPOKEN[3200:50_000]),
        masked(Opcode.PING, b"?"),
        masked(Opcode.BINARY, b""),
        masked(Opcode.BINARY, SPOKEN[50_000:]),
    ],
}


@pytest.mark.parametrize("kind", MESSAGES)
@pytest.mark.parametrize("seed", range(3))
async def test_however_the_bytes_are_cut_the_call_hears_them_all(kind: str, seed: int) -> None:
    data = b"".join([*MESSAGES[kind], masked(Opcode.TEXT, FINISH)])
    async with serving() as served:
        answer = await raw_call(served, cut(data, seed), "raw")
        record = await served.call("raw")
    assert record["reason"] == "finished"
    assert record["duration_s"] == 3.0
    assert record["summary"]["speech_s"] > 2.5
    pinged = kind in ("fragments", "among others")
    assert (b"\x8a\x0cstill there?" in answer or b"\x8a\x01?" in answer) == pinged


async def test_audio_after_the_finish_is_not_heard() -> None:
    data = masked(Opcode.BINARY, pcm(silence(1.0))) + masked(Opcode.TEXT, FINISH) + masked(Opcode.BINARY, SPOKEN)
    async with serving() as served:
        await raw_call(served, iter([data]), "late")
        record = await served.call("late")
    assert record["duration_s"] == 1.0


@pytest.mark.parametrize(
    "bad",
    [
        b"\x82\x04abcd",  # not masked
        b"\xf2\x84" + bytes(8),  # reserved bits
        b"\x83\x84" + bytes(8),  # no such opcode
        masked(Opcode.CONT, b"of nothing"),
        masked(Opcode.BINARY, b"first", fin=False) + masked(Opcode.BINARY, b"second"),
    ],
    ids=["unmasked", "reserved", "opcode", "continuation", "interleaved"],
)
async def test_a_breach_of_the_protocol_is_closed_as_such(bad: bytes) -> None:
    async with serving() as served:
        answer = await raw_call(served, iter([masked(Opcode.BINARY, SPOKEN), bad, bytes(100)]), "breach")
        await until(lambda: not served.engine.book.is_live("breach"))
        record = await served.call("breach")
    assert answer[-100:].find(struct.pack("!H", 1002)) > 0
    assert record["state"] == "ended"
    assert record["duration_s"] >= 3.0


async def test_what_a_text_frame_holds_a_client_reads() -> None:
    for size in (0, 125, 126, 65_535, 65_536):
        frame = text_frame(b"x" * size)
        head = 2 if size < 126 else 4 if size < 65_536 else 10
        assert frame[head:] == b"x" * size
        assert frame == Frame(Opcode.TEXT, b"x" * size).serialize(mask=False)


async def test_the_application_that_breaks_in_the_short_way_ends_its_call(monkeypatch: pytest.MonkeyPatch) -> None:
    from stream_server.live.livecall import LiveCall

    def breaks(*_: object) -> None:
        raise RuntimeError("out of order")

    async with serving() as served, served.stream(call_id="b") as call:
        await call.recv()
        monkeypatch.setattr(LiveCall, "feed", breaks)
        await call.send(pcm(voice(110, 0.5)))
        events = await asyncio.wait_for(heard(call), 5)
        monkeypatch.undo()
        assert call.close_code == 1011
    assert [event.code for event in of(events, Error)] == ["server.failed"]
    assert of(events, CallEnded)


def test_masks_are_taken_off_as_the_library_does() -> None:
    payload, mask = bytes(range(256)) * 3 + b"odd", b"\x01\x80\xff\x10"
    frame = bytearray(masked(Opcode.BINARY, payload))
    frame[4:8] = mask
    frame[8:] = apply_mask(payload, mask)
    taken: list[bytes] = []
    wire = Wire.__new__(Wire)
    wire.take, wire.frames, wire._listening = lambda data: not taken.append(data), [], True
    wire.queue = asyncio.Queue()
    wire._frame_received(bytes(frame), 0, 8, len(frame))
    assert taken == [payload]
