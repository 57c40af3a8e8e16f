"""A load over time, second by second, and what it comes to: a server before, in and after more than it can serve."""

from __future__ import annotations

import asyncio
import math
import os
import time
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import psutil

from benchmarks.exposition import Series, fetch
from benchmarks.levels import FITNESS, PROMISE
from benchmarks.line import Record
from benchmarks.load import Load
from benchmarks.trial import Meter, machine_s

CALM, STORM, AFTER = "calm", "storm", "after"
AS_BEFORE_SHARE, AS_BEFORE_MS = 1.5, 20.0
"""Lag is as before if its p95 is above that of the calm by no more than this share of it, or this many ms."""


@dataclass(frozen=True, slots=True)
class Second:
    """One second of a load; `at_s` (of the whole) is its end. Lags in ms, at the client, of the emotion events that
    came in it. `held`: calls that the server has let in, at its end; `hop_factor`, `strain_s` and `skipped` (windows,
    within it) as the server last said."""

    at_s: float
    phase: str
    wanted: int
    held: int
    refused: int
    emotions: int
    lag_p50_ms: float
    lag_p95_ms: float
    lag_p99_ms: float
    hop_factor: float
    strain_s: float
    skipped: int
    server_cores: float
    rss_mb: float
    generator_cores: float
    late_p99_ms: float
    stolen_cores: float = 0.0
    """What the host of this machine gave to others."""

    @property
    def kept(self) -> bool:
        """Whether p95 was within the promise; a second in which nothing came is not."""
        return self.lag_p95_ms < PROMISE.p95_ms


@dataclass(frozen=True, slots=True)
class Span:
    """All seconds of a phase together; lags over all their emotion events, `within` the share of these that came
    within the promise's p95. `kept_seconds`, `kept_events`: the share of the seconds whose p95 was within it, and of
    the events that came in those."""

    seconds: int
    emotions: int
    lag_p50_ms: float
    lag_p95_ms: float
    lag_p99_ms: float
    within: float
    kept_seconds: float
    kept_events: float
    most_held: int
    mean_held: float
    most_hop_factor: float
    refused: int
    skipped: int
    server_cores: float
    generator_cores: float
    late_p99_ms: float
    rss_end_mb: float
    stolen_cores: float
    undisturbed_seconds: int
    """Those in which the host of this machine took less of it away than FITNESS.stolen."""
    kept_undisturbed: float
    """The share of those whose p95 was within the promise; NaN if there are none."""


class Watch:
    """Samples a load and the server at `url`, process `pid`, each second. `seconds` and `records` grow."""

    def __init__(self, load: Load, url: str, pid: int) -> None:
        self.seconds: list[Second] = []
        self.records: dict[str, Record] = {}
        self.told: Mapping[Series, float] = {}
        """What the server's metrics last said."""
        self._load = load
        self._url = url
        self._server = Meter(pid)
        self._own = psutil.Process(os.getpid())
        self._began_s = self._marked_s = time.monotonic()
        self._used_s = self._cpu_s()
        self._skipped = 0.0

    async def listen(self) -> None:
        """Ask the server for its metrics, each second, for as long as this runs; a busy one answers when it can."""
        while True:
            began_s = time.monotonic()
            try:
                self.told = await asyncio.to_thread(fetch, self._url)
            except (OSError, ValueError):
                self.told = {}
            await asyncio.sleep(max(0.1, began_s + 1.0 - time.monotonic()))

    async def hold(self, phase: str, wanted: int, ramp_s: float, seconds: float) -> None:
        """Bring the load to `wanted` within `ramp_s` and sample for `seconds` in all. Raises psutil.Error once the
        server is gone."""
        self._load.resize(wanted, min(ramp_s, seconds))
        began_s, count = time.monotonic(), max(1, round(seconds))
        for number in range(1, count + 1):
            await asyncio.sleep(max(0.0, began_s + number * seconds / count - time.monotonic()))
            self._sample(phase, wanted)

    def _sample(self, phase: str, wanted: int) -> None:
        record, used = self._load.take_record(), self._cpu_s()
        now_s = time.monotonic()
        took_s = now_s - self._marked_s
        server, generator, stolen = (
            (after - before) / took_s for before, after in zip(self._used_s, used, strict=True)
        )
        self._marked_s, self._used_s = now_s, used
        skipped = sum(
            value for (name, labels), value in self.told.items()
            if name == "undertone_windows_total" and ("outcome", "skipped") in labels
        )  # fmt: skip
        newly, self._skipped = skipped - self._skipped, max(skipped, self._skipped)
        p50_ms, p95_ms, p99_ms = percentiles(record.lag_ms)
        self.seconds.append(
            Second(
                at_s=now_s - self._began_s,
                phase=phase,
                wanted=wanted,
                held=self._load.admitted,
                refused=sum(record.refusals.values()),
                emotions=len(record.lag_ms),
                lag_p50_ms=p50_ms,
                lag_p95_ms=p95_ms,
                lag_p99_ms=p99_ms,
                hop_factor=self.gauge("undertone_hop_factor"),
                strain_s=self.gauge("undertone_strain_seconds"),
                skipped=max(0, round(newly)),
                server_cores=server,
                rss_mb=self._server.read().rss_mb,
                generator_cores=generator,
                late_p99_ms=percentiles(record.late_ms)[2],
                stolen_cores=stolen,
            )
        )
        merge(self.records.setdefault(phase, Record()), record)

    def gauge(self, name: str) -> float:
        """As the server last said; NaN if it has not."""
        return self.told.get((name, frozenset()), math.nan)

    def _cpu_s(self) -> tuple[float, float, float]:
        """CPU seconds of the server, of the generator, and those that the machine's host gave to others."""
        own = self._own.cpu_times()
        return self._server.read().cores, own.user + own.system, machine_s()[1]


