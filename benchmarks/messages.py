"""WebSocket messages as bytes (RFC 6455): made once and sent many times, and taken apart with little work."""

from __future__ import annotations

from urllib.parse import urlsplit

from websockets.frames import Frame, Opcode

KEY = "dW5kZXJ0b25lLWxvYWQhIQ=="
HEAD_END = b"\r\n\r\n"
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
FINAL = 0x80
Message = tuple[int, bytes]
"""Opcode and payload."""


class MessageError(Exception):
    """What came is nothing that a server of ours sends; the message says what it was."""


def from_client(opcode: int, payload: bytes) -> bytes:
    """A whole message as a client sends it: header, mask and masked payload."""
    return Frame(Opcode(opcode), payload).serialize(mask=True)


def from_server(opcode: int, payload: bytes) -> bytes:
    """A whole message as a server sends it, unmasked."""
    return Frame(Opcode(opcode), payload).serialize(mask=False)


def close_code(payload: bytes) -> int:
    """The code that a close frame gives, 1005 if none."""
    return int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005


def request(url: str) -> bytes:
    """The opening handshake for `url`, a ws:// or wss:// address."""
    where = urlsplit(url)
    path = f"{where.path or '/'}?{where.query}" if where.query else where.path or "/"
    lines = [f"GET {path} HTTP/1.1", f"Host: {where.netloc}", "Connection: Upgrade", "Upgrade: websocket"]
    lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {KEY}"]
    return "\r\n".join([*lines, "", ""]).encode()


class Inbox:
    """What a server sends, taken apart: `feed` bytes as they come, in pieces of any size.

    Before the handshake is over, `status` is 0; then it is the HTTP status, and messages follow if it is 101.
    A server of ours sends every message in one frame.
    """

    def __init__(self) -> None:
        self.status = 0
        self._rest = b""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are now complete. Raises MessageError."""
        if self._rest:
            data = self._rest + data
        if self.status != 101:
            head, found, data = data.partition(HEAD_END)
            if not found:
                self._rest = head
                return []
            self.status = _status(head)
            if self.status != 101:
                return []
        messages: list[Message] = []
        at, end = 0, len(data)
        while end - at >= 2:
            first, size, body = data[at], data[at + 1], at + 2
            if size >= 126:
                if size > 127:
                    raise MessageError("a masked frame came from the server")
                body += 2 if size == 126 else 8
                if end < body:
                    break
                size = int.from_bytes(data[at + 2 : body], "big")
            if first & 0xF0 != FINAL or not first & 0x0F:
                raise MessageError(f"a message came in pieces or with an extension (first byte {first:#04x})")
            if end < body + size:
                break
            messages.append((first & 0x0F, data[body : body + size]))
            at = body + size
        self._rest = data[at:]
        return messages


def _status(head: bytes) -> int:
    """The status of an HTTP answer; Raises MessageError if it is none."""
    words = head.split(b" ", 2)
    if not head.startswith(b"HTTP/1.") or len(words) < 2 or not words[1].isdigit():
        raise MessageError(f"no HTTP answer: {head[:40]!r}")
    return int(words[1])


class Sieve:
    """What a client sends, as little of it looked at as can be: counts its messages and tells the opcodes that are
    not BINARY; payloads are discarded unread."""

    def __init__(self) -> None:
        self.messages = 0
        self._head = b""
        self._payload_left = 0

    def feed(self, data: bytes) -> list[int]:
        """The opcodes, other than BINARY, of the messages whose header is now complete."""
        found: list[int] = []
        data = self._head + data if self._head else data
        self._head = b""
        at, end = self._payload_left, len(data)
        while at < end:
            size = data[at + 1] & 0x7F if end - at >= 2 else 0
            extra = 8 if size == 127 else 2 if size == 126 else 0
            if end - at < 6 + extra:
                self._head = data[at:]
                self._payload_left = 0
                return found
            self.messages += 1
            if data[at] & 0x0F != BINARY:
                found.append(data[at] & 0x0F)
            length = int.from_bytes(data[at + 2 : at + 2 + extra], "big") if extra else size
            at += 6 + extra + length
        self._payload_left = at - end
        return found
