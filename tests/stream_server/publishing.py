"""A WebRTC publisher (aiortc) that speaks WHIP with a real server over the loopback interface."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import Self

import av
import httpx
import numpy as np
import soxr
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame, Packet

from monitor.events import CallEnded, Event, decode
from stream_server.webrtc.tuned import prepare
from stream_server.webrtc.wire import Surroundings
from tests.stream_server.serving import Served, as_query
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples

CODED_HZ = 48_000
PACKET_S = 0.02
PACKET_SAMPLES = 960
LOOPBACK = Surroundings(("127.0.0.1",), True, (), 5.0)

prepare(LOOPBACK)


def opus(audio: Samples, rate_hz: int = SAMPLE_RATE_HZ) -> list[bytes]:
    """Audio of shape (n,) or (2, n) as Opus, 20 ms a packet."""
    planes = np.atleast_2d(audio)
    coded = np.stack([soxr.resample(plane, rate_hz, CODED_HZ) for plane in planes], axis=1)
    coded = np.pad(coded, ((0, -len(coded) % PACKET_SAMPLES), (0, 0)))
    pcm = (np.clip(coded, -1, 1) * 32_767).astype(np.int16)
    layout = "stereo" if len(planes) == 2 else "mono"
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = CODED_HZ, layout, "s16", 64_000
    packets: list[bytes] = []
    for at in range(0, len(pcm), PACKET_SAMPLES):
        frame = AudioFrame.from_ndarray(pcm[at : at + PACKET_SAMPLES].reshape(1, -1), "s16", layout)
        frame.sample_rate = CODED_HZ
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets


class Played(MediaStreamTrack):
    """Plays encoded packets at their pace; then it is silent, until it is stopped. What is `leave_out`, by number, is
    not sent, and time goes on."""

    kind = "audio"

    def __init__(self, packets: Sequence[bytes], leave_out: Callable[[int], bool] = lambda _: False) -> None:
        super().__init__()
        self.over = asyncio.Event()
        self._packets = packets
        self._leave_out = leave_out
        self._next = 0
        self._began_at: float | None = None

    async def recv(self) -> Packet:
        loop = asyncio.get_running_loop()
        if self._began_at is None:
            self._began_at = loop.time()
        while self._next < len(self._packets) and self._leave_out(self._next):
            self._next += 1
        if self._next >= len(self._packets):
            self.over.set()
            await asyncio.Event().wait()
        await asyncio.sleep(self._began_at + PACKET_S * self._next - loop.time())
        packet = Packet(self._packets[self._next])
        packet.pts, packet.time_base = self._next * PACKET_SAMPLES, Fraction(1, CODED_HZ)
        self._next += 1
        return packet


class Publisher:
    """Publishes a track. Use as a context: entering it makes the offer and posts it."""

    def __init__(
        self, served: Served, track: MediaStreamTrack | None, *, events: bool = True, token: str = "", **query: object
    ) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.heard: list[Event] = []
        self.ended = asyncio.Event()
        self.address = ""
        self.etag = ""
        self.answer = ""
        self._query = query
        self._client = httpx.AsyncClient(
            base_url=served.http, headers={"Authorization": f"Bearer {token}"} if token else {}, timeout=30
        )
        self.channel = self.connection.createDataChannel("events") if events else None
        if self.channel is not None:
            self.channel.on("message", self._hear)
        if track is not None:
            self.connection.addTrack(track)

    async def __aenter__(self) -> Self:
        answer = await self.post(await self.offer())
        assert answer.status_code == 201, answer.text
        await self.take(answer)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()
        await self._client.aclose()

    async def offer(self) -> str:
        """The offer, with all candidates in it."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def post(self, body: str | bytes, media_type: str = "application/sdp", **headers: str) -> httpx.Response:
        headers["Content-Type"] = media_type
        return await self._client.post(f"/v1/whip{as_query(self._query)}", content=body, headers=headers)

    async def take(self, answer: httpx.Response) -> None:
        """Act on the answer to an offer."""
        self.address, self.etag = answer.headers["location"], answer.headers["etag"]
        self.answer = answer.text
        await self.connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))

    async def patch(self, body: str, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("Content-Type", "application/trickle-ice-sdpfrag")
        return await self._client.patch(self.address, content=body, headers=named)

    async def delete(self) -> httpx.Response:
        return await self._client.delete(self.address)

    def lose(self, lost: Callable[[int], bool]) -> None:
        """From now on, lose the RTP packets that have these numbers, counted from now, on the way."""
        transport = self.connection.getSenders()[0].transport
        send, sent = transport._send_rtp, iter(range(1 << 30))

        async def send_some(data: bytes) -> None:
            if 192 <= data[1] <= 223 or not lost(next(sent)):  # RTCP goes through
                await send(data)

        transport._send_rtp = send_some

    def vanish(self) -> None:
        """Be gone from the network, without a word."""
        for transceiver in self.connection.getTransceivers():
            for protocol in transceiver.sender.transport.transport._connection._protocols:
                protocol.transport.abort()

    def _hear(self, message: str) -> None:
        event = decode(message)
        self.heard.append(event)
        if isinstance(event, CallEnded):
            self.ended.set()


async def over(publisher: Publisher, seconds: float = 10.0) -> list[Event]:
    """What the publisher heard until its call had ended."""
    async with asyncio.timeout(seconds):
        await publisher.ended.wait()
    return publisher.heard


def without_candidates(sdp: str) -> tuple[str, str]:
    """An offer as one that trickles sends it, and the fragment that follows it."""
    kept = [line for line in sdp.splitlines() if not re.match("a=(candidate:|end-of-candidates)", line)]
    told = [line for line in sdp.splitlines() if re.match("a=(candidate:|end-of-candidates|ice-ufrag|ice-pwd)", line)]
    return "".join(f"{line}\r\n" for line in kept), "".join(f"{line}\r\n" for line in dict.fromkeys(told))


async def gone(served: Served, call_id: str, seconds: float = 15.0) -> str:
    """Wait until a call has ended; the reason, as its summary in REST has it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while served.engine.book.is_live(call_id):
                await asyncio.sleep(0.02)
    record = await served.call(call_id)
    return record["reason"] or "live"
