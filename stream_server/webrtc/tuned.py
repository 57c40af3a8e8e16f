"""aiortc and aioice as calls need them, where they have no settings for it; for a process that speaks WebRTC."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

from aioice import ice, stun
from aiortc import rtcicetransport, rtcpeerconnection, rtcrtpreceiver
from aiortc.rtcdtlstransport import RTCCertificate, SRTPProtectionProfile
from aiortc.rtp import RtpPacket
from OpenSSL import SSL

from stream_server.webrtc.order import PacketOrder
from stream_server.webrtc.wire import Surroundings

hears: ContextVar[Callable[[RtpPacket], None]] = ContextVar("hears", default=lambda packet: None)
"""What the packets go to of the receivers that are made in this context."""
MOST_UNREAD = 250
"""Datagrams of a peer that wait for their turn, some seconds of audio; what comes beyond that is dropped."""
MOST_WAITING = 4
"""RTP packets that wait for a missing one: 80 ms at the usual 20."""
ASKED_TIMES = 4
"""How often a peer is asked whether it is there, in the time after which it would be gone."""
OF_AIORTC = ("ECDSA-AES128-GCM-SHA256", "ECDSA-CHACHA20-POLY1305", "ECDSA-AES128-SHA", "ECDSA-AES256-SHA")
FOR_RSA = ("RSA-AES128-GCM-SHA256", "RSA-CHACHA20-POLY1305")
"""What a DTLS connection may be encrypted with, all after ECDHE. No more than are needed: some peers cannot read a
ClientHello that has to be cut in two."""


def prepare(surroundings: Surroundings) -> None:
    """Put what stands here in its place, once in a process."""
    rtcicetransport.Connection = partial(LivelyConnection, surroundings.gone_s)  # type: ignore[attr-defined, assignment]
    rtcrtpreceiver.JitterBuffer = JitterBuffer  # type: ignore[attr-defined, assignment]
    rtcpeerconnection.RTCCertificate = OpenCertificate  # type: ignore[attr-defined]
    ice.get_host_addresses = partial(_addresses, ice.get_host_addresses, surroundings)


class LivelyConnection(ice.Connection):
    """An ICE connection that is closed once its peer has been silent for `gone_s` seconds: nothing came, and no answer
    to what RFC 7675 asks. (aioice waits for half a minute, whatever comes meanwhile.)"""

    def __init__(self, gone_s: float, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._gone_s = gone_s
        self._heard_at = 0.0

    def data_received(self, data: bytes, component: int) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        if self._queue.qsize() < MOST_UNREAD:
            super().data_received(data, component)

    async def query_consent(self) -> None:
        loop = asyncio.get_running_loop()
        self._heard_at = loop.time()
        while loop.time() - self._heard_at < self._gone_s:
            await asyncio.sleep(self._gone_s / ASKED_TIMES * random.uniform(0.8, 1.2))
            for pair in list(self._nominated.values()):
                await self._ask(pair)
        self._query_consent_task = None  # as in aioice: `close` is not to cancel what calls it
        await self.close()

    async def _ask(self, pair: ice.CandidatePair) -> None:
        assert self.remote_password is not None
        request = self.build_request(pair, nominate=False)
        try:
            await pair.protocol.request(
                request, pair.remote_addr, integrity_key=self.remote_password.encode(), retransmissions=1
            )
        except stun.TransactionError:
            return
        self._heard_at = asyncio.get_running_loop().time()


class OpenCertificate(RTCCertificate):
    """This machine's certificate, for connections with peers whose own is for RSA as well, as GStreamer's is. (aiortc
    knows ECDSA only, the one that everybody must know by RFC 8827.)"""

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(":".join(f"ECDHE-{suite}" for suite in (*OF_AIORTC, *FOR_RSA)).encode())
        return context


class JitterBuffer:
    """In place of aiortc's, which calls it so. That holds every packet back until the next but three, falls behind by
    up to 16 of them with the first loss, for ever, and then has each decoded in a thread of its receiver: dozens of
    threads wait for each other's interpreter. From here packets go in order to what `hears` says; aiortc gets none."""

    def __init__(self, capacity: int, prefetch: int = 0, is_video: bool = False) -> None:
        self._order: PacketOrder[RtpPacket] = PacketOrder(MOST_WAITING)
        self._hear = hears.get()

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        """Whether video is to begin anew, and the frame that is complete: never, none."""
        following = self._order.add(packet.sequence_number, packet)
        if following is not None:
            self._hear(following)
        return False, None


def _addresses(
    found: Callable[[bool, bool], list[str]], surroundings: Surroundings, use_ipv4: bool, use_ipv6: bool
) -> list[str]:
    """What aioice takes for this machine's addresses; of itself it leaves out the loopback interface."""
    if surroundings.addresses:
        return list(surroundings.addresses)
    return [*found(use_ipv4, use_ipv6), *(["127.0.0.1"] if surroundings.loopback and use_ipv4 else [])]
