"""What the server and a process that speaks WebRTC tell each other: at its start its `Surroundings`, from then on
messages as MessagePack, each after its length.

`call` is a number that the server gives each peer."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import msgspec

HEAD = struct.Struct("!I")
MOST_MESSAGE_BYTES = 1 << 24
TOLD_BYTES = 64
"""What a control message weighs beside its text."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the process must know. `addresses`: where peers may come in, all of this machine's if there are none;
    `loopback`: this machine itself as well; `servers`: STUN and TURN as (URL, user, password); `gone_s`: seconds
    after which a peer that does not answer is gone."""

    addresses: tuple[str, ...]
    loopback: bool
    servers: tuple[tuple[str, str, str], ...]
    gone_s: float


class Message(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The base of all messages."""

    call: int


class Offer(Message, frozen=True, tag=1):
    """Answer this offer, of which only what is used is left; `channels` are wanted of its audio; `codecs`: of its
    audio, by payload type, as `a=rtpmap` has them in lower case."""

    sdp: str
    channels: int
    codecs: dict[int, str]


class Trickle(Message, frozen=True, tag=2):
    """More of the peer's candidates, as in `a=candidate:`, for the section `mid`; `complete`: there will be no more."""

    mid: str
    candidates: list[str]
    complete: bool


class Say(Message, frozen=True, tag=3):
    """An event for the data channel."""

    event: bytes


class End(Message, frozen=True, tag=4):
    """The call is to finish: hand over what audio there is, then say `Over`."""


class Drop(Message, frozen=True, tag=5):
    """The call has ended: close the connection."""


class Heard(Message, frozen=True, tag=6):
    """Control messages of the peer's that weighed so much have been acted on."""

    weight_bytes: int


class Ask(Message, frozen=True, tag=7):
    """Say `Ready` if you are still at work; `call` is 0."""


class Ready(Message, frozen=True, tag=11):
    """The process is up; `call` is 0."""


class Strained(Message, frozen=True, tag=22):
    """By how much the process is behind what comes, in seconds; told all the time. `call` is 0."""

    late_s: float


class Answer(Message, frozen=True, tag=12):
    """What the offer is answered with."""

    sdp: str


class Unusable(Message, frozen=True, tag=13):
    """Why the offer cannot be answered."""

    reason: str


class Connected(Message, frozen=True, tag=14):
    """The peer is reached."""


class Audio(Message, frozen=True, tag=15):
    """Samples at 16 kHz, float32, little-endian, channels interleaved."""

    samples: bytes


class Lost(Message, frozen=True, tag=16):
    """So many samples at 16 kHz are missing here, on every channel."""

    samples: int


class Opened(Message, frozen=True, tag=17):
    """The data channel for events is open."""


class Taken(Message, frozen=True, tag=18):
    """So many bytes of events have gone out to the peer since the call began."""

    size: int


class Shut(Message, frozen=True, tag=19):
    """The data channel for events is closed."""


class Told(Message, frozen=True, tag=20):
    """A control message of the peer's."""

    text: str

    @property
    def weight_bytes(self) -> int:
        """What it takes up while it waits; an empty one is not nothing."""
        return len(self.text.encode()) + TOLD_BYTES


class Over(Message, frozen=True, tag=21):
    """Nothing more will come; why, as calls end for it."""

    reason: str


Order = Offer | Trickle | Say | End | Drop | Heard | Ask
Report = Ready | Strained | Answer | Unusable | Connected | Audio | Lost | Opened | Taken | Shut | Told | Over
_encoder = msgspec.msgpack.Encoder()
orders = msgspec.msgpack.Decoder(Order)
reports = msgspec.msgpack.Decoder(Report)
M = TypeVar("M", bound=Message)


def framed(message: Message) -> bytes:
    """A message behind its length."""
    data = _encoder.encode(message)
    return HEAD.pack(len(data)) + data


class Unframer:
    """Cuts a stream of bytes into the messages in it, however it is chunked."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that `data` completes. Raises ValueError for one that is longer than any can be."""
        self._held += data
        at = 0
        while len(self._held) - at >= HEAD.size:
            (size,) = HEAD.unpack_from(self._held, at)
            if size > MOST_MESSAGE_BYTES:
                raise ValueError(f"a message of {size} bytes")
            end = at + HEAD.size + size
            if len(self._held) < end:
                break
            yield bytes(self._held[at + HEAD.size : end])
            at = end
        del self._held[:at]


class Line(asyncio.Protocol, Generic[M]):
    """One end of the line between the two, in its event loop: nothing here waits. What comes goes to `receive`, message
    by message; `lost` is called once when the other end is gone."""

    def __init__(
        self, decoder: msgspec.msgpack.Decoder[M], receive: Callable[[M], None], lost: Callable[[], None]
    ) -> None:
        self._decoder = decoder
        self._receive = receive
        self._lost = lost
        self._unframer = Unframer()
        self._transport: asyncio.Transport | None = None

    @property
    def unsent(self) -> int:
        """How many bytes the other end has not taken yet."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def send(self, message: Message) -> None:
        """Send a message; nothing happens if the other end is gone."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(framed(message))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        for message in self._unframer.feed(data):
            self._receive(self._decoder.decode(message))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lost()


async def connect(end: socket.socket, line: Line[M]) -> None:
    """Put a line on its end of a pair of sockets."""
    loop = asyncio.get_running_loop()
    end.setblocking(False)
    if end.family == getattr(socket, "AF_UNIX", None):
        await loop.create_unix_connection(lambda: line, sock=end)
    else:
        await loop.create_connection(lambda: line, sock=end)
