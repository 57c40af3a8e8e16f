"""A WebRTC peer, in the process that speaks with it: connects, decodes its audio, serves its data channel (aiortc)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import InvalidStateError
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import candidate_from_sdp
from av import AudioFrame

from stream_server.rtcaudio import Pcm, TrackAudio
from stream_server.rtcwire import Audio, Connected, Lost, Opened, Over, Report, Shut, Taken, Told

log = logging.getLogger("undertone.webrtc")
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
        configuration: RTCConfiguration,
        tell: Callable[[Report], None],
        behind: Callable[[], bool],
    ) -> None:
        self._call = call
        self._channels = channels
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
        """Take whatever comes until the end, for what nobody takes gathers in aiortc."""
        try:
            while True:
                frame = await track.recv()
                if self._over:
                    continue
                assert isinstance(frame, AudioFrame)
                pcm: Pcm = frame.to_ndarray().reshape(-1, frame.layout.nb_channels).astype(np.int16, copy=False)
                assert frame.pts is not None
                for piece in self._audio.feed(frame.pts, frame.sample_rate, pcm, time.monotonic()):
                    self._pass_on(piece)
        except MediaStreamError:
            self.end(GONE)
        except Exception:
            log.exception("the audio of a peer cannot be used")
            self.end("server.failed")

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
