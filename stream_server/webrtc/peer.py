"""A WebRTC peer, in the process that speaks with it: connects, decodes its audio, serves its data channel (aiortc)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs.base import Decoder
from aiortc.codecs.g711 import PcmaDecoder, PcmuDecoder
from aiortc.codecs.opus import OpusDecoder
from aiortc.exceptions import InvalidStateError
from aiortc.jitterbuffer import JitterFrame
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtpPacket
from aiortc.sdp import candidate_from_sdp
from av import AudioFrame, FFmpegError

from stream_server.webrtc.audio import Pcm, TrackAudio
from stream_server.webrtc.tuned import hears
from stream_server.webrtc.wire import Audio, Connected, Lost, Opened, Over, Report, Shut, Taken, Told

log = logging.getLogger("undertone.webrtc")
DECODERS: dict[str, type[Decoder]] = {
    "opus/48000/2": OpusDecoder,
    "pcmu/8000": PcmuDecoder,
    "pcma/8000": PcmaDecoder,
}
EVENTS = "events"
"""The name of the data channel that events are sent on."""
GONE = "client.disconnected"
MOST_UNHEARD_BYTES = 1 << 16
"""Control messages on which the server has not acted yet; with more than that, the call ends."""


class Peer:
    """One connection. Reports to `tell`; `behind` says whether what is told there is not taken, then audio is left out
    and told as lost."""

    def __init__(
        self,
        call: int,
        channels: int,
        codecs: dict[int, str],
        configuration: RTCConfiguration,
        tell: Callable[[Report], None],
        behind: Callable[[], bool],
    ) -> None:
        self._call = call
        self._channels = channels
        self._codecs = codecs
        self._decoders: dict[int, Decoder] = {}
        self._tell = tell
        self._behind = behind
        self._audio = TrackAudio(channels)
        self._untold = 0
        self._listening: asyncio.Task[None] | None = None
        self._events: RTCDataChannel | None = None
        self._said_bytes = self._unheard_bytes = 0
        self._over = False
        self._connection = RTCPeerConnection(configuration)
        self._connection.on("track", self._track_found)
        self._connection.on("datachannel", self._channel_opened)
        self._connection.on("connectionstatechange", self._state_changed)

    async def answer(self, sdp: str) -> str:
        """The answer to an offer. Raises whatever aiortc raises for what is none."""
        hears.set(self._hear)  # in the context of this task, which is that of one peer
        await self._connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await self._connection.setLocalDescription()
        return str(self._connection.localDescription.sdp)

    async def trickle(self, mid: str, candidates: list[str], complete: bool) -> None:
        """Further candidates of the peer's. Raises whatever aiortc raises for what is none."""
        for text in candidates:
            candidate = candidate_from_sdp(text)
            candidate.sdpMid = mid
            await self._connection.addIceCandidate(candidate)
        if complete:
            await self._connection.addIceCandidate(None)

    def say(self, event: bytes) -> None:
        """Send an event on the data channel, if it is open still."""
        if self._events is None:
            return
        try:
            self._events.send(event.decode())
        except InvalidStateError:
            return
        self._said_bytes += len(event)

    def heard(self, weight_bytes: int) -> None:
        """So much of what was told has been acted on."""
        self._unheard_bytes -= weight_bytes

    def end(self, reason: str) -> None:
        """Listen no more: hand over what there is, and say that it is all."""
        if self._over:
            return
        self._over = True
        for piece in self._audio.flush():
            self._pass_on(piece)
        self._tell(Over(self._call, reason))

    async def close(self) -> None:
        self._over = True
        if self._listening is not None:
            self._listening.cancel()
        await self._connection.close()

    def _state_changed(self) -> None:
        match self._connection.connectionState:
            case "connected":
                self._tell(Connected(self._call))
            case "failed" | "closed":
                self.end(GONE)

    def _track_found(self, track: MediaStreamTrack) -> None:
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen(track))

    async def _listen(self, track: MediaStreamTrack) -> None:
        """Wait for the end of the track, whose packets come to `_hear`."""
        with suppress(MediaStreamError):
            while True:
                await track.recv()
        self.end(GONE)

    def _hear(self, packet: RtpPacket) -> None:
        """Take a packet in, whose turn it is. Never raises: aiortc would close the connection."""
        try:
            self._decode(packet)
        except FFmpegError as error:
            log.info("a packet of %d bytes cannot be decoded, it is missing then: %s", len(packet.payload), error)
        except Exception:
            log.exception("the audio of a peer cannot be used")
            self.end("server.failed")

    def _decode(self, packet: RtpPacket) -> None:
        codec = self._codecs.get(packet.payload_type)
        if self._over or codec is None or not packet.payload:
            return
        decoder = self._decoders.get(packet.payload_type)
        if decoder is None:
            decoder = self._decoders[packet.payload_type] = DECODERS[codec]()
        timestamp, now_s = packet.timestamp, time.monotonic()
        for frame in decoder.decode(JitterFrame(packet.payload, packet.timestamp)):
            assert isinstance(frame, AudioFrame)
            pcm: Pcm = frame.to_ndarray().reshape(-1, frame.layout.nb_channels).astype(np.int16, copy=False)
            for piece in self._audio.feed(timestamp, frame.sample_rate, pcm, now_s):
                self._pass_on(piece)
            timestamp += len(pcm)

    def _pass_on(self, piece: bytes | int) -> None:
        if self._behind():
            self._untold += piece if isinstance(piece, int) else len(piece) // (4 * self._channels)
            return
        if self._untold:
            self._tell(Lost(self._call, self._untold))
            self._untold = 0
        self._tell(Lost(self._call, piece) if isinstance(piece, int) else Audio(self._call, piece))

    def _channel_opened(self, channel: RTCDataChannel) -> None:
        """Only one is of use; others are left open and unanswered."""
        if channel.label != EVENTS or self._events is not None:
            return
        self._events = channel
        channel.on("message", self._told)
        channel.on("bufferedamountlow", self._taken)
        channel.on("close", self._shut)
        self._tell(Opened(self._call))

    def _told(self, message: str | bytes) -> None:
        """Pass a control message on. A socket would not be read for a while; a data channel cannot be held back."""
        if self._over:
            return
        told = Told(self._call, message if isinstance(message, str) else message.decode(errors="replace"))
        self._unheard_bytes += told.weight_bytes
        if self._unheard_bytes > MOST_UNHEARD_BYTES:
            self.end("message.flood")
        else:
            self._tell(told)

    def _taken(self) -> None:
        """All that was said is on its way."""
        self._tell(Taken(self._call, self._said_bytes))

    def _shut(self) -> None:
        self._events = None
        self._tell(Shut(self._call))
