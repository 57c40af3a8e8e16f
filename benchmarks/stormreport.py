"""What a storm came to, as lines, as JSON and as a picture over time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.levels import FITNESS, PROMISE
from benchmarks.line import Record
from benchmarks.livereport import COLOURS, plain
from benchmarks.storm import STORM, Recovery, Second, Span

HELD, REFUSED, HOP, MEMORY = "#0072B2", "#D55E00", "#CC79A7", "#009E73"


@dataclass(frozen=True, slots=True)
class Outcome:
    """All there is to say. `spans` and `records` by phase; `recovery` None if it did not come to that; `ward`: how many
    slow readers met which end, `dropped` the events left out for them by the server's count, `cut_s` the seconds from
    their going deaf until the server had cut the last of them, NaN if it has not; `lost_processes`: of the server, gone
    before their time; `trouble`: the first lines
    of its log that tell of any."""

    seconds: Sequence[Second]
    spans: Mapping[str, Span]
    records: Mapping[str, Record]
    recovery: Recovery | None
    start_mb: float
    ward: Mapping[str, int]
    dropped: int
    cut_s: float
    lost_processes: int
    exit_status: int | None
    trouble: Sequence[str]

    def total(self, name: str) -> Counter[str]:
        """`warnings`, `errors` or `refusals` by code over all phases."""
        counts: Counter[str] = Counter()
        for record in self.records.values():
            counts.update(getattr(record, name))
        return +counts


def lines(outcome: Outcome) -> list[str]:
    """The report, in lines of at most 120 columns."""
    out = [line for phase, span in outcome.spans.items() for line in _phase(phase, span)]
    counted = outcome.total("refusals")
    out.append(f"refused   {_counts(counted) or 'nobody'}")
    out.append(f"warnings  {_counts(outcome.total('warnings')) or 'none'}")
    out.append(f"errors    {_counts(outcome.total('errors')) or 'none'} (refusals are not counted here)")
    disordered = sum(record.findings.disordered for record in outcome.records.values())
    skipped = sum(record.findings.skipped for record in outcome.records.values())
    out.append(f"order     {disordered} events out of order, {skipped} numbers left out by seq")
    if outcome.ward:
        cut = "not all cut off" if math.isnan(outcome.cut_s) else f"all cut off within {outcome.cut_s:.0f} s"
        out.append(f"slow      {_counts(outcome.ward)}; {outcome.dropped} events left out for them; {cut}")
    memory = f"{outcome.start_mb:.0f} MB at the start"
    memory += "".join(f", {span.rss_end_mb:.0f} at the end of {phase}" for phase, span in outcome.spans.items())
    out.append(f"memory    {memory}")
    if (found := outcome.recovery) is not None:
        hop = "STILL WIDER" if math.isnan(found.hop_normal_s) else f"normal {found.hop_normal_s:.0f} s"
        last = "" if not found.refused else f", the last {found.last_refused_s:.0f} s"
        out.append(f"after     hop {hop} after the storm; {found.refused} refused{last}")
        verdict = "as before" if found.as_before else "NOT as before"
        out.append(f"          lag p95 {found.after_p95_ms:.0f} ms, in the calm {found.calm_p95_ms:.0f} ms: {verdict}")
    status = "never stopped" if outcome.exit_status is None else f"exit status {outcome.exit_status}"
    out.append(f"server    {outcome.lost_processes} processes lost, {status}")
    return [line[:120] for line in out + [f"          {line}" for line in outcome.trouble]]


def _phase(phase: str, span: Span) -> list[str]:
    out = [
        f"{phase:<9} {span.seconds} s, {span.most_held} calls held at most, {span.mean_held:.0f} in the mean, "
        f"{span.refused} refused, hop x {span.most_hop_factor:g} at most, {span.skipped} windows skipped",
        f"          lag p50 {span.lag_p50_ms:.0f}, p95 {span.lag_p95_ms:.0f}, p99 {span.lag_p99_ms:.0f} ms over "
        f"{span.emotions} events; {100 * span.within:.1f} % within {PROMISE.p95_ms:g} ms",
        f"          p95 within it in {100 * span.kept_seconds:.1f} % of the seconds, "
        f"with {100 * span.kept_events:.1f} % of the events",
    ]
    if span.undisturbed_seconds:
        out.append(
            f"          in {100 * span.kept_undisturbed:.1f} % of {span.undisturbed_seconds} seconds, the host taking "
            f"less than {100 * FITNESS.stolen:g} % of the machine"
        )
    late = f"late p99 {span.late_p99_ms:.1f} ms"
    fit = span.late_p99_ms < FITNESS.late_p99_ms and span.generator_cores < FITNESS.cores
    unfit = "" if fit else ": THE GENERATOR WAS A BOTTLENECK"
    out.append(
        f"          CPU server {span.server_cores:.2f}, generator {span.generator_cores:.2f}, taken away by the host "
        f"{span.stolen_cores:.2f} cores; {late}{unfit}"
    )
    return out


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def document(outcome: Outcome, conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Everything, for a file; what is not a number becomes null."""
    content: dict[str, Any] = {
        "conditions": dict(conditions),
        "promise": asdict(PROMISE),
        "phases": {phase: asdict(span) for phase, span in outcome.spans.items()},
        "refusals": dict(outcome.total("refusals")),
        "warnings": dict(outcome.total("warnings")),
        "errors": dict(outcome.total("errors")),
        "slow_readers": {"ends": dict(outcome.ward), "dropped": outcome.dropped, "cut_s": outcome.cut_s},
        "start_mb": outcome.start_mb,
        "lost_processes": outcome.lost_processes,
        "exit_status": outcome.exit_status,
        "trouble": list(outcome.trouble),
        "seconds": [asdict(second) for second in outcome.seconds],
    }
    if (found := outcome.recovery) is not None:
        content["recovery"] = {**asdict(found), "as_before": found.as_before}
    ready: dict[str, Any] = plain(content)
    return ready


