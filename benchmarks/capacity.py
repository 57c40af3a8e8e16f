"""`python -m benchmarks.capacity`: the capacity table, by a fixed plan: how much a server on this machine holds."""

from __future__ import annotations

import argparse
import asyncio
import gc
import math
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil
import uvloop

from benchmarks.audience import Audience
from benchmarks.capacityreport import Found, document, draw, table
from benchmarks.helper import HelperError
from benchmarks.levels import Ladder, Level
from benchmarks.live import allow_files, server_settings
from benchmarks.livereport import HEADING, details, row, write_json
from benchmarks.load import Load
from benchmarks.plan import ROWS, Row, estimate_s, near, ramp_s, rows
from benchmarks.scripts import Script, cuts, recordings, recut, write
from benchmarks.serving import Serving, ServingError
from benchmarks.trial import Meter, Trial
from stream_server.settings import Settings, SettingsError
from workbench.media import MediaError

SCRIPTS, SCRIPT_S = 12, 60.0
JITTER_S = 0.02
SECOND_TRIES = 1
"""Levels that did not count and are tried again, over all rows: a busy machine must not make this much longer."""


class Library:
    """The scripts that rows play; references are worked out once per wire format."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._compared: dict[object, list[Script]] = {}

    def scripts(self, wanted: Row) -> list[Script]:
        """Raises MediaError."""
        pieces = cuts(recordings(wanted.form.channels), SCRIPTS, SCRIPT_S)
        if not wanted.compared:
            return write(pieces, wanted.form, wanted.silent)
        key = (wanted.form.wire, wanted.form.channels)
        if key not in self._compared:
            self._compared[key] = write(pieces, wanted.form, settings=self._settings)
        return recut(self._compared[key], pieces, wanted.form)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 1 if something failed to run. A promise that breaks is a result."""
    options, server_flags = _parser().parse_known_args(arguments)
    found: list[Found] = []
    try:
        chosen = rows(options.only, options.quick)
        library = Library(server_settings(server_flags))
        print(f"{len(chosen)} rows, about {estimate_s(chosen) / 60:.0f} min", flush=True)
        allow_files()
        began_s = time.monotonic()
        tries = SECOND_TRIES
        for one in chosen:
            print(f"\n({one.key}) {one.title}: about {one.estimate_s:.0f} s", flush=True)
            found.append(measured(one, library.scripts(one), [*server_flags, *one.flags], tries))
            tries -= min(tries, sum(level.unfit != [] for level in found[-1].levels))
        print(f"\ntook {(time.monotonic() - began_s) / 60:.1f} min\n")
    except (MediaError, ServingError, SettingsError, HelperError, ValueError, psutil.Error, OSError) as error:
        print(f"capacity: {error}", file=sys.stderr)
        if not found:
            return 1
    print("\n".join(table(found)))
    conditions = {"cores": len(os.sched_getaffinity(0)), "quick": options.quick, "server_flags": server_flags}
    if options.json is not None:
        write_json(options.json, document(found, conditions))
    if options.plot is not None:
        print(f"drew {options.plot}" if draw(found, options.plot) else "no picture without matplotlib")
    return 0 if len(found) == len(chosen) else 1


def measured(wanted: Row, scripts: Sequence[Script], flags: Sequence[str], tries: int) -> Found:
    """One row, on a server of its own; a search goes on with a fresh one after a level that broke, because the old one
    looks less often for a while. Levels that do not count are tried again, `tries` of them at most. Raises
    ServingError, OSError, psutil.Error, HelperError."""
    print(HEADING)
    levels: list[Level] = []
    ladder = wanted.ladder if wanted.search else None
    start_mb = math.nan
    done = False
    while not done:
        with Serving(flags) as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            start_mb = Meter(server.pid).read().rss_mb
            done = runner.run(hold(wanted, scripts, server, ladder, levels, again=tries > 0))
            server.stop()
        tries -= levels[-1].unfit != []
    return Found(wanted, levels, None if ladder is None else ladder.best, start_mb)


async def hold(
    wanted: Row, scripts: Sequence[Script], server: Serving, ladder: Ladder | None, levels: list[Level], again: bool
) -> bool:
    """Try the row's levels, or those of `ladder` until one breaks, and append them to `levels`; whether all is done.
    `again`: one that does not count for its part is not told to `ladder`."""
    gc.collect()
    gc.freeze()
    load = Load(wanted.form.wire.url(server.url, **wanted.form.query), scripts, JITTER_S)
    trial = Trial(load, server.url, server.pid)

    async def at(calls: int, audience: Audience | None = None) -> Level:
        fast_s, slow_s = ramp_s(load.size, calls)
        if fast_s:
            load.resize(near(calls), fast_s)
            await asyncio.sleep(fast_s)
        held = await trial.hold(calls, ramp_s=slow_s, settle_s=wanted.settle_s, hold_s=wanted.hold_s, audience=audience)
        levels.append(held)
        print("\n".join([row(held), *(f"{'':9}{line}" for line in details(held))]), flush=True)
        return held

    try:
        if ladder is None:
            for calls in wanted.calls:
                await at(calls)
            with ExitStack() as stack:
                if wanted.onlookers:
                    audience = stack.enter_context(Audience(server.url, wanted.onlookers))
                    for calls in wanted.calls:
                        await at(calls, audience)
            return True
        while ladder.next is not None:
            held = await at(ladder.next)
            if held.unfit and again:
                return False
            ladder.tried(held.calls, held.kept)
            if not held.kept:
                return ladder.next is None
        return True
    finally:
        await load.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.capacity",
        description=__doc__.split("\n")[0],
        epilog="Any further flag goes to `undertone serve`. Rows: "
        + "; ".join(f"{one.key}: {one.title}" for one in ROWS).replace("%", "%%"),
        allow_abbrev=False,
    )
    parser.add_argument("--only", metavar="ROWS", help="some rows, such as i,vii (v: both of its halves)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the calls, briefly: does it run?")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write everything there")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="also draw lag and CPU against calls")
    return parser


if __name__ == "__main__":
    sys.exit(main())
