"""What is read at both ends of a level, summed up."""

from __future__ import annotations

import math
import os
from array import array

import pytest

from benchmarks.exposition import Work
from benchmarks.levels import Usage
from benchmarks.line import Record
from benchmarks.trial import Mark, Meter, level

BEFORE = Mark(100.0, Usage(50.0, 400.0), Usage(5.0, 100.0), Usage(), 200.0)
AFTER = Mark(110.0, Usage(62.0, 500.0), Usage(6.0, 110.0), Usage(), 220.0)


def test_cores_are_seconds_of_work_by_seconds_and_the_rest_is_the_others() -> None:
    record = Record(late_ms=array("d", [1.0] * 2000))
    held = level(10, 10, 9, record, (BEFORE, AFTER), Work({"analysed": 5}, {}), None)
    assert held.held_s == 10.0
    assert held.server == Usage(1.2, 500.0)
    assert held.generator == Usage(0.1, 110.0)
    assert held.others_cores == pytest.approx(0.7)
    assert held.sends_per_s == 200.0


def test_lags_are_ranked_and_events_that_seq_left_out_are_missing() -> None:
    record = Record(lag_ms=array("d", range(1, 101)), told_lag_ms=array("d", [7.0]))
    record.findings.skipped = 3
    record.findings.missing = 1
    held = level(10, 10, 10, record, (BEFORE, AFTER), Work({}, {}), None)
    assert (held.lag_p50_ms, held.lag_p95_ms, held.lag_p99_ms, held.lag_max_ms) == (50.0, 95.0, 99.0, 100.0)
    assert (held.told_p95_ms, held.emotions, held.missing) == (7.0, 100, 3)
    assert math.isnan(held.late_p99_ms)


def test_a_process_out_of_reach_has_no_figures_and_one_s_own_has() -> None:
    far, own = Meter(None).read(), Meter(os.getpid()).read()
    assert math.isnan(far.cores)
    assert math.isnan(far.rss_mb)
    assert own.rss_mb > 1.0
