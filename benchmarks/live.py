"""`python -m benchmarks.live`: how many live calls a server holds before its promise breaks."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import uvloop

from benchmarks.audience import Audience
from benchmarks.caller import Wire
from benchmarks.helper import HelperError
from benchmarks.levels import Ladder, Level
from benchmarks.livereport import HEADING, details, document, draw, row, write_json
from benchmarks.load import Load
from benchmarks.scripts import Form, Script, cuts, read, recordings, total, write
from benchmarks.serving import Serving, ServingError
from benchmarks.sink import Sink
from benchmarks.trial import Trial
from stream_server.settings import Settings, SettingsError, declared, load
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Encoding
from workbench.media import MediaError

LEVELS = (50, 100, 200)


@dataclass(frozen=True, slots=True)
class Target:
    """What is loaded: its http:// address, its process if that is here, and whether it is only a sink."""

    url: str
    pid: int | None
    sink: bool = False


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 if something failed to run. A promise that breaks is a result."""
    options, server_flags = _parser().parse_known_args(arguments)
    try:
        if options.compare_subscribers and not options.subscribers:
            raise SettingsError("--compare-subscribers needs --subscribers N")
        settings = server_settings(server_flags)
        form = Form(Wire(Encoding(options.encoding), options.rate), options.channels, options.chunk_ms / 1000)
        expecting = not (options.sink or options.no_reference)
        sources = read(options.recording, form.channels) if options.recording else recordings(form.channels)
        pieces = cuts(sources, options.scripts, options.seconds)
        scripts = write(pieces, form, options.silent, settings if expecting else None)
        _announce(options, scripts, server_flags)
        allow_files()
        ladder = Ladder([options.start]) if options.find else None
        levels: list[Level] = []
        over = False
        while not over:
            with target(options, server_flags) as found, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                over = runner.run(measure(found, scripts, form, options, ladder, levels))
        best = None if ladder is None else ladder.best
    except (MediaError, ServingError, SettingsError, HelperError, psutil.Error, OSError) as error:
        print(f"live: {error}", file=sys.stderr)
        return 1
    _conclude(levels, best, options)
    conditions = {key: value for key, value in vars(options).items() if key not in ("json", "plot", "recording")}
    conditions |= {"recording": [file.name for file in options.recording], "server_flags": server_flags}
    conditions |= {"cores": len(os.sched_getaffinity(0))}
    if options.json is not None:
        write_json(options.json, document(levels, conditions, best))
    if options.plot is not None:
        title = f"{form.wire.encoding} at {form.wire.rate_hz} Hz, messages of {options.chunk_ms:g} ms"
        title += f", {100 * options.silent:.0f} % silent" if options.silent else ""
        drawn = draw(levels, options.plot, title)
        print(f"drew {options.plot}" if drawn else "no picture without matplotlib")
    return 0


def server_settings(flags: Sequence[str]) -> Settings:
    """What `undertone serve` makes of its `flags`, without the address. Raises SettingsError."""
    parser = argparse.ArgumentParser(prog="undertone serve", add_help=False, allow_abbrev=False)
    parser.add_argument("--config", type=Path)
    for setting in declared():
        parser.add_argument(*setting.flags, dest=setting.name)
    options, strange = parser.parse_known_args(flags)
    if strange:
        raise SettingsError(f"neither this benchmark nor `undertone serve` knows {' '.join(strange)}")
    given = {name: value for name, value in vars(options).items() if name != "config" and value is not None}
    return load(given, os.environ, options.config)


@contextmanager
def target(options: argparse.Namespace, server_flags: Sequence[str]) -> Iterator[Target]:
    """The server that is loaded, for as long as it is needed: one that runs elsewhere, a sink, or one of our own.

    Raises ServingError or HelperError.
    """
    with ExitStack() as stack:
        if options.url is not None:
            yield Target(options.url.rstrip("/"), None)
        elif options.sink:
            sink = stack.enter_context(Sink())
            yield Target(sink.url, sink.pid, sink=True)
        else:
            server = stack.enter_context(Serving(server_flags))
            yield Target(server.url, server.pid)
            status = server.stop()
            print(f"server: exit status {status}, {server.stop_s:.1f} s after SIGTERM")
            for line in server.trouble()[:20]:
                print(f"  {line[:116]}")


async def measure(
    found: Target,
    scripts: Sequence[Script],
    form: Form,
    options: argparse.Namespace,
    ladder: Ladder | None,
    levels: list[Level],
) -> bool:
    """Try the levels that the options name, or those of `ladder`, and append them to `levels`; whether all is done. A
    search stops at a level that broke, to go on with a fresh server: this one looks less often for a while."""
    gc.collect()
    gc.freeze()
    calls = Load(form.wire.url(found.url, **form.query), scripts, options.jitter_ms / 1000, options.seed)
    trial = Trial(calls, None if found.sink else found.url, found.pid, sink=found.sink)
    print(HEADING)

    async def hold(number: int, audience: Audience | None = None) -> Level:
        held = await trial.hold(
            number, ramp_s=options.ramp_s, settle_s=options.settle_s, hold_s=options.hold_s, audience=audience
        )
        levels.append(held)
        print("\n".join([row(held), *(f"{'':9}{line}" for line in details(held))]), flush=True)
        return held

    try:
        if options.compare_subscribers:
            await compare(options.calls or LEVELS[:1], hold, lambda: Audience(found.url, options.subscribers))
            return True
        with ExitStack() as stack:
            audience = stack.enter_context(Audience(found.url, options.subscribers)) if options.subscribers else None
            if ladder is None:
                for number in options.calls or LEVELS:
                    await hold(number, audience)
                return True
            while ladder.next is not None:
                held = await hold(ladder.next, audience)
                ladder.tried(held.calls, held.kept)
                if held.broken and found.pid is not None and not found.sink:
                    break
            return ladder.next is None
    finally:
        await calls.close()


async def compare(numbers: Sequence[int], hold: Callable[..., Any], audience: Callable[[], Audience]) -> None:
    """Each level without onlookers and with them, and what they cost the server."""
    for number in numbers:
        without = await hold(number)
        with audience() as present:
            beside = await hold(number, present)
        more = beside.server.cores - without.server.cores
        print(f"{'':9}{present.size} onlookers cost the server {more:+.2f} cores at {number} calls", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.live",
        description=__doc__.split("\n")[0],
        epilog="Any further flag goes to `undertone serve`, and to the replay that says what the events should be.",
        allow_abbrev=False,
    )
    parser.add_argument("--calls", type=int, nargs="+", help="calls at once, one level after the other")
    parser.add_argument("--find", action="store_true", help="look for the largest level at which the promise holds")
    parser.add_argument("--from", dest="start", type=int, default=50, help="where --find begins (default 50)")
    parser.add_argument("--ramp-s", type=float, default=10.0, help="in which a level is reached (default 10)")
    parser.add_argument("--settle-s", type=float, default=5.0, help="before it is measured (default 5)")
    parser.add_argument("--hold-s", type=float, default=20.0, help="for which it is measured (default 20)")
    parser.add_argument("--jitter-ms", type=float, default=20.0, help="largest delay of a message (default 20)")
    parser.add_argument("--seed", type=int, default=1, help="of the dice (default 1)")
    parser.add_argument("--subscribers", type=int, default=0, help="onlookers of all events (default 0)")
    parser.add_argument("--compare-subscribers", action="store_true", help="each level without them and with them")
    parser.add_argument("--url", help="a server that runs already, such as http://host:8000")
    parser.add_argument("--sink", action="store_true", help="load a server that only listens: what the generator can")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write everything there")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="also draw lag and CPU against calls")
    played = parser.add_argument_group("what is played")
    played.add_argument("--recording", type=Path, nargs="+", default=[], help="instead of those of the data folder")
    played.add_argument("--scripts", type=int, default=12, help="different calls (default 12)")
    played.add_argument("--seconds", type=float, default=60.0, help="length of a call (default 60)")
    played.add_argument("--silent", type=float, default=0.0, help="share of the time with nobody speaking (default 0)")
    played.add_argument("--encoding", choices=("pcm_s16le", "mulaw"), default="pcm_s16le")
    played.add_argument("--rate", type=int, default=SAMPLE_RATE_HZ, help="sample rate in Hz (default 16000)")
    played.add_argument("--channels", type=int, choices=(1, 2), default=1, help="2: customer and agent (default 1)")
    played.add_argument("--chunk-ms", type=float, default=100.0, help="length of a message (default 100)")
    played.add_argument("--no-reference", action="store_true", help="do not compare the events with a replay")
    return parser


def _announce(options: argparse.Namespace, scripts: Sequence[Script], server_flags: Sequence[str]) -> None:
    sums = total(scripts)
    print(
        f"{len(scripts)} scripts of {options.seconds:g} s, {options.encoding} at {options.rate} Hz, {options.channels} "
        f"channel(s), messages of {options.chunk_ms:g} ms, {100 * options.silent:.0f} % silent, "
        f"{sums['events']:.0f} events expected"
    )
    if server_flags:
        print("server with " + " ".join(server_flags))


def _conclude(levels: Sequence[Level], best: int | None, options: argparse.Namespace) -> None:
    if best is not None:
        limit = next((level for level in levels if level.unfit and level.calls > best and not level.broken), None)
        beyond = "; beyond that the server was not the bottleneck" if limit is not None else ""
        what = "the generator was fit" if options.sink else "the promise held"
        print(f"{what} up to {best} calls{beyond}" if best else f"not even at {options.start} calls {what}")


def allow_files() -> None:
    """As many open files as this machine lets us have; the server inherits that."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
