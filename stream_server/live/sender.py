"""`undertone stream`: a recording, sent to a server as a live call."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from monitor.events import CallEnded, Error, Event, decode
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples
from workbench import media
from workbench.media import MediaError

CHUNK_S = 0.1


class StreamError(Exception):
    """The recording could not be streamed; the message says why."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What is sent where. `speed` 1 is real time."""

    recording: Path
    url: str
    roles: tuple[str, ...]
    speed: float
    call_id: str | None


Hear = Callable[[Event], None]
Level = Callable[[float, float], None]
"""Told after each chunk: how far the recording has been sent, in seconds, and its level in dB full scale."""


async def send(sending: Sending, hear: Hear, level: Level) -> None:
    """Stream the recording, passing every event to `hear`, until the call has ended. Raises StreamError, MediaError."""
    blocks = media.opened(media.read(sending.recording, len(sending.roles)))
    query = {
        "encoding": "pcm_s16le",
        "sample_rate": str(SAMPLE_RATE_HZ),
        "channels": str(len(sending.roles)),
        "roles": ",".join(sending.roles),
    }
    if sending.call_id is not None:
        query["call_id"] = sending.call_id
    url = f"{_websocket_url(sending.url)}/v1/stream?{urlencode(query)}"
    try:
        async with connect(url, max_size=None, compression=None) as socket:
            hearing = asyncio.create_task(_hear(socket, hear))
            try:
                await _pace(socket, _chunks(blocks), sending, level, hearing)
                await hearing
            finally:
                hearing.cancel()
    except InvalidStatus as error:
        status = error.response.status_code
        raise StreamError(f"{sending.url} answers {status}: no Undertone takes streams at this address") from None
    except (OSError, InvalidURI, InvalidHandshake) as error:
        raise StreamError(f"cannot reach {sending.url}: {error}; is `undertone serve` running there?") from None


def _websocket_url(url: str) -> str:
    url = url.rstrip("/").removesuffix("/v1/stream")
    for scheme, socket_scheme in (("http://", "ws://"), ("https://", "wss://")):
        if url.startswith(scheme):
            return socket_scheme + url.removeprefix(scheme)
    return url if url.startswith(("ws://", "wss://")) else f"ws://{url}"


def _chunks(blocks: Iterator[Samples]) -> Iterator[Samples]:
    step = round(CHUNK_S * SAMPLE_RATE_HZ)
    for block in blocks:
        yield from (block[:, at : at + step] for at in range(0, block.shape[1], step))


async def _pace(
    socket: ClientConnection,
    chunks: Iterator[Samples],
    sending: Sending,
    level: Level,
    hearing: asyncio.Task[None],
) -> None:
    """Send each chunk when its last sample would have been spoken."""
    began_s = time.monotonic()
    sent_s = 0.0
    label = {"type": "configure", "tags": {"recording": sending.recording.name[:200]}}
    with suppress(ConnectionClosed):  # what the server had to say about it is heard, not sent
        await socket.send(msgspec.json.encode(label).decode())
        for chunk in chunks:
            sent_s += chunk.shape[1] / SAMPLE_RATE_HZ
            await asyncio.sleep(max(0.0, began_s + sent_s / sending.speed - time.monotonic()))
            if hearing.done():
                return
            pcm = np.clip(np.rint(chunk.T * 32767.0), -32768, 32767).astype("<i2")
            await socket.send(pcm.tobytes())
            level(sent_s, 10 * float(np.log10(np.mean(np.square(chunk)) + 1e-10)))
        await socket.send('{"type":"finish"}')


async def _hear(socket: ClientConnection, hear: Hear) -> None:
    """Pass events on until the call has ended. Raises StreamError if it was refused or broke off."""
    fatal: Error | None = None
    broken = "closed before the call had ended"
    try:
        async for message in socket:
            event = decode(message)
            hear(event)
            if isinstance(event, Error) and not event.call_survives:
                fatal = event
            if isinstance(event, CallEnded):
                if event.reason == "finished":
                    return
                broken = f"ended the call as {event.reason}"
                break
    except ConnectionClosed as error:
        broken = str(error)
    except msgspec.DecodeError as error:
        broken = f"sent what is no event ({error})"
    if fatal is not None:
        raise StreamError(f"the server refused: {fatal.code}: {fatal.reason}")
    raise StreamError(f"the server broke off: {broken}")


def run(sending: Sending, hear: Hear, level: Level) -> int:
    """`send`, with its errors on standard error; the exit status."""
    try:
        asyncio.run(send(sending, hear, level))
    except (StreamError, MediaError) as error:
        print(f"undertone: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0
