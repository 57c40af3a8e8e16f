"""What a server's own counters say: Prometheus text, fetched twice and subtracted."""

from __future__ import annotations

import re
import urllib.request
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

LINE = re.compile(r"^([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})? (\S+)", re.MULTILINE)
LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"')
FETCH_S = 60.0
Series = tuple[str, frozenset[tuple[str, str]]]
"""Name and labels."""
HOP_FACTOR: Series = ("undertone_hop_factor", frozenset())


def parse(text: str) -> dict[Series, float]:
    """The samples of Prometheus's text format; escapes in label values are left as they are."""
    return {(name, frozenset(LABEL.findall(labels))): float(value) for name, labels, value in LINE.findall(text)}


def fetch(url: str) -> dict[Series, float]:
    """The samples that the server at `url` gives now. Raises OSError."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=FETCH_S) as answer:
        return parse(answer.read().decode())


@dataclass(frozen=True, slots=True)
class Work:
    """What the models did in a span of time: windows by outcome over all models, and windows per batch by model;
    `hop_factor`: what hops were multiplied by, the larger of the values at both ends."""

    windows: Mapping[str, int]
    batch: Mapping[str, float]
    hop_factor: float = 1.0


def work(before: Mapping[Series, float], after: Mapping[Series, float]) -> Work:
    """From the samples of two moments."""
    windows: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    batches: Counter[str] = Counter()
    for series, value in after.items():
        (name, labels), grown = series, round(value - before.get(series, 0.0))
        said = dict(labels)
        if name == "undertone_windows_total":
            windows[said["outcome"]] += grown
        elif name == "undertone_batch_windows_sum":
            sums[said["model"]] += grown
        elif name == "undertone_batch_windows_count":
            batches[said["model"]] += grown
    per_batch = {model: sums[model] / count for model, count in sorted(batches.items()) if count}
    hop_factor = max(samples.get(HOP_FACTOR, 1.0) for samples in (before, after))
    return Work(dict(windows), per_batch, hop_factor)
