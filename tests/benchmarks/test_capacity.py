"""The plan of the capacity table, and what becomes of what it finds."""

from __future__ import annotations

import math
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import capacity, levels
from benchmarks.audience import Count
from benchmarks.capacityreport import Found, costs, document, draw, table, told
from benchmarks.levels import Gallery, Ladder, Level, Usage
from benchmarks.plan import ROWS, Row, estimate_s, rows
from benchmarks.scripts import Form, Script, recut
from tests.benchmarks.test_levels import level
from tests.scripted import conversation, voice
from tests.stream_server.serving import serving


def test_all_rows_take_less_than_a_quarter_of_an_hour() -> None:
    assert 300 < estimate_s(rows(None, quick=False)) < 900
    assert estimate_s(rows(None, quick=True)) < 240


def test_rows_are_chosen_by_their_keys() -> None:
    assert [row.key for row in rows("i, vii", quick=False)] == ["i", "vii"]
    assert [row.key for row in rows("v", quick=False)] == ["v-emotion", "v-speaker"]
    assert len({row.key for row in ROWS}) == len(ROWS)
    with pytest.raises(ValueError, match="no such row: xii"):
        rows("xii", quick=False)


def test_scripts_are_cut_anew_with_what_was_expected_of_them() -> None:
    form, piece = Form(), voice(120, 1.0)[None]
    script = Script.of(form.encode(piece), form)
    (again,) = recut([script], [piece], Form(chunk_s=0.02))
    assert (len(script.messages), len(again.messages)) == (10, 50)
    assert again.reference is script.reference


async def test_a_search_stops_at_a_level_that_broke_and_goes_on_with_a_fresh_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(levels, "PROMISE", levels.Promise(0.001, 0.001))
    row = Row("ii", "mono", Form(), (4, 6), search=True, compared=False, settle_s=0.2, hold_s=1.5)
    script = Script.of(Form().encode(conversation()[None, : 3 * 16_000]), Form())
    ladder, tried, done = Ladder(row.calls, bisections=1), [], []
    for _ in range(2):
        async with serving() as served:
            server = SimpleNamespace(url=served.http, pid=os.getpid())
            done.append(await capacity.hold(row, [script], server, ladder, tried, again=False))
    assert ([one.calls for one in tried], ladder.best, done) == ([4, 2], 0, [False, False])
    assert all("lag p95" in one.broken[0] for one in tried)


async def test_a_level_at_which_the_generator_was_late_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels, "FITNESS", levels.Fitness(late_p99_ms=0.0))
    row = Row("ii", "mono", Form(), (4, 6), search=True, compared=False, settle_s=0.2, hold_s=1.5)
    script = Script.of(Form().encode(conversation()[None, : 3 * 16_000]), Form())
    ladder, tried = Ladder(row.calls), []
    async with serving() as served:
        server = SimpleNamespace(url=served.http, pid=os.getpid())
        assert not await capacity.hold(row, [script], server, ladder, tried, again=True)
    assert (len(tried), ladder.next) == (1, 4)


SEARCH = Row("ii", "mono", Form(), (100,), search=True)


def loaded(calls: int, batch: float, **changes: Any) -> Level:
    server = Usage(calls * 0.005, 500.0, calls * 0.002)
    return level(calls=calls, talking=calls, batch={"emotion": batch, "speaker": batch}, server=server, **changes)


def test_costs_are_split_between_the_server_and_its_models_by_batch() -> None:
    found = Found(SEARCH, [loaded(200, 20.0), loaded(100, 8.0), loaded(300, 40.0, lag_p95_ms=900.0)], 200, 400.0)
    assert [(row["batch"], row["calls"]) for row in costs([found])] == [(8.0, 100), (20.0, 200)]
    assert costs([found])[0]["front_ms"] == pytest.approx(3.0)
    assert costs([found])[0]["models_ms"] == pytest.approx(2.0)


def test_the_nearest_limit_is_told_not_the_first_that_was_met() -> None:
    levels = [loaded(200, 20.0), loaded(300, 40.0, lag_p95_ms=900.0), loaded(250, 30.0, lag_p95_ms=400.0)]
    unfit = loaded(225, 22.0, late_p99_ms=90.0)
    assert table([Found(SEARCH, [unfit, *levels], 200, 400.0)])[2].endswith("| not at 250: lag p95 400 ms |")


def test_a_level_that_was_not_kept_says_nothing_about_events() -> None:
    gallery = Gallery(2, Count(present=2, messages=10, read_bytes=160, checked=2, events=4), Usage(0.1, 50.0))
    watched = Found(
        Row("vii", "watched", Form(), (100,), onlookers=2), [level(gallery=gallery, hop_factor=2.0)], None, 1.0
    )
    assert told([watched]) is None


def test_the_table_has_the_largest_level_that_was_kept_and_why_the_next_was_not() -> None:
    found = Found(SEARCH, [loaded(100, 8.0), loaded(200, 20.0), loaded(250, 40.0, lag_p95_ms=900.0)], 200, 400.0)
    heading, _, row = table([found])
    assert heading.count("|") == row.count("|")
    assert row.startswith(
        "| ii. mono | 200 | 40 / 120 / 250 | 1.00 / 0.10 | 500 | 5.0 | 20.0 | not at 250: lag p95 900 ms"
    )


def test_onlookers_and_silent_calls_have_their_remarks() -> None:
    count = Count(present=2, messages=1000, read_bytes=160_000, checked=20, events=100)
    gallery = Gallery(2, count, Usage(0.1, 50.0))
    with_them = level(server=Usage(1.5, 500.0), gallery=gallery)
    watched = Found(Row("vii", "watched", Form(), (100,), onlookers=2), [level(), with_them], None, 400.0)
    silent = Found(Row("viii", "silent", Form(), (100,), silent=0.7), [level(lag_p95_ms=400.0)], None, 400.0)
    rows_ = table([watched, silent])[2:]
    assert "100 calls, no onlookers" in rows_[0]
    assert "100 calls, 2 onlookers" in rows_[1]
    assert "+0.30 cores" in rows_[1]
    assert "promise not kept: lag p95 400 ms; +100 MB since the start" in rows_[2]
    assert told([watched]) == {"events_per_s": 1000 * 5 / 4000, "bytes_per_s": 40.0}
    assert told([silent]) is None


def test_without_the_emotion_model_there_is_no_lag_and_no_promise() -> None:
    (row,) = rows("v-speaker", quick=False)
    nan = math.nan
    alone = level(emotions=0, lag_p50_ms=nan, lag_p95_ms=nan, lag_p99_ms=nan)
    assert table([Found(row, [alone], None, 400.0)])[2].split(" | ")[2] == "- / - / -"
    assert table([Found(row, [alone], None, 400.0)])[2].endswith("| no emotion events: no lag |")


def test_everything_is_written_and_drawn(tmp_path: Path) -> None:
    found = [Found(SEARCH, [loaded(100, 8.0), loaded(200, 20.0)], 200, 400.0)]
    written = document(found, {"cores": 2})
    assert written["rows"][0]["most_calls"] == 200
    assert written["rows"][0]["levels"][0]["kept"] is True
    pytest.importorskip("matplotlib")
    assert draw(found, tmp_path / "capacity.png")
