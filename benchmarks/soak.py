"""`python -m benchmarks.soak RECORDING`: calls that come and go for half an hour; does memory stay flat?"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import psutil

from benchmarks.caller import Wire
from benchmarks.crowd import Place, Tally, keep_calling
from benchmarks.memory import SHORTEST_S, Course, Sample, course, draw, write_table
from benchmarks.serving import Serving, ServingError
from benchmarks.trial import Meter
from benchmarks.visitors import keep_asking, keep_looking_on
from evaluation.manifest import ROOT
from workbench import media
from workbench.media import MediaError

RESULTS = ROOT / "benchmarks" / "results"
GOAL_MB = 600.0
SAMPLE_EVERY_S = 10.0
ONLOOKERS = 2
LAST_CALLS_S = 90.0
SMALL_BUFFERS = ("--stream.replay-events=5000", "--stream.ended-calls=100")
"""So that what the server keeps on purpose is full long before the second half, whose slope is judged."""


class Watch:
    """Samples a server's processes, those of its models included."""

    def __init__(self, server: Serving, tally: Tally) -> None:
        self.samples: list[Sample] = []
        self._server = server
        self._meter = Meter(server.pid)
        self._process = psutil.Process(server.pid)
        self._tally = tally
        self._began_s = time.monotonic()

    def sample(self) -> None:
        """Raises ServingError if the process is gone."""
        if not self._server.running:
            raise ServingError(f"the server died in the middle of it\n{self._server.log()[-3000:]}")
        try:
            used, family = self._meter.read(), [self._process, *self._process.children(recursive=True)]
            self.samples.append(
                Sample(
                    round(time.monotonic() - self._began_s, 1),
                    round(used.rss_mb, 2),
                    round(used.cores, 2),
                    sum(process.num_threads() for process in family),
                    sum(process.num_fds() for process in family),
                    self._tally.calls.total(),
                    self._tally.faults,
                )
            )
        except psutil.Error as error:
            raise ServingError(f"the server's process cannot be looked at: {error}") from None


async def soak(place: Place, watch: Watch, tally: Tally, seconds: float, callers: int, seed: int) -> None:
    """Let the crowd in, sample every 10 s, and let the last calls end. Raises ServingError if the server dies."""
    stop = asyncio.Event()
    dice = [random.Random(seed + n) for n in range(callers + ONLOOKERS)]
    calling = [asyncio.create_task(keep_calling(place, own, tally, stop)) for own in dice[:callers]]
    looking = [asyncio.create_task(keep_looking_on(place, own, tally, stop)) for own in dice[callers:]]
    asking = asyncio.create_task(keep_asking(place, SAMPLE_EVERY_S, tally, stop))
    crowd = [*calling, *looking, asking]
    until_s = time.monotonic() + seconds
    try:
        watch.sample()
        while (left_s := until_s - time.monotonic()) > 0:
            done, _ = await asyncio.wait(
                crowd, timeout=min(SAMPLE_EVERY_S, left_s), return_when=asyncio.FIRST_EXCEPTION
            )
            for task in done:
                task.result()
            watch.sample()
        stop.set()
        await asyncio.wait(calling, timeout=LAST_CALLS_S)
    finally:
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)


def still_active(url: str) -> float:
    """Live calls by the server's own count."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("undertone_streams_active{"))


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 if the server failed; goals that are missed are said. Further flags go to the server."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak",
        description=__doc__.split("\n")[0],
        epilog="Any further flag goes to `undertone serve`. By default those are "
        + " ".join(SMALL_BUFFERS)
        + ", so that what the server keeps on purpose is full before the slope is taken.",
    )
    parser.add_argument("recording", type=Path, help="anything FFmpeg reads; mixed to one channel")
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default 30)")
    parser.add_argument("--calls", type=int, default=6, help="calls at once (default 6)")
    parser.add_argument("--seed", type=int, default=1, help="of the dice (default 1)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the figures there")
    options, server_flags = parser.parse_known_args(arguments)
    tally = Tally()
    try:
        wire = Wire()
        data = wire.encode(np.concatenate(list(media.read(options.recording, 1)), axis=1)[0])
        with Serving([*SMALL_BUFFERS, *server_flags]) as server:
            watch = Watch(server, tally)
            print(f"soaking   {options.minutes:g} min, {options.calls} calls at once, process {server.pid}", flush=True)
            print("          with " + " ".join([*SMALL_BUFFERS, *server_flags]))
            place = Place(server.url, wire, data)
            asyncio.run(soak(place, watch, tally, options.minutes * 60, options.calls, options.seed))
            time.sleep(1)
            if active := still_active(server.url):
                tally.fault(f"the server counts {active:g} live calls after all have ended")
            status = server.stop()
            troubles = server.trouble()
    except (MediaError, ServingError, OSError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    went = course(watch.samples)
    _report(tally, watch.samples, went, troubles)
    print(f"server    exit status {status}, {server.stop_s:.1f} s after SIGTERM")
    _write(watch.samples, f"{options.calls} calls at once, {options.recording.name}")
    if options.json is not None:
        document = {
            "memory": {key: None if math.isnan(value) else round(value, 3) for key, value in asdict(went).items()},
            "calls": dict(tally.calls),
            "faults": tally.faults,
            "exit_status": status,
        }
        options.json.write_text(json.dumps(document) + "\n", encoding="utf-8")
    return 0 if status == 0 and tally.faults == 0 else 1


def _report(tally: Tally, samples: Sequence[Sample], went: Course, troubles: Sequence[str]) -> None:
    seconds = samples[-1].at_s
    busy = (samples[-1].cpu_s - samples[0].cpu_s) / max(seconds, 1.0)
    kinds = ", ".join(f"{count} {manner}" for manner, count in sorted(tally.calls.items()))
    print(f"calls     {tally.calls.total()} ({kinds}), {tally.onlookers} onlookers, {tally.events} events read")
    last = samples[-1]
    print(f"server    {busy:.2f} cores busy; at the end {last.threads} threads, {last.descriptors} open files")
    settled = "" if math.isnan(went.settled_mb) else f"{went.settled_mb:.0f} MB after 2 min, "
    print(f"memory    {went.start_mb:.0f} MB after the start, {settled}{went.end_mb:.0f} MB at the end")
    print(
        f"          {went.slope_mb_per_h:+.1f} MB/h over the second half, in which it rose by {100 * went.rise:+.2f} %"
    )
    print(f"          goal < {GOAL_MB:g} MB after the start: {'met' if went.start_mb < GOAL_MB else 'MISSED'}")
    verdict = "met" if went.flat else "MISSED"
    print(f"          goal flat: {verdict if seconds >= SHORTEST_S else f'{seconds:.0f} s are too short to tell'}")
    if tally.warnings:
        print("warnings  " + ", ".join(f"{count} {code}" for code, count in tally.warnings.most_common()))
    print(f"faults    {tally.faults}")
    for reason in [*tally.fault_reasons, *troubles[:20]]:
        print(f"          {reason}")


def _write(samples: Sequence[Sample], title: str) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    stem = time.strftime("soak-%Y%m%d-%H%M%S")
    write_table(samples, RESULTS / f"{stem}.csv")
    drawn = draw(samples, RESULTS / f"{stem}.png", title)
    print(f"wrote     benchmarks/results/{stem}.csv" + (" and .png" if drawn else "; no picture without matplotlib"))


if __name__ == "__main__":
    sys.exit(main())
