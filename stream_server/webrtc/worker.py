"""The process that speaks WebRTC with the peers of many calls, so that the event loop of the server need not."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from stream_server.webrtc.wire import (
    Answer,
    Ask,
    Drop,
    End,
    Heard,
    Line,
    Offer,
    Order,
    Ready,
    Say,
    Strained,
    Surroundings,
    Trickle,
    Unusable,
    connect,
    orders,
)

if TYPE_CHECKING:
    from aiortc import RTCConfiguration

    from stream_server.webrtc.peer import Peer

log = logging.getLogger("undertone.webrtc")
TELL_EVERY_S = 0.5
MOST_UNSENT_BYTES = 4 << 20
"""Audio that the server has not taken yet; what comes beyond that is left out."""


def main(end: socket.socket, surroundings: Surroundings) -> None:
    """Serve the line until it is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):  # are for the server, which has last words to say
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("aioice", "aiortc"):  # they tell of every candidate
        logging.getLogger(name).setLevel(logging.WARNING)
    from stream_server.webrtc.tuned import prepare  # with aiortc, which only this process needs

    prepare(surroundings)
    try:
        import uvloop  # is not there on Windows
    except ImportError:
        asyncio.run(serve(end, surroundings))
    else:
        uvloop.run(serve(end, surroundings))


async def serve(end: socket.socket, surroundings: Surroundings) -> None:
    """Serve the line until it is closed, then close every connection."""
    desk = Desk(surroundings)
    await connect(end, desk.line)
    desk.line.send(Ready(0))
    telling = asyncio.create_task(desk.tell_strain())
    await desk.closed.wait()
    telling.cancel()
    await desk.close()


class Desk:
    """Where the server's orders come in and its peers' reports go out."""

    def __init__(self, surroundings: Surroundings) -> None:
        self.closed = asyncio.Event()
        self.line: Line[Order] = Line(orders, self._receive, self.closed.set)
        self._configuration = configuration(surroundings)
        self._peers: dict[int, Peer] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        await asyncio.gather(*(peer.close() for peer in self._peers.values()), return_exceptions=True)

    async def tell_strain(self) -> None:
        """Say all the time how late this event loop is."""
        while True:
            began_s = time.monotonic()
            await asyncio.sleep(TELL_EVERY_S)
            self.line.send(Strained(0, max(0.0, time.monotonic() - began_s - TELL_EVERY_S)))

    def _receive(self, order: Order) -> None:
        if isinstance(order, Offer):
            self._run(self._answer(order))
            return
        if isinstance(order, Ask):
            self.line.send(Ready(0))
            return
        peer = self._peers.get(order.call)
        if peer is None:
            return
        match order:
            case Say(event=event):
                peer.say(event)
            case Trickle(mid=mid, candidates=candidates, complete=complete):
                self._run(peer.trickle(mid, candidates, complete))
            case Heard(weight_bytes=weight_bytes):
                peer.heard(weight_bytes)
            case End():
                peer.end("finished")
            case Drop():
                del self._peers[order.call]
                self._run(peer.close())

    async def _answer(self, offer: Offer) -> None:
        from stream_server.webrtc.peer import Peer

        peer = Peer(offer.call, offer.channels, offer.codecs, self._configuration, self.line.send, self._behind)
        self._peers[offer.call] = peer
        try:
            self.line.send(Answer(offer.call, await peer.answer(offer.sdp)))
        except Exception as error:  # aiortc asserts what it expects of an offer, so anything may come
            log.info("an offer cannot be answered: %s: %s", type(error).__name__, error)
            reason = str(error) if isinstance(error, ValueError) else "it is not as WebRTC has it"
            self.line.send(Unusable(offer.call, reason[:200]))
            if self._peers.pop(offer.call, None) is peer:
                await peer.close()

    def _behind(self) -> bool:
        return self.line.unsent > MOST_UNSENT_BYTES

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("something of a peer's went wrong: %s: %s", type(error).__name__, error)


def configuration(surroundings: Surroundings) -> RTCConfiguration:
    """What every connection is made with."""
    from aiortc import RTCConfiguration, RTCIceServer

    servers = [RTCIceServer(url, user or None, password or None) for url, user, password in surroundings.servers]
    return RTCConfiguration(iceServers=servers)  # never None: that would be a public STUN server
