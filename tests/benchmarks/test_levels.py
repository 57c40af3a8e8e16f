"""What a level came to, and where the search goes on."""

from __future__ import annotations

import math
from typing import Any

import pytest

from benchmarks.audience import Count
from benchmarks.levels import Gallery, Ladder, Level, Usage
from benchmarks.livereport import HEADING, details, document, row, verdict


def level(**changes: Any) -> Level:
    said: dict[str, Any] = {
        "calls": 100,
        "held_s": 20.0,
        "talking": 100,
        "lag_p50_ms": 40.0,
        "lag_p95_ms": 120.0,
        "lag_p99_ms": 250.0,
        "lag_max_ms": 400.0,
        "told_p95_ms": 110.0,
        "emotions": 3000,
        "windows": {"analysed": 24_000},
        "batch": {"emotion": 2.0},
        "ended": 33,
        "warnings": {},
        "errors": {},
        "refusals": {},
        "compared": 5000,
        "missing": 0,
        "different": 0,
        "disordered": 0,
        "fields": {},
        "words": [],
        "server": Usage(1.2, 500.0),
        "generator": Usage(0.1, 150.0),
        "sends_per_s": 1000.0,
        "late_p99_ms": 3.0,
        "late_max_ms": 8.0,
        "others_cores": 0.1,
    }
    return Level(**(said | changes))


def test_a_level_with_small_lag_and_all_events_is_kept() -> None:
    assert level().kept
    assert level(warnings={"audio.clipped": 3}).kept
    assert verdict(level()) == "held"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"lag_p95_ms": 300.0}, "lag p95 300 ms"),
        ({"lag_p99_ms": 600.0}, "lag p99 600 ms"),
        ({"hop_factor": 2.0}, "hops 2 times as long"),
        ({"windows": {"analysed": 9, "skipped": 1}}, "1 windows skipped"),
        ({"windows": {"analysed": 9, "failed": 2}}, "2 windows failed"),
        ({"missing": 1}, "1 events missing"),
        ({"different": 2}, "2 events different"),
        ({"disordered": 3}, "3 events out of order"),
        ({"refusals": {"server.warming_up": 2, "HTTP 503": 1}}, "3 calls refused"),
        ({"errors": {"closed with 1011": 1}}, "1 errors"),
        ({"emotions": 0, "lag_p95_ms": math.nan, "lag_p99_ms": math.nan}, "no emotion event came"),
    ],
)
def test_the_promise_breaks_for_a_reason(changes: dict[str, Any], why: str) -> None:
    held = level(**changes)
    assert (held.kept, list(held.broken), verdict(held)) == (False, [why], "BROKEN")


@pytest.mark.parametrize(
    "changes", [{"late_p99_ms": 25.0}, {"late_p99_ms": math.nan}, {"generator": Usage(0.8, 150.0)}]
)
def test_a_level_at_which_the_generator_is_the_bottleneck_does_not_count(changes: dict[str, Any]) -> None:
    held = level(**changes)
    assert not held.broken
    assert not held.kept
    assert verdict(held) == "unfit"
    assert any("does not count" in line for line in details(held))


def test_a_sink_promises_nothing() -> None:
    held = level(sink=True, emotions=0, lag_p95_ms=math.nan)
    assert held.kept
    assert verdict(held) == "fit"


def test_a_level_whose_calls_were_not_all_let_in_is_none() -> None:
    assert level(admitted=level().calls).kept
    short = level(admitted=level().calls - 1)
    assert short.broken == [f"only {level().calls - 1} calls let in"]


def test_lost_onlookers_break_a_level() -> None:
    gallery = Gallery(3, Count(present=2, faults=1), Usage(0.1, 50.0))
    assert level(gallery=gallery).broken == ["1 onlookers lost", "1 faults of onlookers"]


def climbed(*first: int, holds: int, bisections: int = 2) -> tuple[list[int], int]:
    """The levels that a search tries where `holds` calls are the most, and what it finds."""
    ladder, tried = Ladder(first, bisections), []
    while ladder.next is not None:
        tried.append(ladder.next)
        ladder.tried(ladder.next, ladder.next <= holds)
    return tried, ladder.best


def test_a_search_climbs_by_a_quarter_and_then_halves_what_is_between() -> None:
    assert climbed(100, holds=180) == ([100, 125, 156, 195, 175, 185], 175)
    assert climbed(100, 200, 250, holds=330, bisections=1) == ([100, 200, 250, 312, 390, 351], 312)


def test_a_search_that_begins_too_high_goes_down() -> None:
    assert climbed(80, holds=45) == ([80, 40, 50, 45, 47], 45)
    assert climbed(300, holds=220, bisections=0) == ([300, 150, 188, 235], 188)
    assert climbed(1, holds=0) == ([1], 0)


@pytest.mark.parametrize("holds", [1, 7, 50, 333, 2000])
def test_what_a_search_finds_was_held_and_is_near_the_limit(holds: int) -> None:
    tried, best = climbed(1, holds=holds)
    assert best in tried
    assert 0.9 * holds - 1 <= best <= holds
    assert len(set(tried)) == len(tried)


def test_rows_and_details_fit_120_columns() -> None:
    huge = level(
        calls=12_000, lag_p50_ms=9999.0, lag_p95_ms=99_999.0, lag_p99_ms=99_999.0, lag_max_ms=99_999.0,
        windows={"analysed": 9_000_000, "skipped": 1_000_000}, ended=99_999, missing=9999, different=9999,
        disordered=99_999, server=Usage(64.0, 99_999.0), words=["x" * 300], errors={"closed with 1011": 12_345},
    )  # fmt: skip
    for one in (level(), huge):
        assert len(row(one)) == len(HEADING) <= 120
        assert all(len(line) <= 111 for line in details(one))


def test_figures_that_are_out_of_reach_are_dashes_and_nulls() -> None:
    held = level(server=Usage(), told_p95_ms=math.nan)
    assert "-     - |" in row(held)
    written = document([held], {"calls": [100]}, None)
    assert written["levels"][0]["server"] == {"cores": None, "rss_mb": None, "helpers_cores": 0.0}
    assert written["levels"][0]["told_p95_ms"] is None
    assert written["levels"][0]["kept"] is True


def test_where_the_host_takes_the_machine_away_a_level_does_not_count() -> None:
    held = level(stolen=0.2)
    assert held.unfit == ["20 % of the machine taken away by its host"]
    assert not held.kept
    assert level(stolen=0.05).kept
