"""A pool of servers on paper."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.plan import TELEPHONE
from benchmarks.pool import Server, batched, by_size, capacity, on_gpu, served, simulate, workers_busy
from benchmarks.scale import BEGIN, END, ScaleError, main, rewritten, wire_bytes_per_s
from benchmarks.scripts import Form

CHEAP = by_size([(1, 20.0), (30, 2.5)], 0.5, 1.0)


def test_what_comes_one_by_one_is_served_one_by_one() -> None:
    np.testing.assert_allclose(served(np.array([0.0, 0.1, 5.0]), 1.0), [1.0, 2.0, 6.0])


def test_a_free_worker_takes_all_that_waits_up_to_its_largest_batch() -> None:
    ready_s = np.array([0.0, 0.1, 0.2, 0.3, 9.0])
    answered_s, batches = batched(ready_s, lambda windows: 1.0, 2)
    np.testing.assert_allclose(answered_s, [1.0, 2.0, 2.0, 3.0, 10.0])
    assert batches == 4


def test_batches_cost_what_the_table_says_and_no_less_beyond_it() -> None:
    assert pytest.approx(0.010) == CHEAP(1)
    assert pytest.approx(0.0375) == CHEAP(30)
    assert pytest.approx(0.075) == CHEAP(60)
    assert CHEAP(1) < CHEAP(15) < CHEAP(30)
    assert on_gpu(4.0, 0.05)(100) == pytest.approx(0.009)


def test_lag_grows_with_calls_and_is_small_for_one() -> None:
    server = Server(2.3, CHEAP, speech=1.0, base_ms=10.0)
    lags_ms = [simulate(server, calls).lag_p95_ms for calls in (1, 200, 500)]
    assert lags_ms == sorted(lags_ms)
    assert 19.0 < lags_ms[0] < 25.0
    assert lags_ms[2] > 300.0


def test_capacity_ends_where_something_is_too_busy() -> None:
    by_models = capacity(Server(1.0, CHEAP, speech=1.0))
    assert by_models.limit == "models"
    assert 0.97 * 0.9 * 400 <= by_models.calls <= 0.9 * 400
    by_front = capacity(Server(5.0, CHEAP, speech=1.0))
    assert by_front.limit == "front-end"
    assert 0.97 * 180 <= by_front.calls <= 180
    assert capacity(Server(1.0, lambda windows: 10.0)).calls == 0


def test_capacity_grows_with_workers_and_fronts() -> None:
    few = capacity(Server(1.0, CHEAP, speech=1.0))
    assert capacity(Server(1.0, CHEAP, workers=2, speech=1.0)).calls > 1.8 * few.calls
    gpu = on_gpu(4.0, 0.05)
    assert capacity(Server(2.0, gpu, fronts=4, most_batch=256)).calls > 3.8 * 430
    assert workers_busy(Server(1.0, gpu, most_batch=256, speech=1.0), 1000) == pytest.approx(2000 * 0.0168 / 256)


def test_a_late_answer_can_be_slow_for_no_other_reason_than_the_way_there() -> None:
    near, far = (simulate(Server(2.0, CHEAP, base_ms=base_ms), 50).lag_p95_ms for base_ms in (0.0, 40.0))
    assert far - near == pytest.approx(40.0)


def test_what_a_call_takes_on_the_wire() -> None:
    assert 8 * wire_bytes_per_s(Form()) == pytest.approx(8 * 10 * (3200 + 8 + 3 * 90))
    assert 8 * wire_bytes_per_s(Form(TELEPHONE, chunk_s=0.02)) == pytest.approx(8 * 50 * (160 + 8 + 90))


def test_a_page_s_tables_are_made_anew_between_the_marks() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nbehind\n"
    once = rewritten(page, ["new"])
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nbehind\n"
    assert rewritten(once, ["new"]) == once
    with pytest.raises(ScaleError):
        rewritten("no marks", ["new"])


def test_figures_come_from_a_file_and_flags_go_before_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "capacity.json"
    costs = [{"batch": 1.0, "calls": 1, "front_ms": 9.0, "models_ms": 20.0, "lag_p50_ms": 12.0}]
    costs += [{"batch": 30.0, "calls": 300, "front_ms": 2.0, "models_ms": 3.0, "lag_p50_ms": 80.0}]
    path.write_text(json.dumps({"costs": costs, "told": {"events_per_s": 2.0, "bytes_per_s": 700.0}}))
    assert main(["--figures", str(path), "--gpu-fronts", "2", "--calls", "1000"]) == 0
    said = capsys.readouterr().out
    assert "front-end 2.0 ms" in said
    assert "20.0 ms at 1, 3.0 ms at 30" in said
    assert main(["--figures", str(path), "--gpu-fronts", "2", "--front-ms", "4"]) == 0
    assert "front-end 4.0 ms" in capsys.readouterr().out


def test_without_figures_it_says_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert "--front-ms" in capsys.readouterr().err
    (tmp_path / "other.json").write_text("{}")
    assert main(["--figures", str(tmp_path / "other.json")]) == 1
    assert "no file of benchmarks.capacity" in capsys.readouterr().err
