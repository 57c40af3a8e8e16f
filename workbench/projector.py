"""Embeddings for other tools: numpy and CSV, and the two files that TensorBoard's projector reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np

from workbench.library import Item, LibraryError, Shelf

CONFIG = 'embeddings {\n  tensor_path: "vectors.tsv"\n  metadata_path: "metadata.tsv"\n}\n'
COLUMNS = ("source", "start_s", "end_s")
MOST_PACKED = 10_000_000
"""Numbers in one archive, which is made in memory: some 100 MB."""
Write = Callable[[IO[bytes]], None]


def export(shelf: Shelf, folder: Path, groups: Sequence[int] | None = None) -> list[Path]:
    """Write `embeddings.npy` (n, size) and `embeddings.csv` (what each row is), and for the projector `vectors.tsv`,
    `metadata.tsv` and `projector_config.pbtxt`. `groups`: a number for each row, as a column. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, write in _files(shelf, groups):
        with (folder / name).open("wb") as file:
            write(file)
        written.append(folder / name)
    return written


def packed(shelf: Shelf, groups: Sequence[int] | None = None) -> bytes:
    """The same files as a ZIP archive. Raises LibraryError if it would be too large."""
    if shelf.vectors.size > MOST_PACKED:
        raise LibraryError(
            f"{len(shelf)} embeddings are too many for an archive: take fewer, or fewer dimensions, or the command line"
        )
    archive = io.BytesIO()
    with ZipFile(archive, "w", ZIP_DEFLATED) as packing:
        for name, write in _files(shelf, groups):
            with packing.open(name, "w") as file:
                write(file)
    return archive.getvalue()


def _files(shelf: Shelf, groups: Sequence[int] | None) -> Iterator[tuple[str, Write]]:
    """Each file's name, and what writes it."""
    numbers: Sequence[int | None] = [None] * len(shelf) if groups is None else groups
    rows = [_row(item, group) for item, group in zip(shelf.items, numbers, strict=True)]
    columns = list(dict.fromkeys([*COLUMNS, *(name for row in rows for name in row)]))
    yield "embeddings.npy", lambda file: np.save(file, shelf.vectors)
    yield "embeddings.csv", lambda file: _write_csv(file, columns, rows)
    yield "vectors.tsv", lambda file: np.savetxt(file, shelf.vectors, fmt="%.6g", delimiter="\t")
    yield "metadata.tsv", lambda file: _write_metadata(file, columns, rows)
    yield "projector_config.pbtxt", lambda file: _write(file, CONFIG)


def _write_csv(file: IO[bytes], columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        table = csv.DictWriter(text, columns)
        table.writeheader()
        table.writerows(rows)


def _write_metadata(file: IO[bytes], columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    lines = ["\t".join(columns), *("\t".join(_flat(row.get(column, "")) for column in columns) for row in rows)]
    _write(file, "".join(f"{line}\n" for line in lines))


def _write(file: IO[bytes], text: str) -> None:
    file.write(text.encode())


def _row(item: Item, group: int | None) -> dict[str, Any]:
    """What is known of an item, one value per column; scores have a column each."""
    about = {name: value for name, value in item.about.items() if name != "scores"}
    row = {"source": item.source, "start_s": item.start_s, "end_s": item.end_s, **about}
    row |= item.about.get("scores", {})
    return row if group is None else row | {"group": group}


def _flat(value: Any) -> str:
    """In one line, without tabs."""
    return "" if value is None else " ".join(str(value).split())