def draw(seconds: Sequence[Second], path: Path, title: str) -> bool:
    """Whether a picture was drawn: not without matplotlib."""
    if find_spec("matplotlib") is None:
        return False
    from matplotlib.figure import Figure

    at_s = [second.at_s for second in seconds]

    def course(name: str) -> list[float]:
        return [getattr(second, name) for second in seconds]

    figure = Figure(figsize=(10, 11), layout="constrained")
    calls, lag, hop, work, memory = figure.subplots(5, 1, sharex=True, height_ratios=[3, 3, 1.2, 1.6, 1.2])
    calls.plot(at_s, course("wanted"), color="black", linestyle="--", linewidth=1, label="calls wanted")
    calls.plot(at_s, course("held"), color=HELD, label="calls held")
    calls.bar(at_s, course("refused"), width=1.0, color=REFUSED, alpha=0.6, label="refused, per second")
    calls.set_ylabel("calls")
    calls.set_title(title, loc="left")
    for name in ("p50", "p95", "p99"):
        lag.plot(at_s, course(f"lag_{name}_ms"), color=COLOURS[name], linewidth=1.2, label=name)
    lag.axhline(PROMISE.p95_ms, color="black", linestyle="--", linewidth=1, label=f"{PROMISE.p95_ms:g} ms")
    lag.set_ylabel("lag of emotion events\nat the client, ms")
    worst_ms = max([value for value in course("lag_p99_ms") if not math.isnan(value)], default=0.0)
    lag.set_ylim(0, 1.1 * min(max(1.2 * PROMISE.p95_ms, worst_ms), 4 * PROMISE.p95_ms))
    hop.step(at_s, course("hop_factor"), where="post", color=HOP)
    hop.set_ylim(0, 4.6)
    hop.set_yticks([1, 2, 4])
    hop.set_ylabel("hop\nmultiplied by")
    for name in ("server", "generator"):
        work.plot(at_s, course(f"{name}_cores"), color=COLOURS[name], label=name)
    work.plot(at_s, course("stolen_cores"), color="black", linewidth=0.8, label="taken away by the host")
    work.set_ylim(bottom=0)
    work.set_ylabel("CPU, cores")
    memory.plot(at_s, course("rss_mb"), color=MEMORY)
    memory.set_ylim(0, 1.15 * max(course("rss_mb")))
    memory.set_ylabel("memory of\nthe server, MB")
    memory.set_xlabel("seconds")
    for axes in (calls, lag, hop, work, memory):
        _phases(axes, seconds)
        axes.grid(alpha=0.3)
    for axes in (calls, lag, work):
        axes.legend(loc="upper right", edgecolor="none", framealpha=0.9)
    figure.savefig(path, dpi=110)
    return True


def _phases(axes: Any, seconds: Sequence[Second]) -> None:
    """Shade the storm."""
    began_s = 0.0
    for phase, some in groupby(seconds, key=lambda second: second.phase):
        until_s = list(some)[-1].at_s
        if phase == STORM:
            axes.axvspan(began_s, until_s, color="black", alpha=0.05, linewidth=0)
        began_s = until_s
