"""`python -m benchmarks.overload`: what a server does with more calls than it can serve, and after that."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop

from benchmarks.caller import Wire
from benchmarks.deaf import Ward
from benchmarks.live import allow_files, server_settings
from benchmarks.livereport import write_json
from benchmarks.load import Load
from benchmarks.scripts import Form, Script, cuts, read, recordings, write
from benchmarks.serving import Serving, ServingError
from benchmarks.storm import AFTER, CALM, STORM, Watch, recovery, span
from benchmarks.stormreport import Outcome, document, draw, lines
from stream_server.settings import SettingsError
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Encoding
from workbench.media import MediaError

SMALL_OUTBOX = "--stream.outbox-events=32"
"""So that a slow reader's outbox is full before the server's patience with its socket ends, 30 s."""
LAST_LOOK_S = 5.0
TROUBLE_SHOWN = 12
CALLS = 800
FILES = ("json", "plot", "recording", "figures")


@dataclass(slots=True)
class Observed:
    """What is seen while it lasts, besides the seconds."""

    start_mb: float = math.nan
    lost_processes: int = 0
    dropped: int = 0
    cut_s: float = math.nan


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 if something failed to run or the server crashed. A promise that breaks is a result."""
    options, further_flags = _parser().parse_known_args(arguments)
    server_flags = [*([SMALL_OUTBOX] if options.slow_readers else []), *further_flags]
    try:
        if options.calls is None:
            options.calls = twice(options.figures)
        server_settings(server_flags)
        form = Form(Wire(Encoding(options.encoding), options.rate), 1, options.chunk_ms / 1000)
        sources = read(options.recording, 1) if options.recording else recordings(1)
        scripts = write(cuts(sources, options.scripts, options.seconds), form)
        print(
            f"{options.calm_calls} calls for {options.calm_s:g} s, {options.calls} wanted for {options.storm_s:g} s, "
            f"{options.calm_calls} for {options.after_s:g} s; {options.slow_readers} stop reading",
            flush=True,
        )
        print("server with " + (" ".join(server_flags) or "its defaults"), flush=True)
        allow_files()
        outcome = run(options, server_flags, form, scripts)
    except (MediaError, ServingError, SettingsError, psutil.Error, OSError, ValueError, KeyError) as error:
        print(f"overload: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines(outcome)))
    conditions = {key: value for key, value in vars(options).items() if key not in FILES}
    conditions |= {"recording": [file.name for file in options.recording], "server_flags": server_flags}
    conditions |= {"cores": len(os.sched_getaffinity(0))}
    if options.json is not None:
        write_json(options.json, document(outcome, conditions))
    if options.plot is not None:
        title = f"{options.calls} calls wanted, {options.calm_calls} before and after"
        drawn = draw(outcome.seconds, options.plot, title)
        print(f"drew {options.plot}" if drawn else "no picture without matplotlib")
    return 1 if outcome.lost_processes or outcome.exit_status else 0


def run(options: argparse.Namespace, server_flags: Sequence[str], form: Form, scripts: Sequence[Script]) -> Outcome:
    """Everything, from the server's start to its end. Raises ServingError, OSError."""
    with Serving(server_flags) as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        watch, ward, seen = runner.run(weather(server, options, form, scripts))
        status = None
        if server.running:
            status = server.stop()
        said = server.trouble()
    phases = {name: [one for one in watch.seconds if one.phase == name] for name in (CALM, STORM, AFTER)}
    spans = {name: span(some, watch.records[name]) for name, some in phases.items() if some}
    came_out = recovery(phases[CALM], phases[AFTER]) if phases[CALM] and phases[AFTER] else None
    return Outcome(
        seconds=watch.seconds,
        spans=spans,
        records=watch.records,
        recovery=came_out,
        start_mb=seen.start_mb,
        ward=ward.became(),
        dropped=seen.dropped,
        cut_s=seen.cut_s,
        lost_processes=seen.lost_processes,
        exit_status=status,
        trouble=said[:TROUBLE_SHOWN],
    )


async def weather(
    server: Serving, options: argparse.Namespace, form: Form, scripts: Sequence[Script]
) -> tuple[Watch, Ward, Observed]:
    """The calm, the storm and what comes after; a server that dies ends it early. Raises OSError."""
    gc.collect()
    gc.freeze()
    url = form.wire.url(server.url, **form.query)
    load = Load(url, scripts, options.jitter_ms / 1000, options.seed)
    watch, ward, seen = Watch(load, server.url, server.pid), Ward(url, scripts, options.slow_readers), Observed()
    process = psutil.Process(server.pid)
    family = {one.pid for one in (process, *process.children(recursive=True))}
    seen.start_mb = sum(psutil.Process(pid).memory_info().rss for pid in family) / 1e6
    listening = asyncio.create_task(watch.listen())
    minding: list[asyncio.Task[None]] = []
    try:
        await ward.call()
        await watch.hold(CALM, options.calm_calls, min(options.ramp_s, options.calm_s / 2), options.calm_s)
        ward.go_deaf()
        minding = [asyncio.create_task(mind(ward, watch, seen)), asyncio.create_task(ward.mind(server.url))]
        await watch.hold(STORM, options.calls, options.ramp_s, options.storm_s)
        await watch.hold(AFTER, options.calm_calls, 0.0, options.after_s)
    except psutil.Error as error:
        print(f"the server is gone: {error}", flush=True)
    finally:
        for task in (listening, *minding):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        alive = {pid for pid in family if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"}
        seen.lost_processes = len(family - alive)
        await ward.look(LAST_LOOK_S)
        await load.close(options.patience_s if server.running else 0.0)
    return watch, ward, seen


def twice(figures: Path | None) -> int:
    """Twice the calls of row ii in a file of `benchmarks.capacity`; CALLS where there is none. Raises OSError,
    ValueError, KeyError."""
    rows = [] if figures is None else json.loads(figures.read_text("utf-8"))["rows"]
    return next((2 * row["most_calls"] for row in rows if row["key"] == "ii" and row["most_calls"]), CALLS)


async def mind(ward: Ward, watch: Watch, seen: Observed) -> None:
    """Note what the server says that it has left out and cut off, until the last who does not read is cut."""
    began_s = time.monotonic()
    while ward.size:
        await asyncio.sleep(0.5)
        cut = sum(
            value for (name, labels), value in watch.told.items()
            if name == "undertone_calls_total" and ("reason", "client.too_slow") in labels
        )  # fmt: skip
        dropped = watch.told.get(("undertone_events_dropped_total", frozenset({("reader", "call")})), 0.0)
        seen.dropped = max(seen.dropped, round(dropped))
        if cut >= ward.size:
            seen.cut_s = time.monotonic() - began_s
            return


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.overload",
        description=__doc__.split("\n")[0],
        epilog=f"Any further flag goes to `undertone serve`. With slow readers it has {SMALL_OUTBOX} already.",
        allow_abbrev=False,
    )
    parser.add_argument("--calls", type=int, help=f"wanted in the storm (default {CALLS}, or as of --figures)")
    parser.add_argument("--figures", type=Path, metavar="PATH", help="twice what benchmarks.capacity wrote there")
    parser.add_argument("--storm-s", type=float, default=600.0, help="length of the storm (default 600)")
    parser.add_argument("--calm-calls", type=int, default=50, help="before and after it (default 50)")
    parser.add_argument("--calm-s", type=float, default=60.0, help="before it (default 60)")
    parser.add_argument("--after-s", type=float, default=120.0, help="after it (default 120)")
    parser.add_argument("--slow-readers", type=int, default=5, help="callers who stop reading (default 5)")
    parser.add_argument("--ramp-s", type=float, default=10.0, help="in which the storm's callers come (default 10)")
    parser.add_argument("--jitter-ms", type=float, default=20.0, help="largest delay of a message (default 20)")
    parser.add_argument("--patience-s", type=float, default=20.0, help="for the last calls to end (default 20)")
    parser.add_argument("--seed", type=int, default=1, help="of the dice (default 1)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write everything there")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="also draw it over time")
    played = parser.add_argument_group("what is played")
    played.add_argument("--recording", type=Path, nargs="+", default=[], help="instead of those of the data folder")
    played.add_argument("--scripts", type=int, default=12, help="different calls (default 12)")
    played.add_argument("--seconds", type=float, default=60.0, help="length of a call (default 60)")
    played.add_argument("--encoding", choices=("pcm_s16le", "mulaw"), default="pcm_s16le")
    played.add_argument("--rate", type=int, default=SAMPLE_RATE_HZ, help="sample rate in Hz (default 16000)")
    played.add_argument("--chunk-ms", type=float, default=100.0, help="length of a message (default 100)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
