"""Embeddings out of the folders that runs leave: `undertone predict`'s and `embed`'s, and those of other tools.

Of one recording such a folder holds `embedding.npy` and `result.json`; of several, `results.jsonl` with a line each,
which names the files; or nothing but `embeddings/NAME.npy`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.library import Item, Kind, LibraryError, Shelf

RESULT, RESULTS, RUN, EMBEDDING, EMBEDDINGS = "result.json", "results.jsonl", "run.json", "embedding.npy", "embeddings"
UNNAMED = "unnamed"
Found = tuple[Item, NDArray[np.float32]]


def is_run(folder: Path) -> bool:
    """Whether a folder holds embeddings as runs leave them."""
    return any((folder / name).exists() for name in (RESULTS, EMBEDDING, EMBEDDINGS))


def read_run(folder: Path, kind: Kind) -> Shelf:
    """The embeddings of a run, one of each recording: the mean where a file holds several. A run that does not say of
    which model they are is said to be of `unnamed`, with their size. Raises LibraryError for a folder that is none, and
    for files that cannot be read."""
    if not is_run(folder):
        raise LibraryError(f"{folder}: holds neither {EMBEDDING} nor {RESULTS} nor {EMBEDDINGS}/")
    try:
        found = list(_found(folder))
        model = _document(folder / RUN).get("model") or _document(folder / RESULT).get("model")
    except (OSError, ValueError) as error:
        raise LibraryError(f"{folder}: cannot be read: {error}") from None
    except (AttributeError, KeyError, TypeError):
        raise LibraryError(f"{folder}: cannot be read: {RESULTS} holds something else than results") from None
    if not found:
        raise LibraryError(f"{folder}: holds no embedding; was the run asked for them?")
    sizes = {len(vector) for _, vector in found}
    if len(sizes) > 1:
        raise LibraryError(
            f"{folder}: embeddings of {' and '.join(map(str, sorted(sizes)))} values; they are of two models"
        )
    name = model if isinstance(model, str) else f"{UNNAMED}, {sizes.pop()} values"
    return Shelf(kind, name, [item for item, _ in found], np.array([vector for _, vector in found]))


def is_named(model: str) -> bool:
    """Whether it is known of which model the embeddings of a run are."""
    return not model.startswith(UNNAMED)


def vector_in(file: Path) -> NDArray[np.float32]:
    """The embedding in a `.npy` of shape (size,) or (n, size), the mean over n. Raises ValueError, OSError."""
    rows = np.load(file, allow_pickle=False)
    if rows.ndim not in (1, 2) or rows.dtype.kind != "f" or not rows.size:
        raise ValueError(f"{file.name} is no embedding: {rows.dtype} of shape {rows.shape}")
    return np.asarray(np.atleast_2d(rows).mean(axis=0), np.float32)


def _found(folder: Path) -> Iterator[Found]:
    if (folder / RESULTS).is_file():
        for line in (folder / RESULTS).read_text(encoding="utf-8").splitlines():
            document = json.loads(line)
            files = [each["file"] for each in document.get("embeddings") or [] if each.get("file")]
            if files:
                item = Item(str(document["file"]), about=numbers_of(document.get("emotion") or {}))
                yield item, np.mean([vector_in(folder / file) for file in files], axis=0)
    elif (folder / EMBEDDING).is_file():
        yield Item(folder.name, about=numbers_of(_document(folder / RESULT))), vector_in(folder / EMBEDDING)
    else:
        for file in sorted((folder / EMBEDDINGS).rglob("*.npy")):
            yield Item(file.relative_to(folder / EMBEDDINGS).with_suffix("").as_posix()), vector_in(file)


def _document(file: Path) -> dict[str, Any]:
    """A JSON object; empty where there is none."""
    if not file.is_file():
        return {}
    document = json.loads(file.read_text(encoding="utf-8"))
    return document if isinstance(document, dict) else {}


def numbers_of(reading: Mapping[str, Any]) -> dict[str, Any]:
    """What comparisons are told by: the scores of a reading, and its other numbers."""
    numbers = {name: reading[name] for name in ("confidence", "arousal") if isinstance(reading.get(name), float)}
    scores = reading.get("scores")
    if isinstance(scores, Mapping):
        numbers["scores"] = {str(label): value for label, value in scores.items() if isinstance(value, (int, float))}
    return numbers
