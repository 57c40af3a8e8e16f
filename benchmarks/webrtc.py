"""`python -m benchmarks.webrtc RECORDING`: what calls over WebRTC cost, and how many a core holds."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks import publishers
from benchmarks.figures import percentile
from benchmarks.helper import Helper, HelperError
from benchmarks.publishers import APART_S, encode
from benchmarks.serving import Serving, ServingError
from workbench import media
from workbench.media import MediaError

GOAL_P95_MS, GOAL_P99_MS = 300.0, 600.0
SETTLE_S = 5.0
PATIENCE_S = 60.0
FLAGS = ("--webrtc.addresses", "127.0.0.1")
HEADING = (
    "| calls | lag p50 / p95 / p99, ms | WebRTC | server | models | publishers | ms of WebRTC per second of call | |"
)
ROW = (
    "| {0.calls} | {0.p50_ms:.0f} / {0.p95_ms:.0f} / {0.p99_ms:.0f} | {0.webrtc:.2f} | {0.server:.2f} | {0.models:.2f}"
)
ROW += " | {0.load:.2f} | {1:.1f} | {0.remarks} |"


@dataclass(frozen=True, slots=True)
class Result:
    """A number of calls: lags of their emotion events at the publisher, from the packet sent on; processor cores used
    by the process for WebRTC (0 where it is the server's own loop), the server, the models, and the publishers."""

    calls: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    webrtc: float
    server: float
    models: float
    load: float
    remarks: str

    @property
    def kept(self) -> bool:
        return not self.remarks


class Cores:
    """How many cores groups of processes use, from one look to the next."""

    def __init__(self, groups: dict[str, list[psutil.Process]]) -> None:
        self._groups = groups
        self._used_s = self._look()
        self._at_s = time.monotonic()

    def used(self) -> dict[str, float]:
        passed_s = time.monotonic() - self._at_s
        return {name: (used_s - self._used_s[name]) / passed_s for name, used_s in self._look().items()}

    def _look(self) -> dict[str, float]:
        return {
            name: sum(times.user + times.system for times in (process.cpu_times() for process in processes))
            for name, processes in self._groups.items()
        }


def measure(packets: list[bytes], calls: int, seconds: float, in_loop: bool) -> Result:
    """So many calls, on a server of their own. Raises ServingError, HelperError."""
    with Serving(FLAGS, "benchmarks.inloop" if in_loop else "stream_server.commands.cli") as server:
        serving = psutil.Process(server.pid)
        models = set(serving.children(recursive=True))
        with Helper("the publishers", publishers.publish, server.url, packets, calls) as load:
            load.answer(PATIENCE_S + 2 * calls * (1 + APART_S))
            webrtc = set(serving.children(recursive=True)) - models
            time.sleep(SETTLE_S)
            groups = {
                "server": [serving],
                "models": list(models),
                "webrtc": list(webrtc),
                "load": [psutil.Process(load.pid)],
            }
            began_s, cores = time.monotonic(), Cores(groups)
            time.sleep(seconds)
            used, ended_s = cores.used(), time.monotonic()
            load.ask()
            heard = json.loads(load.answer(PATIENCE_S))
        server.stop()
        return _result(calls, heard, (began_s, ended_s), used, server.trouble())


def _result(
    calls: int,
    heard: list[list[list[tuple[float, float | str]]]],
    span: tuple[float, float],
    used: dict[str, float],
    trouble: list[str],
) -> Result:
    lags = [float(lag) for each in heard for at_s, lag in each[0] if span[0] <= at_s <= span[1]]
    warned = Counter(str(code) for each in heard for at_s, code in each[1] if span[0] <= at_s <= span[1])
    ended = Counter(str(each[2]) for each in heard if each[2])
    deaf = sum(not each[0] for each in heard)
    p50, p95, p99 = (percentile(lags, share) for share in (0.5, 0.95, 0.99))
    remarks = [f"{count} {code}" for code, count in (warned + ended).items()]
    if not (p95 < GOAL_P95_MS and p99 < GOAL_P99_MS):
        remarks.append("late")
    if deaf:
        remarks.append(f"{deaf} calls heard nothing")
    return Result(
        calls,
        p50,
        p95,
        p99,
        used["webrtc"],
        used["server"],
        used["models"],
        used["load"],
        "; ".join([*remarks, *trouble[:3]]),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 if something failed to run. A promise that breaks is a result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.webrtc", description=__doc__.split("\n")[0])
    parser.add_argument("recording", type=Path, help="anything FFmpeg reads; mixed to one channel")
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 25, 50], help="how many at once (default 1 25 50)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each number is watched (default 20)")
    parser.add_argument("--in-loop", action="store_true", help="WebRTC in the server's own event loop, to compare")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the figures there")
    options = parser.parse_args(arguments)
    try:
        audio = np.concatenate(list(media.read(options.recording, 1)), axis=1)[0]
        packets = encode(audio)
        print(f"{options.recording.name} as Opus in packets of 20 ms; cores used by each part:\n\n{HEADING}")
        print("|---" * HEADING.count(" |") + "|")
        results = []
        for calls in options.calls:
            result = measure(packets, calls, options.seconds, options.in_loop)
            results.append(result)
            print(ROW.format(result, 1000 * (result.webrtc or result.server) / calls), flush=True)
    except (MediaError, ServingError, HelperError, psutil.Error, OSError) as error:
        print(f"webrtc: {error}", file=sys.stderr)
        return 1
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(result) for result in results]) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
