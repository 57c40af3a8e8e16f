"""`python -m benchmarks.scale`: beyond one machine, by simulation: servers, money and wires for so many live calls."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.levels import PROMISE
from benchmarks.plan import PCM, TELEPHONE
from benchmarks.pool import BatchCost, Load, Server, by_size, capacity, on_gpu
from benchmarks.scripts import Form

BEGIN, END = "<!-- made by benchmarks.scale -->", "<!-- end of what benchmarks.scale made -->"
SEGMENT_BYTES, PACKET_BYTES = 1448, 90
"""TCP payload of an Ethernet frame, and what goes with it: Ethernet 38, IP 20, TCP 32."""
MASKED_BYTES = ((125, 6), (65_535, 8))
"""Payloads up to that size travel with so many bytes of WebSocket header."""
HOURS_PER_DAY = 24
FORMS = (
    ("16 kHz PCM, 100 ms messages", Form(PCM)),
    ("16 kHz PCM, 20 ms messages", Form(PCM, chunk_s=0.02)),
    ("8 kHz mu-law, 20 ms messages", Form(TELEPHONE, chunk_s=0.02)),
)


class ScaleError(Exception):
    """What was asked for cannot be worked out; the message says why."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured: ms of one core per second of call at the front-end and, by windows per batch, in the models;
    lag of one call on an idle server in ms; events per second of call and their bytes, as an onlooker reads them."""

    front_ms: float
    models: Sequence[tuple[float, float]]
    base_ms: float
    events_per_s: float
    event_bytes_per_s: float


def figures(options: argparse.Namespace) -> Figures:
    """Those of a file that benchmarks.capacity wrote, as far as flags do not say otherwise. Raises ScaleError."""
    front_ms, base_ms = options.front_ms, options.base_ms
    models, told = options.models, (options.events_per_s, options.event_bytes_per_s)
    if options.figures is not None:
        try:
            content: dict[str, Any] = json.loads(options.figures.read_text(encoding="utf-8"))
            costs = content["costs"]
            if not costs:
                raise ScaleError(f"{options.figures.name} has no costs: it needs the rows i and ii")
            front_ms = front_ms or costs[-1]["front_ms"]
            models = models or [(row["batch"], row["models_ms"]) for row in costs]
            base_ms = base_ms if base_ms is not None else min(row["lag_p50_ms"] for row in costs)
            if content.get("told"):
                told = (told[0] or content["told"]["events_per_s"], told[1] or content["told"]["bytes_per_s"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ScaleError(f"{options.figures.name} is no file of benchmarks.capacity: {error!r}") from None
    if not (front_ms and models and told[0] and told[1]):
        raise ScaleError(
            "it needs --front-ms, --models, --events-per-s and --event-bytes-per-s, or --figures with what was measured"
        )
    return Figures(front_ms, models, base_ms or 0.0, told[0], told[1])


@dataclass(frozen=True, slots=True)
class Offer:
    """A kind of server: its name, what it holds, its cores, and what it costs an hour."""

    name: str
    load: Load
    cores: int
    price_per_h: float

    def servers(self, calls: int, share: float) -> int:
        """How many it takes for `calls`, each with `share` of what it can hold."""
        return math.ceil(calls / math.floor(round(self.load.calls * share, 6)))


def offers(own: Figures, options: argparse.Namespace) -> list[Offer]:
    """The servers that are looked at. Raises ScaleError if one holds no call at all."""
    per_window = by_size(own.models, options.hop_s, options.speech)

    def server(batch_s: BatchCost, fronts: int, workers: int, most_batch: int) -> Server:
        return Server(
            own.front_ms, batch_s, fronts, workers, most_batch,
            hop_s=options.hop_s, speech=options.speech, base_ms=own.base_ms, busiest=options.busiest,
        )  # fmt: skip

    made = []
    for workers in (1, 2, 3):
        cores = 1 + workers
        load = capacity(server(per_window, 1, workers, options.most_batch))
        name = f"{cores} cores: 1 front-end, {workers} model process{'es' if workers > 1 else ''}"
        made.append(Offer(name, load, cores, cores * options.core_h))
    gpu = on_gpu(options.gpu_fixed_ms, options.gpu_window_ms)
    for fronts in options.gpu_fronts:
        load = capacity(server(gpu, fronts, 1, options.gpu_batch))
        name = f"1 GPU and {fronts} cores: {fronts} front-ends"
        made.append(Offer(name, load, fronts, options.gpu_h + fronts * options.core_h))
    if poor := [offer.name for offer in made if math.floor(offer.load.calls * options.share) < 1]:
        raise ScaleError(f"not one call can be planned for with {', '.join(poor)}")
    return made


def wire_bytes_per_s(form: Form) -> float:
    """What one channel of a call takes on an Ethernet, in bytes per second."""
    payload = round(form.wire.second_bytes * form.chunk_s)
    head = next((size for most, size in MASKED_BYTES if payload <= most), 14)
    packets = math.ceil((payload + head) / SEGMENT_BYTES)
    return (payload + head + packets * PACKET_BYTES) / form.chunk_s


def report(own: Figures, made: Sequence[Offer], options: argparse.Namespace) -> list[str]:
    """The tables, in Markdown."""
    calls, share = options.calls, options.share
    sizes = ", ".join(f"{ms:.1f} ms at {size:g}" for size, ms in own.models)
    lines = [
        f"Given: front-end {own.front_ms:.1f} ms and models {sizes} windows per batch, of one core per second of call; "
        f"{own.base_ms:.0f} ms of lag of one call on an idle server; {own.events_per_s:.1f} events and "
        f"{own.event_bytes_per_s:.0f} bytes of events per second of call. "
        f"Assumed: speech {100 * options.speech:.0f} % of the time, nothing busier than {100 * options.busiest:.0f} %, "
        f"servers planned for {100 * share:.0f} % of what they hold, a core-hour at {options.core_h:g}, a GPU-hour at "
        f"{options.gpu_h:g}, a GPU batch of {options.gpu_fixed_ms:g} ms and {options.gpu_window_ms:g} ms per window, "
        f"{options.gpu_batch} windows at most.",
        "",
        f"| server | calls at a p95 lag of {PROMISE.p95_ms:.0f} ms at most | p95 lag there, ms | windows per batch | "
        f"limit | calls per core | cost of 1,000 calls for an hour | servers for {calls:,} |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for offer in made:
        load = offer.load
        per_thousand = 1000 / (load.calls * share) * offer.price_per_h
        lines.append(
            f"| {offer.name} | {load.calls:,} | {load.lag_p95_ms:.0f} | {load.mean_batch:.0f} | {load.limit} | "
            f"{load.calls / offer.cores:.0f} | {per_thousand:.2f} | {offer.servers(calls, share):,} |"
        )
    cheapest = min(made, key=lambda offer: offer.price_per_h / offer.load.calls)
    servers = cheapest.servers(calls, share)
    lines += [
        "",
        f"| at {calls:,} calls, on {servers:,} servers of {cheapest.name} | in all | per server |",
        "|---|---|---|",
    ]
    rows: list[tuple[str, str, str]] = []
    for name, form in FORMS:
        bits = 8 * wire_bytes_per_s(form)
        rows.append((f"audio in, one channel, {name}", _bits(bits * calls), _bits(bits * calls / servers)))
        rows.append((f"messages in, {name}", _rate(calls / form.chunk_s), _rate(calls / form.chunk_s / servers)))
    events, event_bytes = own.events_per_s * calls, own.event_bytes_per_s * calls
    fanned = 8 * event_bytes * (1 + options.onlookers)
    rows += [
        ("events out, to the calls' own sockets", _rate(events), _rate(events / servers)),
        ("bytes of events out", _bits(8 * event_bytes), _bits(8 * event_bytes / servers)),
        (f"the same, with {options.onlookers} onlookers of everything", _bits(fanned), _bits(fanned / servers)),
        ("history, every event, a day", f"{event_bytes * 3600 * HOURS_PER_DAY / 1e12:.1f} TB", "-"),
        (f"history, what is never dropped ({options.lasting_bytes_per_s:.0f} B/s), a day",
         f"{options.lasting_bytes_per_s * calls * 3600 * HOURS_PER_DAY / 1e12:.2f} TB", "-"),
        (f"calls that begin, at {options.call_s:g} s each", _rate(calls / options.call_s),
         _rate(calls / options.call_s / servers)),
        ("Prometheus series that grow with calls", "0", "0"),
    ]  # fmt: skip
    return [*lines, *(f"| {name} | {whole} | {each} |" for name, whole, each in rows)]


def _bits(per_s: float) -> str:
    return f"{per_s / 1e9:.1f} Gbit/s" if per_s >= 1e9 else f"{per_s / 1e6:.1f} Mbit/s"


def _rate(per_s: float) -> str:
    return f"{per_s:,.0f}/s" if per_s >= 10 else f"{per_s:.1f}/s"


def rewritten(page: str, lines: Sequence[str]) -> str:
    """The page with what stands between the marks made anew. Raises ScaleError if it has no marks."""
    if BEGIN not in page or END not in page:
        raise ScaleError(f"the page has no lines {BEGIN} and {END}")
    before, after = page[: page.index(BEGIN)], page[page.index(END) :]
    return before + "\n".join([BEGIN, "", *lines, "", after])


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status."""
    options = _parser().parse_args(arguments)
    try:
        own = figures(options)
        lines = report(own, offers(own, options), options)
        if options.write is not None:
            page = options.write.read_text(encoding="utf-8")
            options.write.write_text(rewritten(page, lines), encoding="utf-8")
    except (ScaleError, OSError) as error:
        print(f"scale: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    return 0


def _cost(text: str) -> tuple[float, float]:
    try:
        size, ms = (float(part) for part in text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not WINDOWS:MS, such as 30:2.5") from None
    if size <= 0 or ms <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: both must be above 0")
    return size, ms


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=100_000, help="live calls to plan for (default 100000)")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="also put the tables into this page, at its marks")
    add = parser.add_argument_group("measured").add_argument
    add("--figures", type=Path, metavar="JSON", help="what benchmarks.capacity wrote; the flags below go before it")
    add("--front-ms", type=float, help="of one core per second of call, outside the models")
    add("--models", type=_cost, nargs="+", metavar="WINDOWS:MS", help="ms per second of call by windows per batch")
    add("--base-ms", type=float, help="lag of one call on an idle server")
    add("--events-per-s", type=float, help="events per second of call")
    add("--event-bytes-per-s", type=float, help="their bytes per second of call")
    add("--lasting-bytes-per-s", type=float, default=114.0, help="of those that are never dropped (default 114)")
    add = parser.add_argument_group("assumed").add_argument
    add("--core-h", type=float, default=0.04, help="price of a core for an hour (default 0.04)")
    add("--gpu-h", type=float, default=2.5, help="price of a GPU for an hour (default 2.5)")
    add("--share", type=float, default=0.7, help="of what a server holds, planned for (default 0.7)")
    add("--busiest", type=float, default=0.9, help="share of the time that anything may be busy (default 0.9)")
    add("--speech", type=float, default=0.67, help="share of the time with speech (default 0.67)")
    add("--hop-s", type=float, default=0.5, help="from one window to the next (default 0.5)")
    add("--most-batch", type=int, default=64, help="windows in a batch (default 64)")
    add("--gpu-fixed-ms", type=float, default=4.0, help="of a batch on a GPU (default 4)")
    add("--gpu-window-ms", type=float, default=0.05, help="and for each of its windows (default 0.05)")
    add("--gpu-batch", type=int, default=256, help="windows in a batch on a GPU (default 256)")
    add("--gpu-fronts", type=int, nargs="+", default=[8, 16], help="front-ends beside a GPU (default 8 16)")
    add("--onlookers", type=int, default=20, help="of all events of all calls (default 20)")
    add("--call-s", type=float, default=240.0, help="length of a call (default 240)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
