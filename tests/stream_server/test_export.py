"""History as files: the same rows in three formats."""

from __future__ import annotations

import csv
import io
import json
import sys

import pytest

from tests.history.callsmade import MORNING, Telling, short_call
from tests.stream_server.serving import Served, serving


async def fill(served: Served, calls: int = 2) -> None:
    assert served.engine.history is not None
    for number in range(calls):
        call = Telling(f"c-{number}", started_at=MORNING + 60 * number)
        for event in short_call(call, f"c-{number}:9"):
            served.engine.history.tell(event, {"team": "north, west"})
    await served.engine.history.settle()


PATHS = {"/v1/calls": 2, "/v1/alerts": 2, "/v1/calls/c-1/timeline": 7, "/v1/calls/c-1/turns": 2}


async def test_json_lines_and_csv_hold_the_same_rows() -> None:
    async with serving(kept=True) as served:
        await fill(served)
        for path, number in PATHS.items():
            lines = [json.loads(line) for line in (await served.get(f"{path}?format=jsonl")).text.splitlines()]
            answer = await served.get(f"{path}?format=csv")
            assert answer.headers["content-disposition"].endswith('.csv"')
            table = list(csv.DictReader(io.StringIO(answer.text)))
            assert len(lines) == len(table) == number, path
            assert [list(line) for line in lines] == [list(row) for row in table]
            for line, row in zip(lines, table, strict=True):
                plain = {
                    key: json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else value
                    for key, value in line.items()
                }
                assert row == {key: "" if value is None else str(value) for key, value in plain.items()}


async def test_parquet_has_types_and_the_same_rows() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    async with serving(kept=True) as served:
        await fill(served)
        for path, number in PATHS.items():
            lines = [json.loads(line) for line in (await served.get(f"{path}?format=jsonl")).text.splitlines()]
            table = parquet.read_table(io.BytesIO((await served.get(f"{path}?format=parquet")).content))
            rows = table.to_pylist()
            assert len(rows) == number
            for line, row in zip(lines, rows, strict=True):
                assert row == line | (
                    {"tags": json.dumps(line["tags"], separators=(",", ":"))} if "tags" in line else {}
                )


async def test_without_pyarrow_parquet_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream_server.rest.export.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    async with serving(kept=True) as served:
        refused = await served.get("/v1/calls?format=parquet")
        assert (refused.status_code, refused.json()["error"]["code"]) == (501, "export.unavailable")
        assert "undertone[parquet]" in refused.json()["error"]["reason"]


async def test_a_name_is_no_formula_to_a_spreadsheet() -> None:
    async with serving(kept=True) as served:
        await fill(served, 1)
        assert (await served.post("/v1/alerts/c-0:9/acknowledge", by='=HYPERLINK("x")')).status_code == 200
        (row,) = csv.DictReader(io.StringIO((await served.get("/v1/alerts?format=csv")).text))
        assert row["acknowledged_by"] == '\'=HYPERLINK("x")'
        line = json.loads((await served.get("/v1/alerts?format=jsonl")).text)
        assert line["acknowledged_by"] == '=HYPERLINK("x")'


async def test_an_export_is_not_paged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream_server.rest.calls.EXPORTED_AT_ONCE", 2)
    async with serving(kept=True) as served:
        await fill(served, 5)
        lines = (await served.get("/v1/calls?format=jsonl&limit=1&tag=team:north,%20west")).text.splitlines()
        assert [json.loads(line)["call_id"] for line in lines] == ["c-4", "c-3", "c-2", "c-1", "c-0"]
