"""A live WebSocket: uvicorn's own, with a short way for what calls consist of, whole binary messages in and events out.

Handshake, text, control frames, fragments, closing and every violation of the protocol stay with the library. A whole
binary message goes straight to whoever `take`s it, if the application waits for a message and nothing is queued; an
event is written straight to the transport. A message costs a tenth of what it costs on the long way.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

if TYPE_CHECKING:
    from websockets.utils import apply_mask
else:
    try:
        from websockets.speedups import apply_mask
    except ImportError:
        from websockets.utils import apply_mask

EXTENSION = "undertone.wire"
Take = Callable[[bytes], bool]
"""Takes a binary message at once, or returns False: then it is queued like any other."""
WHOLE_BINARY, WHOLE_TEXT, MASKED = 0x82, 0x81, 0x80
MOST_UNSENT = 1 << 16


class Wire(WebSocketsSansIOProtocol):
    """The protocol class that uvicorn is to be configured with. `wire_of` finds that of a socket."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.take: Take | None = None
        self._lost = asyncio.Event()
        self._listening = False
        self._uncut = False
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._wanted_bytes = 0

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self

    def data_received(self, data: bytes) -> None:
        """Cut what comes after the handshake into frames; the library gets those that are not taken, whole."""
        if self._uncut or not self.handshake_initiated:
            super().data_received(data)
            self._uncut = self._uncut or (self.handshake_initiated and bool(self.conn.reader.buffer))
            return
        if self._held:
            self._held.append(data)
            self._held_bytes += len(data)
            if self._held_bytes < self._wanted_bytes:
                return
            data = b"".join(self._held)
            self._held.clear()
        at, end = 0, len(data)
        while at < end and self.conn.parser_exc is None:
            frame = _frame(data, at, end)
            if frame is None or frame[1] - frame[0] > self.config.ws_max_size:  # no client's frame, or too long a one
                self._uncut = True
                super().data_received(data[at:])
                return
            payload_at, stop = frame
            if stop > end:
                self._held, self._held_bytes, self._wanted_bytes = [data[at:]], end - at, stop - at
                return
            self._frame_received(data, at, payload_at, stop)
            at = stop

    def _frame_received(self, data: bytes, at: int, payload_at: int, stop: int) -> None:
        """The frame of bytes [at, stop)."""
        take = self.take
        if take is None or data[at] != WHOLE_BINARY or self.frames or not self._listening or not self.queue.empty():
            super().data_received(data[at:stop])
            return
        payload = apply_mask(data[payload_at:stop], data[payload_at - 4 : payload_at])
        if not take(payload):
            self.curr_msg_data_type = "bytes"
            self.frames = [payload]
            self.send_receive_event_to_app()

    async def receive(self) -> Any:
        """As uvicorn's, but reading goes on only once the application asks for more."""
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self.transport.resume_reading()
        self._listening = True
        try:
            return await self.queue.get()
        finally:
            self._listening = False

    def send_now(self, frame: bytes) -> bool:
        """Write a whole frame, as `text_frame` makes it; False, with nothing written, if the peer is behind or gone.
        Frames leave at the end of this turn of the event loop: many calls' in a row wake their reader once."""
        if not self.writable.is_set() or self.gone:
            return False
        self._unsent.append(frame)
        self._unsent_bytes += len(frame)
        if self._unsent_bytes > MOST_UNSENT:  # let the transport say whether the peer keeps up
            self._flush()
        elif len(self._unsent) == 1:
            self.loop.call_soon(self._flush)
        return True

    def _flush(self) -> None:
        if self._unsent and not self.gone:
            self.transport.write(b"".join(self._unsent))
        self._unsent.clear()
        self._unsent_bytes = 0

    async def send(self, message: Any) -> None:
        """As uvicorn's; what was sent before goes first."""
        self._flush()
        await super().send(message)

    def shutdown(self) -> None:
        self._flush()
        super().shutdown()

    async def cut(self, frames: bytes, code: int, reason: str, seconds: float) -> None:
        """Close although the peer is behind, with last words, which it has so many seconds to take. What it sends
        meanwhile is read and dropped: to hang up on it would take the words away as well."""
        self._flush()
        if self.gone:
            return
        self.conn.send_close(code, reason)
        self.transport.set_write_buffer_limits(high=0)  # writable once all is gone
        self.transport.write(frames + b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if not await self.may_write(seconds):
            self.transport.abort()
            return
        if self.transport.can_write_eof():  # TLS cannot
            self.transport.write_eof()
        self.transport.resume_reading()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._lost.wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.set()
        super().connection_lost(exc)

    @property
    def gone(self) -> bool:
        """Whether nothing can be sent any more."""
        return self.disconnected or self.close_sent or self.transport.is_closing()

    async def may_write(self, seconds: float) -> bool:
        """Wait until the peer has caught up; False if it has not after `seconds`."""
        if self.writable.is_set():
            return True
        try:
            async with asyncio.timeout(seconds):
                await self.writable.wait()
        except TimeoutError:
            return False
        return True


def wire_of(socket: WebSocket) -> Wire:
    """The wire under a socket. Raises KeyError if the server was configured without it."""
    wire: Wire = socket.scope["extensions"][EXTENSION]
    return wire


def text_frame(data: bytes) -> bytes:
    """A text message as a server sends it, in one frame (RFC 6455, section 5.2)."""
    size = len(data)
    if size < 126:
        return bytes((WHOLE_TEXT, size)) + data
    if size < 65_536:
        return struct.pack("!BBH", WHOLE_TEXT, 126, size) + data
    return struct.pack("!BBQ", WHOLE_TEXT, 127, size) + data


def _frame(data: bytes, at: int, end: int) -> tuple[int, int] | None:
    """Where the payload of the masked frame at `at` begins and ends, somewhere beyond `end` while that is not known;
    None if the frame is not masked."""
    if end - at < 2:
        return at, end + 1
    second = data[at + 1]
    if not second & MASKED:
        return None
    size = second & 0x7F
    head = 6 if size < 126 else 8 if size == 126 else 14
    if end - at < head:
        return at, end + 1
    if size >= 126:
        size = int.from_bytes(data[at + 2 : at + head - 4], "big")
    return at + head, at + head + size
