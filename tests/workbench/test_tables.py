"""Results as tables: the same cells in every form."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from pyarrow import parquet

from inference.model import Models
from tests.workbench.models import embedded
from tests.workbench.sounds import emodb
from workbench import tables
from workbench.asked import Asked, Item
from workbench.prediction import predict
from workbench.results import Prediction
from workbench.tables import COLUMNS, TableError


@pytest.fixture(scope="module")
def models() -> Models:
    return embedded()


@pytest.fixture
def predictions(models: Models, recordings: Path) -> list[Prediction]:
    paths = [emodb(recordings), emodb(recordings, "nowhere"), emodb(recordings, "03a01Nc")]
    return [each.prediction for each in predict([Item(path.name, path) for path in paths], models, Asked())]


def test_a_row_has_everything_that_a_table_can_hold(predictions: list[Prediction]) -> None:
    rows = {prediction.file: tables.row(prediction) for prediction in predictions}
    assert all(tuple(row) == COLUMNS for row in rows.values())
    angry = rows["03a01Wa.flac"]
    assert (angry["status"], angry["label"], angry["angry"]) == ("done", "angry", angry["confidence"])
    assert angry["rate_hz"] == 16_000
    missing = rows["nowhere.flac"]
    assert (missing["status"], missing["failure"], missing["label"]) == ("failed", "not_found", None)
    assert missing["remedy"] == "Check the path."


def test_csv_and_parquet_hold_the_same_rows(predictions: list[Prediction], tmp_path: Path) -> None:
    tables.write_csv(predictions, tmp_path / "a.csv")
    tables.write_parquet(predictions, tmp_path / "a.parquet")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    rows = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert len(lines) == len(rows) == 3
    for line, row in zip(lines, rows, strict=True):
        assert line["file"] == row["file"]
        for name in COLUMNS:
            if isinstance(row[name], float):
                assert float(line[name]) == pytest.approx(row[name])
            else:
                assert line[name] == ("" if row[name] is None else str(row[name]))


def test_no_cell_is_a_formula_to_a_spreadsheet(predictions: list[Prediction], tmp_path: Path) -> None:
    done = next(each for each in predictions if each.status == "done")
    named = [replace(done, file=name) for name in ("=HYPERLINK(1)", "-1+2.wav", "a=b.wav")]
    tables.write_csv(named, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["file"] for line in lines] == ["'=HYPERLINK(1)", "'-1+2.wav", "a=b.wav"]
    assert float(lines[0]["level_dbfs"]) < 0, "numbers stay as they are"


def test_without_pyarrow_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(tables, "find_spec", lambda name: None)
    with pytest.raises(TableError, match=r"undertone\[parquet\]"):
        tables.check_parquet()
