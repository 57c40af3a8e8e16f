"""A peer's connection, and its control messages over a real data channel: how many may wait for the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription, rtcpeerconnection
from cryptography.hazmat.primitives.asymmetric import rsa

from stream_server.webrtc.peer import EVENTS, MOST_UNHEARD_BYTES, Peer
from stream_server.webrtc.tuned import OpenCertificate
from stream_server.webrtc.wire import Opened, Over, Report, Told
from stream_server.webrtc.worker import configuration
from tests.stream_server.certificates import signed_by
from tests.stream_server.publishing import LOOPBACK
from tests.stream_server.serving import until


class Server:
    """Keeps what it is told of a peer, and acts on control messages unless it is `busy`."""

    def __init__(self, busy: bool) -> None:
        self.reports: list[Report] = []
        self.peer = Peer(1, 1, {}, configuration(LOOPBACK), self._take, lambda: False)
        self._busy = busy

    def has(self, kind: type[Report]) -> bool:
        return any(isinstance(report, kind) for report in self.reports)

    @property
    def told(self) -> list[Told]:
        return [report for report in self.reports if isinstance(report, Told)]

    def _take(self, report: Report) -> None:
        self.reports.append(report)
        if isinstance(report, Told) and not self._busy:
            self.peer.heard(report.weight_bytes)


@asynccontextmanager
async def publishing(server: Server, client: RTCPeerConnection | None = None) -> AsyncIterator[RTCDataChannel]:
    """The data channel of somebody who has connected to the server's peer."""
    client = client or RTCPeerConnection(RTCConfiguration(iceServers=[]))
    channel = client.createDataChannel(EVENTS)
    await client.setLocalDescription(await client.createOffer())
    answer = await server.peer.answer(client.localDescription.sdp)
    await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await until(lambda: server.has(Opened) and channel.readyState == "open")
    try:
        yield channel
    finally:
        await client.close()
        await server.peer.close()


class RsaCertificate(OpenCertificate):
    """As GStreamer makes its own."""

    @classmethod
    def generateCertificate(cls) -> RsaCertificate:  # noqa: N802
        key = rsa.generate_private_key(65_537, 2048)
        return cls(key, signed_by(key))


async def test_a_peer_whose_certificate_is_for_rsa_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(busy=False)
    with monkeypatch.context() as peers:
        peers.setattr(rtcpeerconnection, "RTCCertificate", RsaCertificate)
        client = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    async with publishing(server, client):
        assert client.connectionState == "connected"


def sent(channel: RTCDataChannel) -> Callable[[], bool]:
    return lambda: channel.bufferedAmount == 0


async def test_control_messages_that_nobody_acts_on_end_the_call_at_a_limit() -> None:
    server = Server(busy=True)
    async with publishing(server) as channel:
        for _ in range(100):
            channel.send("x" * 1000)
        await until(sent(channel))
        await until(lambda: server.has(Over))
    assert Over(1, "message.flood") in server.reports
    assert sum(told.weight_bytes for told in server.told) <= MOST_UNHEARD_BYTES


async def test_empty_control_messages_count_too() -> None:
    server = Server(busy=True)
    async with publishing(server) as channel:
        for _ in range(2000):
            channel.send("")
        await until(lambda: server.has(Over))
    assert len(server.told) <= MOST_UNHEARD_BYTES / 64


async def test_one_that_is_too_long_is_not_passed_on() -> None:
    server = Server(busy=False)
    async with publishing(server) as channel:
        channel.send("x" * (MOST_UNHEARD_BYTES + 1))
        await until(lambda: server.has(Over))
    assert not server.told


async def test_control_messages_that_are_acted_on_may_go_on() -> None:
    server = Server(busy=False)
    async with publishing(server) as channel:
        for _ in range(100):
            channel.send("x" * 1000)
        await until(lambda: len(server.told) == 100)
        assert not server.has(Over)
