"""The capacity table: as Markdown, as JSON with what calls cost by batch size, and as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.levels import PROMISE, UNHEARD, Level
from benchmarks.livereport import one, plain
from benchmarks.plan import Row

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
MARKERS = "osD^v"
HEAD = (
    "", "calls", "lag p50 / p95 / p99, ms", "CPU server / generator, cores", "memory, MB",
    "ms of CPU per second of call",
    "windows per batch", "remarks",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """A row and its levels; `best`: of a search, the most calls at which the promise held; `start_mb`: memory of the
    server before the first call."""

    row: Row
    levels: Sequence[Level]
    best: int | None
    start_mb: float


def call_ms(level: Level) -> float:
    """CPU of the server in ms per second of call."""
    return 1000 * level.server.cores / level.talking if level.talking else math.nan


def batch(level: Level) -> float:
    """Windows per batch, the mean over the models of emotion and speaker; NaN if there are none."""
    means = [level.batch[model] for model in ("emotion", "speaker") if model in level.batch]
    return sum(means) / len(means) if means else math.nan


def table(found: Sequence[Found]) -> list[str]:
    """The lines of the table; of a search only the largest level that was kept."""
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    for each in found:
        for level, title, remarks in _shown(each):
            lags = (level.lag_p50_ms, level.lag_p95_ms, level.lag_p99_ms)
            cells = [
                f"{each.row.key}. {title}",
                f"{level.calls:,}",
                " / ".join("-" if math.isnan(lag) else f"{lag:.0f}" for lag in lags),
                f"{level.server.cores:.2f} / {level.generator.cores:.2f}",
                f"{level.server.rss_mb:.0f}",
                f"{call_ms(level):.1f}",
                f"{batch(level):.1f}",
                "; ".join(remarks),
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def _shown(each: Found) -> list[tuple[Level, str, list[str]]]:
    row, levels = each.row, each.levels
    if each.best is not None:
        kept = [level for level in levels if level.calls == each.best and level.kept]
        best = each.best
        beyond = min((level for level in levels if level.broken and level.calls > best), key=_calls, default=None)
        limits = [] if beyond is None else [f"not at {beyond.calls}: {_why(beyond, beyond.broken)}"]
        return [(level, row.title, limits) for level in kept] or [
            (levels[-1], row.title, [f"not even this: {_why(levels[-1], levels[-1].broken)}"])
        ]
    shown = []
    for level in levels:
        reasons = [reason for reason in level.broken if row.emotion or reason != UNHEARD]
        remarks = ["no emotion events: no lag"] if not row.emotion else []
        if level.unfit or reasons:
            remarks.append(f"{'does not count' if level.unfit else 'promise not kept'}: {_why(level, reasons)}")
        title = row.title
        if row.onlookers:
            title = f"{level.calls} calls, {level.gallery.size if level.gallery else 'no'} onlookers"
        if level.gallery is not None:
            remarks.append(f"{level.server.cores - levels[0].server.cores:+.2f} cores")
        if row.silent:
            remarks.append(f"{level.server.rss_mb - each.start_mb:+.0f} MB since the start; {level.talking} calls open")
        shown.append((level, title, remarks))
    return shown


def _calls(level: Level) -> int:
    return level.calls


def _why(level: Level, broken: Sequence[str]) -> str:
    """Why a level does not count, in words."""
    reasons = [*level.unfit, *broken]
    return ", ".join(reasons[:2])


def costs(found: Sequence[Found]) -> list[dict[str, float]]:
    """What a call costs by the size of the batches, from mono calls that all models look at, smallest first: ms of the
    server's own process (`front_ms`) and of those in which its models run (`models_ms`) per second of call."""
    mono = [each for each in found if each.row.key in ("i", "ii")]
    rows = [
        {
            "batch": batch(level),
            "calls": level.calls,
            "front_ms": 1000 * (level.server.cores - level.server.helpers_cores) / level.talking,
            "models_ms": 1000 * level.server.helpers_cores / level.talking,
            "lag_p50_ms": level.lag_p50_ms,
        }
        for each in mono
        for level in each.levels
        if level.kept and level.talking and level.server.helpers_cores and not math.isnan(batch(level))
    ]
    return sorted(rows, key=lambda row: row["batch"])


def told(found: Sequence[Found]) -> dict[str, float] | None:
    """Events per second of call, and their bytes, as one onlooker of everything reads them; None if none looked on."""
    for each in found:
        for level in each.levels:
            if level.kept and level.gallery is not None and level.gallery.count.checked:
                count = level.gallery.count
                readings = count.present * level.held_s * level.calls
                events = count.messages * count.events / count.checked
                return {"events_per_s": events / readings, "bytes_per_s": count.read_bytes / readings}
    return None


def document(found: Sequence[Found], conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Everything, for a file; what is not a number becomes null."""
    listed = [
        {
            "key": each.row.key,
            "title": each.row.title,
            "most_calls": each.best,
            "start_mb": each.start_mb,
            "levels": [one(level) for level in each.levels],
        }
        for each in found
    ]
    content = {"conditions": dict(conditions), "costs": costs(found), "told": told(found), "rows": listed}
    ready: dict[str, Any] = plain(content)
    return ready


def draw(found: Sequence[Found], path: Path) -> bool:
    """Whether a picture was drawn: not without matplotlib."""
    if find_spec("matplotlib") is None:
        return False
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 8), layout="constrained")
    lag, cost = figure.subplots(2, 1, height_ratios=[3, 2])
    searches = [each for each in found if each.row.search] or [each for each in found if each.levels]
    worst_ms = 0.0
    for each, colour, marker in zip(searches, COLOURS * 2, MARKERS * 2, strict=False):
        ranked = sorted((level for level in each.levels if not level.unfit), key=_calls)
        label = each.row.title + (f": {each.best} calls" if each.best is not None else "")
        lines = [(True, {"marker": marker, "label": label}), (False, {"marker": marker, "mfc": "none", "ls": "none"})]
        for kept, style in lines:
            some = [level for level in ranked if level.kept is kept]
            calls = [level.calls for level in some]
            lag.plot(calls, [level.lag_p95_ms for level in some], color=colour, **style)
            cost.plot(calls, [call_ms(level) for level in some], color=colour, **style)
        worst_ms = max([worst_ms, *(level.lag_p95_ms for level in ranked if not math.isnan(level.lag_p95_ms))])
    lag.axhline(PROMISE.p95_ms, color="black", linestyle="--", linewidth=1, label=f"promise, {PROMISE.p95_ms:g} ms")
    lag.set_ylim(0, 1.1 * min(max(1.2 * PROMISE.p95_ms, worst_ms), 3 * PROMISE.p95_ms))
    lag.set_ylabel("p95 lag of emotion events at the client, ms")
    lag.set_title("What one server holds (hollow: promise not kept; with a wider hop the lag is less)", loc="left")
    lag.legend(loc="upper left", edgecolor="none", framealpha=0.9)
    cost.set_ylim(bottom=0)
    cost.set_ylabel("server, ms of CPU per second of call")
    cost.set_xlabel("live calls")
    for axes in (lag, cost):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    return True
