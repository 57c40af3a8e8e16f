"""`python -m benchmarks.beside RECORDING FOLDER`: do live calls suffer while recordings are worked on?"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path

import httpx
import numpy as np

from benchmarks.caller import Wire
from benchmarks.figures import percentile
from benchmarks.lag import Lags, measure
from benchmarks.serving import Serving, ServingError
from stream_server.live.sender import CHUNK_S
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Encoding
from workbench import media
from workbench.media import MediaError
from workbench.recordings import find

APART_S = 0.217
"""Calls begin so far apart, so that their hops do not fall together."""


async def calls(server: str, data: bytes, wire: Wire, count: int) -> Lags:
    """So many live calls side by side; their lags in one."""

    async def call(number: int) -> Lags:
        await asyncio.sleep(APART_S * number)
        return await measure(server, data, wire, CHUNK_S)

    found = await asyncio.gather(*(call(number) for number in range(count)))
    return Lags(
        [ms for lags in found for ms in lags.server_ms],
        [ms for lags in found for ms in lags.client_ms],
        [trouble for lags in found for trouble in lags.troubles],
    )


async def work(server: str, recordings: Sequence[Path], count: int) -> tuple[int, float]:
    """Send jobs of `count` recordings, one after the other, until cancelled; how many recordings were done, in how many
    seconds of work."""
    done, taken_s = 0, 0.0
    async with httpx.AsyncClient(base_url=server, timeout=120) as client:
        with suppress(asyncio.CancelledError):
            while True:
                files = [
                    ("audio", (f"{number}{path.suffix}", path.open("rb")))
                    for number, path in enumerate(islice(cycle(recordings), count))
                ]
                try:
                    job = (await client.post("/v1/jobs?embeddings=true", files=files)).raise_for_status().json()
                finally:
                    for _, (_, file) in files:
                        file.close()
                before = done, taken_s
                while job["state"] not in ("done", "failed"):
                    await asyncio.sleep(0.5)
                    job = (await client.get(f"/v1/jobs/{job['job_id']}")).json()
                    done, taken_s = before[0] + job["done"], before[1] + job["taken_s"]
    return done, taken_s


async def compare(server: str, data: bytes, wire: Wire, recordings: Sequence[Path], options: argparse.Namespace) -> int:
    print(f"{options.calls} live calls of {options.seconds:g} s, lag_ms of their emotion events")
    print(f"{'milliseconds':32}{'p50':>9}{'p95':>9}{'p99':>9}{'max':>9}{'events':>9}")
    troubles = []
    for phase in ("calls alone", "beside a batch", "calls alone again"):
        working = asyncio.create_task(work(server, recordings, options.files)) if "batch" in phase else None
        if working is not None:
            await asyncio.sleep(options.settle)  # the process starts and loads its models meanwhile
        lags = await calls(server, data, wire, options.calls)
        figures = [round(percentile(lags.server_ms, share), 1) for share in (0.5, 0.95, 0.99, 1.0)]
        print(f"{phase:32}" + "".join(f"{ms:9.1f}" for ms in figures) + f"{len(lags.server_ms):9}")
        troubles += [f"{phase}: {trouble}" for trouble in lags.troubles]
        if working is not None:
            working.cancel()
            done, taken_s = await working
            print(f"  meanwhile {done} recordings were done, in {taken_s:.1f} s of work")
    for trouble in troubles[:20]:
        print(f"  {trouble}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 if a call or the server failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.beside", description=__doc__.split("\n")[0])
    parser.add_argument("recording", type=Path, help="what every live call plays, mixed to one channel")
    parser.add_argument("folder", type=Path, help="recordings that are worked on meanwhile, again and again")
    parser.add_argument("--calls", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=40.0, help="length of the calls (default 40)")
    parser.add_argument("--files", type=int, default=500, help="recordings in a job (default 500)")
    parser.add_argument("--settle", type=float, default=15.0, help="seconds between a job and the calls (default 15)")
    options = parser.parse_args(arguments)
    wire = Wire(Encoding.PCM_S16LE, SAMPLE_RATE_HZ)
    try:
        audio = np.concatenate(list(media.read(options.recording, 1)), axis=1)[0]
        data = wire.encode(audio[: round(options.seconds * SAMPLE_RATE_HZ)])
        recordings = [item.source for item in find([options.folder]) if isinstance(item.source, Path)]
        with Serving() as server:
            return asyncio.run(compare(server.url, data, wire, recordings, options))
    except (MediaError, ServingError, OSError, httpx.HTTPError) as error:
        print(f"beside: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
