"""What samples of a server's memory come to."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from benchmarks.memory import Sample, course, write_table


def samples(rss_mb: list[float], every_s: float = 60.0) -> list[Sample]:
    return [Sample(at * every_s, mb, 0.0, 5, 20, at, 0) for at, mb in enumerate(rss_mb)]


def test_growth_that_ends_before_the_second_half_is_flat() -> None:
    went = course(samples([300, 350, 390, 400, 400, 400, 400]))
    assert (went.start_mb, went.settled_mb, went.end_mb) == (300, 390, 400)
    assert went.slope_mb_per_h == pytest.approx(0.0)
    assert went.flat


def test_a_leak_is_not_flat() -> None:
    went = course(samples([400 + 2 * minute for minute in range(31)]))
    assert went.slope_mb_per_h == pytest.approx(120.0)
    assert not went.flat


def test_a_single_sample_tells_the_start_only() -> None:
    went = course(samples([400]))
    assert went.start_mb == went.end_mb == 400
    assert math.isnan(went.slope_mb_per_h)
    assert math.isnan(went.settled_mb)
    assert not went.flat


def test_the_table_has_a_heading_and_a_row_per_sample(tmp_path: Path) -> None:
    write_table(samples([300, 310]), tmp_path / "soak.csv")
    rows = list(csv.reader((tmp_path / "soak.csv").read_text().splitlines()))
    assert rows[0] == ["at_s", "rss_mb", "cpu_s", "threads", "descriptors", "calls", "faults"]
    assert [row[1] for row in rows[1:]] == ["300", "310"]
