"""Results as tables: a row per recording, as CSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from importlib.util import find_spec
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Literal, TypeVar

from monitor.labels import LABELS
from workbench.results import Prediction

Format = Literal["table", "jsonl", "csv", "parquet"]
Cell = str | float | bool | None
Value = TypeVar("Value")
ROWS_AT_ONCE = 1000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""So begin cells that a spreadsheet takes for formulas, such as a recording's name that somebody else gave it."""


class TableError(Exception):
    """A table that cannot be written; the message says what is missing."""


NUMBERS = ("duration_s", "rate_hz", "channels", "level_dbfs", "peak_dbfs", "clipped_share", "snr_db", "speech_s",
           "speech_share", "band_limit_hz", "confidence", "arousal", *LABELS)  # fmt: skip
COLUMNS = (
    "file", "status", "failure", "reason", "remedy", "label", "confidence", "band", "shape", "stands_out", "arousal",
    "sentence", "advice", *LABELS, "duration_s", "rate_hz", "channels", "codec", "level_dbfs", "peak_dbfs",
    "clipped_share", "snr_db", "speech_s", "speech_share", "band_limit_hz", "telephone", "remarks", "embedding",
    "embedding_shape", "embedding_norm", "embedding_sound", "model",
)  # fmt: skip


def row(prediction: Prediction) -> dict[str, Cell]:
    """A line of result in COLUMNS: text, numbers, and None where there is nothing."""
    out: dict[str, Cell] = dict.fromkeys(COLUMNS)
    out |= {"file": prediction.file, "status": prediction.status, "model": prediction.model}
    if (failure := prediction.failure) is not None:
        out |= {"failure": failure.code, "reason": failure.reason.text, "remedy": failure.remedy.text}
    if (facts := prediction.facts) is not None:
        out |= {name: getattr(facts, name) for name in facts.__struct_fields__ if name in out}
        out["remarks"] = " ".join(remark.text for remark in facts.remarks)
    if (reading := prediction.emotion) is not None:
        out |= {name: getattr(reading, name) for name in ("label", "confidence", "band", "shape", "arousal")}
        out |= {"stands_out": " ".join(reading.stands_out), **reading.scores}
        out |= {"sentence": reading.sentence.text, "advice": reading.advice.text}
    if prediction.embeddings:
        first = prediction.embeddings[0]
        out |= {"embedding": first.file, "embedding_shape": "x".join(map(str, first.shape))}
        out |= {"embedding_norm": first.norm, "embedding_sound": first.sound}
    return out


def csv_line(prediction: Prediction | None) -> str:
    """A line of CSV, with its end; None: the header."""
    text = StringIO()
    cells = COLUMNS if prediction is None else row(prediction).values()
    csv.writer(text, lineterminator="\n").writerow(no_formula(cell) for cell in cells)
    return text.getvalue()


def no_formula(cell: Value) -> Value | str:
    """What a spreadsheet would take for a formula is text."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def write_csv(predictions: Iterable[Prediction], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(csv_line(None))
        file.writelines(csv_line(prediction) for prediction in predictions)


def check_parquet() -> None:
    """Raises TableError if Parquet cannot be written here."""
    if find_spec("pyarrow") is None:
        raise TableError("Parquet needs pyarrow: pip install 'undertone[parquet]'")


def write_parquet(predictions: Iterable[Prediction], path: Path) -> None:
    """In groups of 1,000 rows. Raises TableError without pyarrow."""
    check_parquet()
    import pyarrow as arrow
    from pyarrow import parquet

    kinds = {name: arrow.float64() for name in (*NUMBERS, "embedding_norm")}
    kinds |= {name: arrow.bool_() for name in ("telephone", "embedding_sound")}
    schema = arrow.schema([(name, kinds.get(name, arrow.string())) for name in COLUMNS])
    rows = (row(prediction) for prediction in predictions)
    with parquet.ParquetWriter(path, schema) as writer:
        while some := list(islice(rows, ROWS_AT_ONCE)):
            writer.write_table(arrow.Table.from_pylist(some, schema))