def percentiles(values: array[float]) -> tuple[float, float, float]:
    """p50, p95 and p99 by nearest rank; NaN if there are none."""
    if not len(values):
        return math.nan, math.nan, math.nan
    p50, p95, p99 = np.percentile(values, (50, 95, 99), method="inverted_cdf")
    return float(p50), float(p95), float(p99)


def merge(whole: Record, part: Record) -> None:
    """Add what happened in `part` to `whole`."""
    for name in ("lag_ms", "told_lag_ms", "late_ms"):
        getattr(whole, name).extend(getattr(part, name))
    whole.events += part.events
    whole.ended += part.ended
    for name in ("warnings", "errors", "refusals"):
        counts: Counter[str] = getattr(whole, name)
        counts.update(getattr(part, name))
    whole.findings.disordered += part.findings.disordered
    whole.findings.skipped += part.findings.skipped


def span(seconds: Sequence[Second], record: Record) -> Span:
    """What a phase of at least one second came to."""
    count = len(seconds)
    undisturbed = [second for second in seconds if second.stolen_cores < FITNESS.stolen * (os.cpu_count() or 1)]
    lags = np.asarray(record.lag_ms)
    p50_ms, p95_ms, p99_ms = percentiles(record.lag_ms)
    emotions = sum(second.emotions for second in seconds)
    return Span(
        seconds=count,
        emotions=emotions,
        lag_p50_ms=p50_ms,
        lag_p95_ms=p95_ms,
        lag_p99_ms=p99_ms,
        within=float((lags < PROMISE.p95_ms).mean()) if len(lags) else math.nan,
        kept_seconds=sum(second.kept for second in seconds) / count,
        kept_events=sum(second.emotions for second in seconds if second.kept) / emotions if emotions else math.nan,
        most_held=max(second.held for second in seconds),
        mean_held=sum(second.held for second in seconds) / count,
        most_hop_factor=max((second.hop_factor for second in seconds if second.hop_factor >= 1), default=math.nan),
        refused=sum(second.refused for second in seconds),
        skipped=sum(second.skipped for second in seconds),
        server_cores=sum(second.server_cores for second in seconds) / count,
        generator_cores=sum(second.generator_cores for second in seconds) / count,
        late_p99_ms=percentiles(record.late_ms)[2],
        rss_end_mb=seconds[-1].rss_mb,
        stolen_cores=sum(second.stolen_cores for second in seconds) / count,
        undisturbed_seconds=len(undisturbed),
        kept_undisturbed=sum(second.kept for second in undisturbed) / len(undisturbed) if undisturbed else math.nan,
    )


@dataclass(frozen=True, slots=True)
class Recovery:
    """How a server came out of a storm. Seconds count from its end; NaN: never. `calm_p95_ms` and `after_p95_ms` are
    over the seconds of the second half of each phase, the median of their p95."""

    hop_normal_s: float
    refused: int
    last_refused_s: float
    calm_p95_ms: float
    after_p95_ms: float

    @property
    def as_before(self) -> bool:
        """Whether lag is what it was in the calm."""
        allowed_ms = max(self.calm_p95_ms * AS_BEFORE_SHARE, self.calm_p95_ms + AS_BEFORE_MS)
        return self.after_p95_ms <= allowed_ms


def recovery(calm: Sequence[Second], after: Sequence[Second]) -> Recovery:
    """From the seconds of both phases, at least one each."""
    began_s = after[0].at_s - 1.0
    wide = [at for at, second in enumerate(after) if second.hop_factor != 1]
    normal = 0 if not wide else wide[-1] + 1
    refused = [second for second in after if second.refused]
    return Recovery(
        hop_normal_s=after[normal].at_s - began_s if normal < len(after) else math.nan,
        refused=sum(second.refused for second in refused),
        last_refused_s=refused[-1].at_s - began_s if refused else math.nan,
        calm_p95_ms=_usual_p95_ms(calm),
        after_p95_ms=_usual_p95_ms(after),
    )


def _usual_p95_ms(seconds: Sequence[Second]) -> float:
    lags = [second.lag_p95_ms for second in seconds[len(seconds) // 2 :] if not math.isnan(second.lag_p95_ms)]
    return float(np.median(lags)) if lags else math.nan
