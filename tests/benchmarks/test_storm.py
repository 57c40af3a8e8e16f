"""What seconds of a storm come to, and what is said of it."""

from __future__ import annotations

import math
from array import array
from pathlib import Path
from typing import Any

import pytest

from benchmarks.line import Record
from benchmarks.storm import AFTER, CALM, STORM, Second, merge, percentiles, recovery, span
from benchmarks.stormreport import Outcome, document, draw, lines


def second(at_s: float, phase: str = STORM, **changes: Any) -> Second:
    said: dict[str, Any] = {
        "at_s": at_s,
        "phase": phase,
        "wanted": 600,
        "held": 300,
        "refused": 0,
        "emotions": 100,
        "lag_p50_ms": 50.0,
        "lag_p95_ms": 120.0,
        "lag_p99_ms": 200.0,
        "hop_factor": 1.0,
        "strain_s": 0.1,
        "skipped": 0,
        "server_cores": 1.5,
        "rss_mb": 500.0,
        "generator_cores": 0.2,
        "late_p99_ms": 3.0,
    }
    return Second(**(said | changes))


def test_shares_of_the_promise_count_seconds_and_the_events_in_them() -> None:
    seconds = [second(1), second(2, lag_p95_ms=400.0, emotions=300), second(3, lag_p95_ms=math.nan, emotions=0)]
    record = Record(lag_ms=array("d", [100.0] * 390 + [500.0] * 10), late_ms=array("d", [1.0]))
    came_to = span(seconds, record)
    assert came_to.kept_seconds == pytest.approx(1 / 3)
    assert came_to.kept_events == pytest.approx(100 / 400)
    assert came_to.within == pytest.approx(390 / 400)
    assert (came_to.lag_p50_ms, came_to.lag_p99_ms) == (100.0, 500.0)


def test_a_phase_s_extremes_and_sums() -> None:
    seconds = [
        second(1, held=10, refused=2, hop_factor=math.nan),
        second(2, held=30, refused=5, hop_factor=4.0, skipped=7, rss_mb=600.0),
    ]
    came_to = span(seconds, Record())
    assert (came_to.most_held, came_to.mean_held, came_to.refused, came_to.skipped) == (30, 20, 7, 7)
    assert (came_to.most_hop_factor, came_to.rss_end_mb) == (4.0, 600.0)
    assert math.isnan(came_to.within)


def test_a_server_that_comes_back_does_so_after_a_time() -> None:
    calm = [second(at, CALM) for at in range(1, 5)]
    after = [second(at, AFTER, hop_factor=4.0 if at < 14 else 1.0, refused=int(at == 12)) for at in range(11, 21)]
    came_out = recovery(calm, after)
    assert came_out.hop_normal_s == 4.0
    assert (came_out.refused, came_out.last_refused_s) == (1, 2.0)
    assert came_out.as_before


def test_a_server_that_does_not_come_back_is_found_out() -> None:
    calm = [second(at, CALM) for at in range(1, 5)]
    after = [second(at, AFTER, hop_factor=2.0, lag_p95_ms=250.0) for at in range(11, 15)]
    came_out = recovery(calm, after)
    assert math.isnan(came_out.hop_normal_s)
    assert not came_out.as_before


def test_records_are_merged() -> None:
    whole, part = Record(), Record(lag_ms=array("d", [1.0, 2.0]), ended=2)
    part.warnings["hop.widened"] = 3
    part.findings.disordered = 1
    merge(whole, part)
    merge(whole, part)
    assert list(whole.lag_ms) == [1.0, 2.0, 1.0, 2.0]
    assert (whole.ended, whole.warnings["hop.widened"], whole.findings.disordered) == (4, 6, 2)


def test_percentiles_of_nothing_are_no_numbers() -> None:
    assert all(math.isnan(value) for value in percentiles(array("d")))
    assert percentiles(array("d", range(1, 101))) == (50.0, 95.0, 99.0)


def outcome() -> Outcome:
    seconds = [second(1, CALM), second(2, STORM, refused=40, hop_factor=4.0), second(3, AFTER)]
    records = {phase: Record(lag_ms=array("d", [50.0, 400.0])) for phase in (CALM, STORM, AFTER)}
    records[STORM].refusals["server.busy"] = 40
    records[STORM].warnings["hop.widened"] = 9
    return Outcome(
        seconds=seconds,
        spans={one.phase: span([one], records[one.phase]) for one in seconds},
        records=records,
        recovery=recovery(seconds[:1], seconds[2:]),
        start_mb=400.0,
        ward={"closed with 1008 after call.ended client.too_slow": 5},
        dropped=77,
        cut_s=41.0,
        lost_processes=0,
        exit_status=0,
        trouble=["x" * 300],
    )


def test_the_report_says_what_became_of_everybody_in_120_columns() -> None:
    said = "\n".join(lines(outcome()))
    for words in ("40 server.busy", "9 hop.widened", "5 closed with 1008", "77 events left out", "as before"):
        assert words in said
    assert all(len(line) <= 120 for line in lines(outcome()))


def test_the_file_has_every_second_and_nulls_for_what_is_no_number() -> None:
    written = document(outcome(), {"calls": 600})
    assert [one["phase"] for one in written["seconds"]] == [CALM, STORM, AFTER]
    assert written["recovery"]["last_refused_s"] is None
    assert written["phases"][STORM]["refused"] == 40


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert draw(outcome().seconds, tmp_path / "storm.png", "a storm")
    assert (tmp_path / "storm.png").stat().st_size > 10_000
