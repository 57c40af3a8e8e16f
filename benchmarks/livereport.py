"""Levels of live calls as a table, as JSON and as a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.levels import FITNESS, PROMISE, Level

GROUPS = (
    (("calls", 5),),
    (("p50", 5), ("p95", 5), ("p99", 5), ("max", 5), ("told95", 6)),
    (("windows", 7), ("skipped", 7)),
    (("ended", 5), ("miss", 4), ("diff", 4), ("order", 5)),
    (("server", 6), ("MB", 5)),
    (("load", 4), ("late99", 6)),
    (("promise", 7),),
)
"""The columns and their widths: lags in ms (`told95`: by the events' own word), windows of the models, calls that
ended, events against their reference, cores and memory of the server, cores of the generator and its lateness in ms."""
COLOURS = {"p50": "#009E73", "p95": "#0072B2", "p99": "#D55E00", "server": "#0072B2", "generator": "#E69F00"}


def _line(cells: Sequence[Sequence[str]]) -> str:
    return " | ".join(
        " ".join(f"{cell:>{width}}" for cell, (_, width) in zip(own, group, strict=True))
        for own, group in zip(cells, GROUPS, strict=True)
    )


HEADING = _line([[name for name, _ in group] for group in GROUPS])


def row(level: Level) -> str:
    """One line of the table under `HEADING`."""
    skipped = level.windows.get("skipped", 0)
    lags_ms = (level.lag_p50_ms, level.lag_p95_ms, level.lag_p99_ms, level.lag_max_ms, level.told_p95_ms)
    return _line(
        [
            [str(level.calls)],
            [_ms(lag_ms) for lag_ms in lags_ms],
            [str(sum(level.windows.values()) - skipped), str(skipped)],
            [str(count) for count in (level.ended, level.missing, level.different, level.disordered)],
            [_of(level.server.cores, 2), _of(level.server.rss_mb, 0)],
            [_of(level.generator.cores, 2), _ms(level.late_p99_ms)],
            [verdict(level)],
        ]
    )


def verdict(level: Level) -> str:
    """In one word or two; `details` says why."""
    if level.unfit:
        return "unfit"
    if level.sink:
        return "fit"
    return "BROKEN" if level.broken else "held"


def details(level: Level) -> list[str]:
    """What has no column, in lines to stand below the row."""
    batch = ", ".join(f"{model} {mean:.1f}" for model, mean in level.batch.items())
    held = f"{level.held_s:.0f} s held, {level.talking} calls talking at the end, {level.emotions} emotion events"
    lines = [
        held,
        f"generator: {level.sends_per_s:.0f} sends/s, late at most {level.late_max_ms:.0f} ms, "
        f"{level.generator.rss_mb:.0f} MB; everything else here: {level.others_cores:.2f} cores, "
        f"taken away: {100 * level.stolen:.0f} %",
    ]
    if level.compared:
        lines[0] += f", {level.compared} events compared"
    if batch:
        lines.append(f"windows per batch: {batch}")
    if level.gallery is not None:
        read, usage, held_s = level.gallery.count, level.gallery.usage, level.held_s
        lines.append(
            f"onlookers: {read.present} of {level.gallery.size} there, {read.messages / held_s:.0f} messages/s, "
            f"{read.read_bytes / held_s / 1e6:.2f} MB/s, {read.faults} faults, {usage.cores:.2f} cores"
        )
    for name in ("warnings", "errors", "refusals", "fields"):
        counts: Mapping[str, int] = getattr(level, name)
        if counts:
            said = "fields that differ" if name == "fields" else name
            lines.append(f"{said}: " + ", ".join(f"{count} {code}" for code, count in counts.items()))
    if level.unfit:
        lines.append("does not count: " + ", ".join(level.unfit))
    if level.broken:
        lines.append("broken: " + ", ".join(level.broken))
    lines += [f"- {words}" for words in level.words]
    return [line if len(line) <= 108 else line[:105] + "..." for line in lines]


def document(levels: Sequence[Level], conditions: Mapping[str, Any], best: int | None) -> dict[str, Any]:
    """Everything, for a file; what is not a number becomes null."""
    return {
        "conditions": dict(conditions),
        "promise": asdict(PROMISE),
        "fitness": asdict(FITNESS),
        "most_calls": best,
        "levels": [one(level) for level in levels],
    }


def one(level: Level) -> dict[str, Any]:
    """A level, for a file."""
    return {**plain(asdict(level)), "kept": level.kept}


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def draw(levels: Sequence[Level], path: Path, title: str) -> bool:
    """Whether a picture was drawn: not without matplotlib."""
    if find_spec("matplotlib") is None:
        return False
    from matplotlib.figure import Figure

    ranked = sorted(levels, key=lambda level: level.calls)
    calls = [level.calls for level in ranked]
    figure = Figure(figsize=(10, 7), layout="constrained")
    lag, work = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    for name, marker in (("p50", "o"), ("p95", "s"), ("p99", "^")):
        values = [getattr(level, f"lag_{name}_ms") for level in ranked]
        lag.plot(calls, values, color=COLOURS[name], marker=marker, label=name)
    for name, most_ms in (("p95", PROMISE.p95_ms), ("p99", PROMISE.p99_ms)):
        lag.axhline(most_ms, color=COLOURS[name], linestyle="--", linewidth=1, label=f"promise for {name}")
    lag.set_ylabel("lag of emotion events at the client, ms")
    worst_ms = max([level.lag_p99_ms for level in ranked if not math.isnan(level.lag_p99_ms)], default=0.0)
    lag.set_ylim(0, 1.1 * min(max(PROMISE.p99_ms, worst_ms), 2 * PROMISE.p99_ms))
    lag.set_title(title, loc="left")
    for name, marker in (("server", "o"), ("generator", "s")):
        cores = [getattr(level, name).cores for level in ranked]
        work.plot(calls, cores, color=COLOURS[name], marker=marker, label=name)
    work.set_ylim(bottom=0)
    work.set_ylabel("CPU, cores")
    work.set_xlabel("live calls")
    for axes in (lag, work):
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left", edgecolor="none", framealpha=0.9)
    figure.savefig(path, dpi=110)
    return True


def plain(value: Any) -> Any:
    """What JSON can hold: what is not a number becomes None, the others four digits behind the point."""
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 4)
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def _of(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _ms(value: float) -> str:
    return _of(value, 0 if value >= 100 else 1)
