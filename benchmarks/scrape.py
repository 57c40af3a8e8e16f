"""`python -m benchmarks.scrape`: for how long a scrape of /metrics keeps the event loop from its calls.

As many live calls as asked for, each of two parties whose emotion is inferred, subject to a few rules; the scores are
drawn anew for each scrape. `loop`: reading the calls; `thread`: writing the text, while the loop goes on.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client import GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import CollectorRegistry

from benchmarks.figures import percentile
from metrics.instruments import Instruments
from metrics.readings import CallReading, RuleReading
from metrics.snapshot import Snapshot
from monitor.labels import LABELS
from stream_server.version import VERSION

RULES = ("anger", "risk", "silence", "talk-ratio")
ACCEPTED = {"text": "", "OpenMetrics": "application/openmetrics-text;version=1.0.0"}
"""What Accept says; Prometheus asks for OpenMetrics."""
PER_CALL = (0, 20, 50)


def readings(scores: NDArray[np.float64]) -> list[CallReading]:
    """`scores`: shape (calls, labels)."""
    return [
        CallReading(
            f"call-{number:08}",
            [("left", dict(zip(LABELS, row, strict=True))), ("right", dict(zip(LABELS, reversed(row), strict=True)))],
            [
                RuleReading(rule, "warning", row[at], row[at] > 0.2, True, int(row[at] > 0.3))
                for at, rule in enumerate(RULES)
            ],
        )
        for number, row in enumerate(scores.tolist())
    ]


def measure(calls: int, per_call: int, accepted: str, scrapes: int) -> tuple[list[float], list[float], int]:
    """What each scrape takes of the event loop and of a thread, in ms, and the series that the last one gave."""
    registry = CollectorRegistry(auto_describe=True)
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    now: list[CallReading] = []
    Instruments(registry, VERSION).watch_calls(lambda: now, per_call)
    dice = np.random.default_rng(1)
    encode, _ = choose_encoder(accepted)
    loop_ms, thread_ms, series = [], [], 0
    for _ in range(scrapes):
        now[:] = readings(dice.dirichlet(np.ones(len(LABELS)), calls))
        began_s = time.perf_counter()
        snapshot = Snapshot(registry)
        asked_s = time.perf_counter()
        text = encode(snapshot)
        thread_ms.append(1000 * (time.perf_counter() - asked_s))
        loop_ms.append(1000 * (asked_s - began_s))
        series = sum(not line.startswith(b"#") for line in text.splitlines())
    return loop_ms, thread_ms, series


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scrape", description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=500, help="live calls (default 500)")
    parser.add_argument("--scrapes", type=int, default=50, help="of which the median is told (default 50)")
    options = parser.parse_args(arguments)
    print(f"{options.calls} live calls, {len(RULES)} rules; ms, median and p95")
    print(f"{'format':12} metrics.per_call  series  loop          thread")
    for name, accepted in ACCEPTED.items():
        for per_call in PER_CALL:
            *taken, series = measure(options.calls, per_call, accepted, options.scrapes)
            shown = (f"{percentile(ms, 0.5):5.1f} {percentile(ms, 0.95):6.1f}" for ms in taken)
            print(f"{name:12} {per_call:16}  {series:6}  {'  '.join(shown)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
