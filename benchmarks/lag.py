"""`python -m benchmarks.lag RECORDING`: how long after it was heard an emotion is told, in one live call."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.caller import FINISH, Wire, play
from benchmarks.figures import percentile
from benchmarks.serving import Serving, ServingError
from monitor.events import CallEnded, Emotion, Error, Warning, decode
from stream_server.live.sender import CHUNK_S
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Encoding
from workbench import media
from workbench.media import MediaError

GOAL_P95_MS = 100.0
TELEPHONY_MS = 20.0
POSITION_ROUNDING_S = 1e-3
ROW = "{:24}{:9.1f}{:9.1f}{:9.1f}"


@dataclass
class Lags:
    """Lags in milliseconds: as the server reports them, and as the client sees them (from just before it sent the
    chunk that holds the event's right edge until it had the event)."""

    server_ms: list[float] = field(default_factory=list)
    client_ms: list[float] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    _positions_s: list[float] = field(default_factory=list)
    _sent_at_s: list[float] = field(default_factory=list)

    def sent(self, position_s: float) -> None:
        self._positions_s.append(position_s)
        self._sent_at_s.append(time.monotonic())

    def told(self, event: Emotion) -> None:
        now_s = time.monotonic()
        holder = bisect_left(self._positions_s, event.t - POSITION_ROUNDING_S)
        if holder < len(self._positions_s):
            self.client_ms.append(1000 * (now_s - self._sent_at_s[holder]))
        if event.lag_ms is not None:
            self.server_ms.append(event.lag_ms)


async def measure(server: str, data: bytes, wire: Wire, chunk_s: float) -> Lags:
    """Send `data` in real time as one call and time its emotion events until the call has ended."""
    lags = Lags()
    async with connect(wire.url(server), max_size=None, compression=None) as socket:
        hearing = asyncio.create_task(_hear(socket, lags))
        await play(socket, data, wire, chunk_s=chunk_s, speed=1.0, sent=lags.sent)
        await socket.send(FINISH)
        await hearing
    return lags


async def _hear(socket: ClientConnection, lags: Lags) -> None:
    ended = False
    async for message in socket:
        match decode(message):
            case Emotion() as event:
                lags.told(event)
            case (Warning() | Error()) as event:
                lags.troubles.append(f"{event.code} at {event.t:.1f} s: {event.reason}")
            case CallEnded():
                ended = True
    if not ended:
        lags.troubles.append("the server closed the stream before the call had ended")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 if the call or the server failed. A goal that is missed is said, and no failure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lag", description=__doc__.split("\n")[0])
    parser.add_argument("recording", type=Path, help="anything FFmpeg reads; mixed to one channel")
    parser.add_argument("--seconds", type=float, default=60.0, help="how much of it is sent (default 60)")
    parser.add_argument("--rate", type=int, default=SAMPLE_RATE_HZ, help="sample rate on the wire (default 16000)")
    parser.add_argument("--encoding", choices=("pcm_s16le", "mulaw"), default="pcm_s16le")
    parser.add_argument(
        "--chunk-ms", type=float, help="length of a message (default 100; 20 for mulaw, as telephony sends it)"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the figures there")
    options = parser.parse_args(arguments)
    wire = Wire(Encoding(options.encoding), options.rate)
    chunk_ms = options.chunk_ms or (TELEPHONY_MS if wire.encoding is Encoding.MULAW else 1000 * CHUNK_S)
    try:
        audio = np.concatenate(list(media.read(options.recording, 1)), axis=1)[0]
        data = wire.encode(audio[: round(options.seconds * SAMPLE_RATE_HZ)])
        with Serving() as server:
            lags = asyncio.run(measure(server.url, data, wire, chunk_ms / 1000))
            status = server.stop()
            troubles = lags.troubles + server.trouble()
    except (MediaError, ServingError, OSError) as error:
        print(f"lag: {error}", file=sys.stderr)
        return 1
    if not lags.client_ms:
        print("lag: not one emotion event came; is there speech in the recording?", file=sys.stderr)
        return 1
    print(
        f"{options.recording.name}: {len(data) / wire.second_bytes:.0f} s in real time, {wire.encoding} at "
        f"{wire.rate_hz} Hz in messages of {chunk_ms:g} ms, {len(lags.client_ms)} emotion events"
    )
    print(f"{'milliseconds':24}{'p50':>9}{'p95':>9}{'max':>9}")
    rows = {"server": lags.server_ms, "client": lags.client_ms}
    figures = {name: [round(percentile(ms, share), 2) for share in (0.5, 0.95, 1.0)] for name, ms in rows.items()}
    print(ROW.format("lag_ms of the events", *figures["server"]))
    print(ROW.format("seen by the client", *figures["client"]))
    worst = max(figures["server"][1], figures["client"][1])
    print(f"goal p95 < {GOAL_P95_MS:g} ms: {'met' if worst < GOAL_P95_MS else 'MISSED'}")
    print(f"server: exit status {status}, {server.stop_s:.1f} s after SIGTERM")
    for trouble in troubles:
        print(f"  {trouble}")
    if options.json is not None:
        document = {name: dict(zip(("p50", "p95", "max"), values, strict=True)) for name, values in figures.items()}
        options.json.write_text(json.dumps({"lag_ms": document, "exit_status": status}) + "\n", encoding="utf-8")
    return 0 if status == 0 and not any("before the call" in trouble for trouble in troubles) else 1


if __name__ == "__main__":
    sys.exit(main())
