"""WebRTC publishers for `benchmarks.webrtc`: many aiortc peers in a process of their own, which play what was encoded
beforehand and time what comes back on their data channels."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from multiprocessing.connection import Connection
from typing import Any

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av.packet import Packet

from monitor.events import CallEnded, Emotion, Warning, decode
from stream_server.webrtc.tuned import prepare
from stream_server.webrtc.wire import Surroundings
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples

CODED_HZ = 48_000
PACKET_S = 0.02
PACKET_SAMPLES = 960
BIT_RATE = 32_000
APART_S = 0.2
"""From one call's beginning to the next one's."""
AGAIN_S = 1.0


@dataclass
class Heard:
    """What one publisher was told: lags of emotion events in ms, from the packet sent that completed what they are
    about, with when that was; and warnings by code."""

    lags_ms: list[tuple[float, float]] = field(default_factory=list)
    warnings: list[tuple[float, str]] = field(default_factory=list)
    ended: str = ""


def encode(audio: Samples) -> list[bytes]:
    """Mono audio at 16 kHz, shape (n,), as Opus for speech, 20 ms a packet."""
    resampler = av.AudioResampler("s16", "mono", CODED_HZ, frame_size=PACKET_SAMPLES)
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = CODED_HZ, "mono", "s16", BIT_RATE
    encoder.options = {"application": "voip"}
    pcm = (np.clip(audio, -1, 1) * 32_767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), "s16", "mono")
    frame.sample_rate = SAMPLE_RATE_HZ
    return [bytes(packet) for piece in resampler.resample(frame) for packet in encoder.encode(piece)]


class Loop(MediaStreamTrack):
    """Plays packets in real time, from the one `first` on, round and round."""

    kind = "audio"

    def __init__(self, packets: Sequence[bytes], first: int) -> None:
        super().__init__()
        self.began_at = 0.0
        self._packets = packets
        self._first = first
        self._sent = 0

    async def recv(self) -> Packet[Any]:
        now = time.monotonic()
        self.began_at = self.began_at or now
        await asyncio.sleep(self.began_at + PACKET_S * self._sent - now)
        packet = Packet(self._packets[(self._first + self._sent) % len(self._packets)])
        packet.pts, packet.time_base = self._sent * PACKET_SAMPLES, Fraction(1, CODED_HZ)
        self._sent += 1
        return packet


class Publisher:
    """One call."""

    def __init__(self, packets: Sequence[bytes], first: int) -> None:
        self.heard = Heard()
        self._track = Loop(packets, first)
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connection.addTrack(self._track)
        self._connection.createDataChannel("events").on("message", self._hear)

    async def publish(self, url: str) -> None:
        """Try until the server takes the call: it lets in so many at once. Raises OSError if it refuses otherwise."""
        await self._connection.setLocalDescription(await self._connection.createOffer())
        offer = self._connection.localDescription.sdp
        answer = await asyncio.to_thread(_post, f"{url}/v1/whip", offer)
        await self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def close(self) -> None:
        await self._connection.close()

    def _hear(self, message: str) -> None:
        now_s = time.monotonic()
        match decode(message):
            case Emotion(t=t, label=str()):
                packets = -(-t // PACKET_S)  # the last of them was sent when it began
                self.heard.lags_ms.append((now_s, 1000 * (now_s - self._track.began_at - PACKET_S * (packets - 1))))
            case Warning(code=code):
                self.heard.warnings.append((now_s, code))
            case CallEnded(reason=reason):
                self.heard.ended = reason


def _post(url: str, offer: str) -> str:
    request = urllib.request.Request(url, offer.encode(), {"Content-Type": "application/sdp"})
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
        time.sleep(AGAIN_S)


async def publish(pipe: Connection, url: str, packets: list[bytes], calls: int) -> None:
    """Begin so many calls, say so; say when asked what was heard since the time asked for, as JSON, and end them."""
    prepare(Surroundings(("127.0.0.1",), True, (), 30.0))
    publishers = [Publisher(packets, n * len(packets) // calls) for n in range(calls)]
    for publisher in publishers:
        await publisher.publish(url)
        await asyncio.sleep(APART_S)
    pipe.send("begun")
    await asyncio.to_thread(pipe.recv)  # the other side asks once
    pipe.send(json.dumps([[each.heard.lags_ms, each.heard.warnings, each.heard.ended] for each in publishers]))
    await asyncio.gather(*(publisher.close() for publisher in publishers))
