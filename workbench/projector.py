"""Embeddings for other tools: numpy and CSV, and the two files that TensorBoard's projector reads."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.library import Item, Shelf

CONFIG = 'embeddings {\n  tensor_path: "vectors.tsv"\n  metadata_path: "metadata.tsv"\n}\n'
COLUMNS = ("source", "start_s", "end_s")


def export(shelf: Shelf, folder: Path, groups: Sequence[int] | None = None) -> list[Path]:
    """Write `embeddings.npy` (n, size) and `embeddings.csv` (what each row is), and for the projector `vectors.tsv`,
    `metadata.tsv` and `projector_config.pbtxt`. `groups`: a number for each row, as a column. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers: Sequence[int | None] = [None] * len(shelf) if groups is None else groups
    rows = [_row(item, group) for item, group in zip(shelf.items, numbers, strict=True)]
    columns = list(dict.fromkeys([*COLUMNS, *(name for row in rows for name in row)]))
    files = [folder / name for name in ("embeddings.npy", "embeddings.csv", "vectors.tsv", "metadata.tsv")]
    np.save(files[0], shelf.vectors)
    with files[1].open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(rows)
    np.savetxt(files[2], shelf.vectors, fmt="%.6g", delimiter="\t")
    with files[3].open("w", encoding="utf-8") as file:
        file.write("\t".join(columns) + "\n")
        file.writelines("\t".join(_flat(row.get(column, "")) for column in columns) + "\n" for row in rows)
    (folder / "projector_config.pbtxt").write_text(CONFIG, encoding="utf-8")
    return [*files, folder / "projector_config.pbtxt"]


def _row(item: Item, group: int | None) -> dict[str, Any]:
    """What is known of an item, one value per column; scores have a column each."""
    about = {name: value for name, value in item.about.items() if name != "scores"}
    row = {"source": item.source, "start_s": item.start_s, "end_s": item.end_s, **about}
    row |= item.about.get("scores", {})
    return row if group is None else row | {"group": group}


def _flat(value: Any) -> str:
    """In one line, without tabs."""
    return "" if value is None else " ".join(str(value).split())
