"""How a process's memory goes over time: samples, what they come to, a table and a picture of them."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from importlib.util import find_spec
from pathlib import Path

from benchmarks.figures import slope

FLAT_SHARE = 0.01
"""Memory is flat if its line rises by less than this share of itself over the second half."""
SHORTEST_S = 600.0
"""Runs shorter than this say nothing about flatness: buffers are still filling."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The server's process, `at_s` seconds after it was ready."""

    at_s: float
    rss_mb: float
    cpu_s: float
    threads: int
    descriptors: int
    calls: int
    faults: int


@dataclass(frozen=True, slots=True)
class Course:
    """Resident memory in MB (10^6 bytes): right after the start, after two minutes, at the end; and its slope in MB per
    hour by least squares over the second half, with the share of itself by which it rose there."""

    start_mb: float
    settled_mb: float
    end_mb: float
    slope_mb_per_h: float
    rise: float

    @property
    def flat(self) -> bool:
        return self.rise < FLAT_SHARE


def course(samples: Sequence[Sample]) -> Course:
    """What at least one sample comes to; NaN for what too few do not tell."""
    settled = next((sample.rss_mb for sample in samples if sample.at_s >= 120), math.nan)
    middle_s = (samples[0].at_s + samples[-1].at_s) / 2
    second = [sample for sample in samples if sample.at_s >= middle_s]
    per_s = slope([(sample.at_s, sample.rss_mb) for sample in second])
    mean = sum(sample.rss_mb for sample in second) / len(second)
    rise = per_s * (second[-1].at_s - second[0].at_s) / mean
    return Course(samples[0].rss_mb, settled, samples[-1].rss_mb, per_s * 3600, rise)


def write_table(samples: Sequence[Sample], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow([field.name for field in fields(Sample)])
        writer.writerows(astuple(sample) for sample in samples)


def draw(samples: Sequence[Sample], path: Path, title: str) -> bool:
    """Whether a picture was drawn: not without matplotlib."""
    if find_spec("matplotlib") is None:
        return False
    from matplotlib.figure import Figure

    minutes = [sample.at_s / 60 for sample in samples]
    figure = Figure(figsize=(10, 5), layout="constrained")
    memory, work = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    memory.plot(minutes, [sample.rss_mb for sample in samples], color="#0072B2")
    memory.set_ylim(bottom=0)
    memory.set_ylabel("resident memory, MB")
    memory.set_title(title, loc="left")
    memory.grid(alpha=0.3)
    work.plot(minutes, [sample.descriptors for sample in samples], color="#D55E00", label="open files")
    work.plot(minutes, [sample.threads for sample in samples], color="#009E73", label="threads")
    work.set_ylim(bottom=0)
    work.set_xlabel("minutes")
    work.legend(loc="upper left", frameon=False)
    figure.savefig(path, dpi=110)
    return True
