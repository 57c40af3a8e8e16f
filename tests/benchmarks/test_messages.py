"""WebSocket messages as bytes, and back."""

from __future__ import annotations

import pytest
from websockets.frames import Opcode
from websockets.server import ServerProtocol

from benchmarks.messages import (
    BINARY,
    CLOSE,
    HEAD_END,
    TEXT,
    Inbox,
    MessageError,
    Sieve,
    close_code,
    from_client,
    from_server,
    request,
)

SIZES = (0, 1, 125, 126, 3200, 65_535, 65_536)
ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket" + HEAD_END


def test_a_server_of_the_websockets_package_takes_the_handshake_and_the_messages() -> None:
    server = ServerProtocol(max_size=None)
    server.receive_data(request("ws://127.0.0.1:8000/v1/stream?encoding=mulaw&channels=1"))
    (asked,) = server.events_received()
    assert asked.path == "/v1/stream?encoding=mulaw&channels=1"
    assert asked.headers["Host"] == "127.0.0.1:8000"
    answer = server.accept(asked)
    server.send_response(answer)
    assert answer.status_code == 101
    for size in SIZES:
        payload = bytes(at % 251 for at in range(size))
        server.receive_data(from_client(BINARY, payload))
        (frame,) = server.events_received()
        assert (frame.opcode, bytes(frame.data)) == (Opcode.BINARY, payload)


def test_what_a_server_sends_is_taken_apart_wherever_it_is_cut() -> None:
    messages = [(TEXT, b"a" * 3), (TEXT, b""), (BINARY, b"b" * 300), (CLOSE, (1000).to_bytes(2, "big"))]
    data = ANSWER + b"".join(from_server(*message) for message in messages)
    for cut in range(len(data) + 1):
        inbox = Inbox()
        found = [*inbox.feed(data[:cut]), *inbox.feed(data[cut:])]
        assert found == messages
        assert inbox.status == 101
    inbox = Inbox()
    assert [message for byte in data for message in inbox.feed(bytes([byte]))] == messages


@pytest.mark.parametrize("size", SIZES)
def test_messages_of_every_length_arrive_whole(size: int) -> None:
    payload = bytes(at % 251 for at in range(size))
    assert Inbox().feed(ANSWER + from_server(TEXT, payload)) == [(TEXT, payload)]


def test_a_refused_handshake_is_a_status_and_no_message() -> None:
    inbox = Inbox()
    assert inbox.feed(b"HTTP/1.1 503 Service Unavailable\r\n\r\nbusy") == []
    assert inbox.status == 503


@pytest.mark.parametrize(
    "data",
    [b"SSH-2.0\r\n\r\n", ANSWER + from_client(TEXT, b"a"), ANSWER + b"\x01\x01a", ANSWER + b"\xc1\x01a"],
    ids=["not HTTP", "masked", "in pieces", "compressed"],
)
def test_what_no_server_of_ours_sends_is_said_so(data: bytes) -> None:
    with pytest.raises(MessageError):
        Inbox().feed(data)


def test_a_close_frame_may_have_no_code() -> None:
    assert close_code((1008).to_bytes(2, "big") + b"slow") == 1008
    assert close_code(b"") == 1005


def test_the_sieve_counts_and_tells_what_is_no_audio_wherever_it_is_cut() -> None:
    data = from_client(BINARY, bytes(130)) + from_client(TEXT, b"finish") + from_client(BINARY, bytes(3))
    data += from_client(BINARY, b"") + from_client(CLOSE, b"")
    for cut in range(len(data) + 1):
        sieve = Sieve()
        assert [*sieve.feed(data[:cut]), *sieve.feed(data[cut:])] == [TEXT, CLOSE]
        assert sieve.messages == 5
    long = Sieve()
    assert long.feed(from_client(BINARY, bytes(70_000)) + from_client(TEXT, b"a")) == [TEXT]
