"""`python -m benchmarks.scrape`: for how long a scrape of /metrics keeps the event loop from its calls.

As many live calls as asked for, each of two parties whose emotion is inferred, subject to a few rules, as they stand
after some seconds of a recording. `loop`: reading the calls; `thread`: writing the text, while the loop goes on. Both
in ms of a core, so that who else uses the machine does not count.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from benchmarks.figures import percentile
from benchmarks.scripts import cuts, read, recordings
from inference.model import Models, specs
from metrics.settings import MetricsConfig
from metrics.snapshot import Snapshot
from monitor.events import CallStarted, Emotion
from monitor.rules import AlertsConfig, Rule
from stream_server.live.callbook import CallRecord
from stream_server.live.crews import load_models
from stream_server.live.engine import Engine
from stream_server.live.sessions import open_session
from stream_server.settings import Settings
from vad.grid import SAMPLE_RATE_HZ
from workbench import offline
from workbench.media import MediaError

RULES = (
    Rule(name="anger", score={"angry": 1.0}, above=0.5),
    Rule(name="risk", score={"angry": 1.0, "fearful": 1.0}, above=0.6),
    Rule(name="dead-air", measure="silence_s", above=20.0),
    Rule(name="monologue", measure="talk_ratio", above=0.9),
)
ACCEPTED = {"text": "", "OpenMetrics": "application/openmetrics-text;version=1.0.0"}
"""What Accept says; Prometheus asks for OpenMetrics."""
PER_CALL = (0, 20, 50)
HEARD_S = 12.0


def crowd(engine: Engine, models: Models, calls: int, files: Sequence[Path]) -> None:
    """Put so many live calls into the engine's book; they share one session. Raises MediaError."""
    (audio,) = cuts(read(files, 2) if files else recordings(2), 1, HEARD_S)
    session = open_session(engine.settings, specs(models), "call", ("left", "right"), "websocket")
    blocks = (audio[:, at : at + SAMPLE_RATE_HZ] for at in range(0, audio.shape[1], SAMPLE_RATE_HZ))
    events = list(offline.run(session, blocks, models))
    started = next(event for event in events if isinstance(event, CallStarted))
    scores = [event for event in events if isinstance(event, Emotion) and event.label is not None]
    for number in range(calls):
        record = CallRecord(session, msgspec.structs.replace(started, call_id=f"call-{number:08}"), "")
        for event in scores:
            record.apply(event)
        engine.book.open(record)


def measure(registry: Collector, accepted: str, scrapes: int) -> tuple[list[float], list[float], int]:
    """What each scrape takes of the event loop and of a thread, in ms of a core, and the series of the last one."""
    encode, _ = choose_encoder(accepted)
    loop_ms, thread_ms, series = [], [], 0
    for _ in range(scrapes):
        began_s = time.thread_time()
        snapshot = Snapshot(registry)
        asked_s = time.thread_time()
        text = encode(snapshot)
        thread_ms.append(1000 * (time.thread_time() - asked_s))
        loop_ms.append(1000 * (asked_s - began_s))
        series = sum(not line.startswith(b"#") for line in text.splitlines())
    return loop_ms, thread_ms, series


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scrape", description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=500, help="live calls (default 500)")
    parser.add_argument("--scrapes", type=int, default=50, help="of which the median is told (default 50)")
    parser.add_argument("--recording", type=Path, nargs="+", default=[], help="instead of that of the data folder")
    options = parser.parse_args(arguments)
    print(f"{options.calls} live calls, {len(RULES)} rules; ms of a core, median and p95")
    print(f"{'format':12} metrics.per_call  series  loop          thread")
    settings = replace(Settings(), alerts=AlertsConfig(defaults=False, rules=RULES))
    models = load_models(settings)
    try:
        for per_call in PER_CALL:
            engine = Engine(replace(settings, metrics=MetricsConfig(per_call)), [models])
            crowd(engine, models, options.calls, options.recording)
            for name, accepted in ACCEPTED.items():
                *taken, series = measure(engine.instruments.registry, accepted, options.scrapes)
                shown = (f"{percentile(ms, 0.5):5.1f} {percentile(ms, 0.95):6.1f}" for ms in taken)
                print(f"{name:12} {per_call:16}  {series:6}  {'  '.join(shown)}", flush=True)
    except MediaError as error:
        print(f"scrape: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
