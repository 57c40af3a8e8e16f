"""What a number of live calls came to, whether the promise held, and which number to try next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.audience import Count

GROWTH = 1.25
BISECTIONS = 2
CLOSE_ENOUGH = 1.05
"""A search ends where the level that broke is less than this times the one that held."""


@dataclass(frozen=True, slots=True)
class Promise:
    """Emotion events reach the client within so many ms after the audio that they are about was sent."""

    p95_ms: float = 300.0
    p99_ms: float = 600.0


@dataclass(frozen=True, slots=True)
class Fitness:
    """Where what is measured is the server: the generator is in time and has room, and the host takes no more than so
    much of this machine's cores away."""

    late_p99_ms: float = 25.0
    cores: float = 0.8
    stolen: float = 0.1


PROMISE = Promise()
FITNESS = Fitness()
UNHEARD = "no emotion event came"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its children used: cores (CPU seconds per second) and resident memory, 10^6 bytes; NaN where
    the process is out of reach. `helpers_cores`: what its children used of the cores."""

    cores: float = math.nan
    rss_mb: float = math.nan
    helpers_cores: float = 0.0


@dataclass(frozen=True, slots=True)
class Gallery:
    """The onlookers of one level: what they read while it was held, and what that used."""

    size: int
    count: Count
    usage: Usage


@dataclass(frozen=True, slots=True)
class Level:
    """One number of calls, held for `held_s` seconds. Lags in ms, as the client sees them, but `told_p95_ms`: as the
    events say. `talking`: calls that were being spoken at the end of it. `windows`: by outcome; `batch`: windows per
    batch by model. `others_cores`: what everything else on this machine used. `sink`: there was no server to keep a
    promise. `hop_factor`: what the server multiplied hops by, the larger of the values before and after. `admitted`:
    how many calls the server had let in before it began (None: nobody was asked). `stolen`: the share of the machine's
    cores that its host gave to others while they were wanted here."""

    calls: int
    held_s: float
    talking: int
    lag_p50_ms: float
    lag_p95_ms: float
    lag_p99_ms: float
    lag_max_ms: float
    told_p95_ms: float
    emotions: int
    windows: Mapping[str, int]
    batch: Mapping[str, float]
    ended: int
    warnings: Mapping[str, int]
    errors: Mapping[str, int]
    refusals: Mapping[str, int]
    compared: int
    missing: int
    different: int
    disordered: int
    fields: Mapping[str, int]
    words: Sequence[str]
    server: Usage
    generator: Usage
    sends_per_s: float
    late_p99_ms: float
    late_max_ms: float
    others_cores: float
    gallery: Gallery | None = None
    sink: bool = False
    hop_factor: float = 1.0
    admitted: int | None = None
    stolen: float = 0.0
    broken: Sequence[str] = field(init=False)
    unfit: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "broken", [] if self.sink else broken(self))
        object.__setattr__(self, "unfit", unfit(self))

    @property
    def kept(self) -> bool:
        """Whether the promise held, and the measurement counts."""
        return not self.broken and not self.unfit


def broken(level: Level) -> list[str]:
    """In what the promise was broken, in words; empty if it was kept."""
    out = []
    if not level.emotions:
        out.append(UNHEARD)
    for name, lag_ms, most_ms in (
        ("p95", level.lag_p95_ms, PROMISE.p95_ms),
        ("p99", level.lag_p99_ms, PROMISE.p99_ms),
    ):
        if lag_ms >= most_ms:
            out.append(f"lag {name} {lag_ms:.0f} ms")
    if level.admitted is not None and level.admitted < level.calls:
        out.append(f"only {level.admitted} calls let in")
    if level.hop_factor > 1:
        out.append(f"hops {level.hop_factor:g} times as long")
    for outcome, count in level.windows.items():
        if outcome != "analysed" and count:
            out.append(f"{count} windows {outcome}")
    for count, what in (
        (level.missing, "events missing"),
        (level.different, "events different"),
        (level.disordered, "events out of order"),
        (sum(level.refusals.values()), "calls refused"),
        (sum(level.errors.values()), "errors"),
        (0 if level.gallery is None else level.gallery.size - level.gallery.count.present, "onlookers lost"),
        (0 if level.gallery is None else level.gallery.count.faults, "faults of onlookers"),
    ):
        if count:
            out.append(f"{count} {what}")
    return out


def unfit(level: Level) -> list[str]:
    """Why the server may not have been the bottleneck, in words; empty if it was."""
    out = []
    if not level.late_p99_ms < FITNESS.late_p99_ms:
        out.append(f"generator: messages p99 {level.late_p99_ms:.0f} ms late")
    if level.generator.cores >= FITNESS.cores:
        out.append(f"generator: on {level.generator.cores:.2f} cores")
    if level.stolen >= FITNESS.stolen:
        out.append(f"{100 * level.stolen:.0f} % of the machine taken away by its host")
    return out


class Ladder:
    """Which level to try next in search of the largest that is kept: the given ones, then up by `growth` until one is
    not, then halves of what lies between. If the first is not kept already: half of it, until one is, and up again."""

    def __init__(self, first: Sequence[int], bisections: int = BISECTIONS, growth: float = GROWTH) -> None:
        """`first` rise from 1 at least and are not empty."""
        self.best = 0
        self._left = list(first)
        self._next: int | None = self._left.pop(0)
        self._broken: int | None = None
        self._bisections = bisections
        self._growth = growth

    @property
    def next(self) -> int | None:
        """None once the search is over."""
        return self._next

    def tried(self, calls: int, kept: bool) -> None:
        if kept:
            self.best = max(self.best, calls)
        else:
            self._broken = min(calls, self._broken or calls)
        above = max(self.best + 1, round(self.best * self._growth))
        if self._broken is None:
            self._next = self._left.pop(0) if self._left else above
            return
        if not self.best:
            self._next = self._broken // 2 or None
            return
        if above * CLOSE_ENOUGH < self._broken:
            self._next = above
            return
        middle = (self.best + self._broken) // 2
        narrow = self._broken <= self.best * CLOSE_ENOUGH or middle in (self.best, self._broken)
        if narrow or not self._bisections:
            self._next = None
            return
        self._bisections -= 1
        self._next = middle
