"""A load held at a level: watched from both ends while it lasts, and summed up."""

from __future__ import annotations

import asyncio
import math
import os
import time
from array import array
from dataclasses import dataclass, fields

import numpy as np
import psutil

from benchmarks.audience import Audience, Count
from benchmarks.exposition import Series, Work, fetch, work
from benchmarks.levels import Gallery, Level, Usage
from benchmarks.line import Record
from benchmarks.load import Load

ARRIVE_S = 20.0


class Meter:
    """Reads what a process and its children use; `pid` None: out of reach, all is NaN.

    Raises psutil.Error once the process is gone.
    """

    def __init__(self, pid: int | None) -> None:
        self._process = None if pid is None else psutil.Process(pid)

    def read(self) -> Usage:
        """CPU seconds so far in place of cores, and memory now."""
        if self._process is None:
            return Usage()
        cpu_s = own_s = rss = 0.0
        for process in [self._process, *self._process.children(recursive=True)]:
            times = process.cpu_times()
            cpu_s += times.user + times.system
            rss += process.memory_info().rss
            if process is self._process:
                own_s = cpu_s
        return Usage(cpu_s, rss / 1e6, cpu_s - own_s)


@dataclass(frozen=True, slots=True)
class Mark:
    """What was used until a moment at the beginning or the end of a level: `cores` are CPU seconds so far."""

    at_s: float
    server: Usage
    generator: Usage
    audience: Usage
    busy_s: float
    """CPU seconds of the whole machine."""
    stolen_s: float = 0.0
    """CPU seconds that the host of the machine gave to others."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What the server and the onlookers had counted by then; they are asked when the processes are not measured."""

    samples: dict[Series, float]
    count: Count


class Trial:
    """Holds a load at levels. `url`: of the server's metrics, None if it has none. `pid`: of the server, None if it is
    out of reach."""

    def __init__(self, load: Load, url: str | None, pid: int | None, *, sink: bool = False) -> None:
        self._load = load
        self._url = url
        self._sink = sink
        self._server = Meter(pid)
        self._own = psutil.Process(os.getpid())

    async def hold(
        self, calls: int, *, ramp_s: float, settle_s: float, hold_s: float, audience: Audience | None = None
    ) -> Level:
        """Bring the load to `calls` within `ramp_s`, wait until all are let in, ARRIVE_S at most, let it settle, and
        measure for `hold_s`.

        Raises OSError if the metrics cannot be had, psutil.Error if the server is gone, HelperError.
        """
        self._load.resize(calls, ramp_s)
        await asyncio.sleep(ramp_s)
        admitted = None if self._sink else await self._let_in(calls)
        await asyncio.sleep(settle_s)
        counted = await self._counters(audience)
        self._load.take_record()
        before = self._mark(audience)
        await asyncio.sleep(hold_s)
        after = self._mark(audience)
        record, talking = self._load.take_record(), self._load.talking
        recounted = await self._counters(audience)
        gallery = None
        if audience is not None:
            usage = _between(before.audience, after.audience, after.at_s - before.at_s)
            gallery = Gallery(audience.size, _read(counted.count, recounted.count), usage)
        done = work(counted.samples, recounted.samples)
        return level(calls, admitted, talking, record, (before, after), done, gallery)

    async def _let_in(self, calls: int) -> int:
        """Wait for those who were refused on the way and ask again; how many calls were in at once."""
        most, until_s = self._load.admitted, time.monotonic() + ARRIVE_S
        while most < calls and time.monotonic() < until_s:
            await asyncio.sleep(0.1)
            most = max(most, self._load.admitted)
        return most

    async def _counters(self, audience: Audience | None) -> Counters:
        samples = {} if self._url is None else await asyncio.to_thread(fetch, self._url)
        return Counters(samples, Count() if audience is None else await asyncio.to_thread(audience.count))

    def _mark(self, audience: Audience | None) -> Mark:
        times, rss = self._own.cpu_times(), self._own.memory_info().rss
        own = Usage(times.user + times.system, rss / 1e6)
        looking = Meter(None if audience is None else audience.pid)
        return Mark(time.monotonic(), self._server.read(), own, looking.read(), *machine_s())


def level(
    calls: int,
    admitted: int | None,
    talking: int,
    record: Record,
    marks: tuple[Mark, Mark],
    done: Work,
    gallery: Gallery | None,
) -> Level:
    """What a record and the marks before and after it come to. `admitted` None: the load had no server, but a sink."""
    before, after = marks
    held_s = after.at_s - before.at_s
    findings = record.findings
    lag, told, late = record.lag_ms, record.told_lag_ms, record.late_ms
    return Level(
        calls=calls,
        held_s=held_s,
        talking=talking,
        lag_p50_ms=_rank(lag, 50),
        lag_p95_ms=_rank(lag, 95),
        lag_p99_ms=_rank(lag, 99),
        lag_max_ms=_rank(lag, 100),
        told_p95_ms=_rank(told, 95),
        emotions=len(lag),
        windows=done.windows,
        batch=done.batch,
        ended=record.ended,
        warnings=dict(record.warnings),
        errors=dict(record.errors),
        refusals=dict(record.refusals),
        compared=findings.compared,
        missing=max(findings.missing, findings.skipped),
        different=findings.different,
        disordered=findings.disordered,
        fields=dict(findings.fields),
        words=list(findings.words),
        server=_between(before.server, after.server, held_s),
        generator=_between(before.generator, after.generator, held_s),
        sends_per_s=len(late) / held_s,
        late_p99_ms=_rank(late, 99),
        late_max_ms=_rank(late, 100),
        others_cores=max(0.0, (after.busy_s - before.busy_s - _known_s(after) + _known_s(before)) / held_s),
        gallery=gallery,
        sink=admitted is None,
        hop_factor=done.hop_factor,
        admitted=admitted,
        stolen=(after.stolen_s - before.stolen_s) / held_s / (os.cpu_count() or 1),
    )


def machine_s() -> tuple[float, float]:
    """CPU seconds of the whole machine: used, and taken away by its host where that is told."""
    times = psutil.cpu_times()
    busy_s = times.user + times.nice + times.system + times.irq + times.softirq
    return float(busy_s), float(getattr(times, "steal", 0.0))


def _known_s(mark: Mark) -> float:
    """CPU seconds of the processes that belong to the measurement, as far as they are here."""
    return sum(own.cores for own in (mark.server, mark.generator, mark.audience) if not math.isnan(own.cores))


def _read(before: Count, after: Count) -> Count:
    """What was read between two moments, by those that are present at the second."""
    read = Count(*(getattr(after, one.name) - getattr(before, one.name) for one in fields(Count)))
    read.present = after.present
    return read


def _between(before: Usage, after: Usage, seconds: float) -> Usage:
    helpers = (after.helpers_cores - before.helpers_cores) / seconds
    return Usage((after.cores - before.cores) / seconds, after.rss_mb, helpers)


def _rank(values: array[float], percent: float) -> float:
    """Nearest rank, as in `benchmarks.figures`, of a great many values; NaN if none."""
    return float(np.percentile(values, percent, method="inverted_cdf")) if len(values) else math.nan
