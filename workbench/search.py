"""What is most like an embedding, among all that are kept.

Every vector is compared, in one product of a matrix and a vector: at 100,000 of them that takes as long as reading them
once, some milliseconds, needs nothing built and misses nothing. Graphs answer sooner but are built in minutes and kept
beside the vectors (`python -m benchmarks.vectors`; docs/performance.md has the table).
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.gallery import unit
from workbench.library import LibraryError, Shelf
from workbench.sentences import Sentence, say

BLOCK_ROWS = 20_000
"""Vectors that are made unit length at once, so that a copy in float64 of all of them is never needed."""
VERY_ALIKE, FAIRLY_ALIKE = 0.85, 0.7


class Hit(msgspec.Struct, frozen=True):
    """A recording, or a part of one in seconds, and how like what was searched for it is."""

    source: str
    start_s: float | None
    end_s: float | None
    cosine: float
    sentence: Sentence


class ExactIndex:
    """Finds the nearest by cosine among `vectors` (n, size)."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self._rows = np.empty(vectors.shape, np.float32)
        for at in range(0, len(vectors), BLOCK_ROWS):
            self._rows[at : at + BLOCK_ROWS] = unit(vectors[at : at + BLOCK_ROWS])

    def __len__(self) -> int:
        return len(self._rows)

    def nearest(self, query: NDArray[np.float32], count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and cosines of the `count` nearest to `query` (size,), the nearest first."""
        cosines = self._rows @ unit(query).astype(np.float32)
        count = min(count, len(cosines))
        if not count:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        found = np.argpartition(-cosines, count - 1)[:count]
        found = found[np.lexsort((found, -cosines[found]))].astype(np.int64)
        return found, cosines[found]


def search(shelf: Shelf, query: NDArray[np.float32], count: int = 10, leave_out: Collection[str] = ()) -> list[Hit]:
    """The recordings most like an embedding, the likest first; those `leave_out` names are not among them, such as the
    one that is searched for. Raises LibraryError if the sizes differ: then they are of two models; and for an embedding
    that is none, or none wanted."""
    if count < 1:
        raise LibraryError(f"{count} recordings are none to name; ask for one or more")
    if not np.isfinite(query).all() or not query.any():
        raise LibraryError("what is searched for has an embedding that is all zero, or not finite")
    if not len(shelf):
        return []
    if query.shape != shelf.vectors.shape[1:]:
        raise LibraryError(
            f"an embedding of {query.size} values cannot be compared with {shelf.model}'s of {shelf.vectors.shape[1]}"
        )
    rows, cosines = ExactIndex(shelf.vectors).nearest(query, count + sum(i.source in leave_out for i in shelf.items))
    hits = []
    for row, cosine in zip(rows.tolist(), cosines.tolist(), strict=True):
        item = shelf.items[row]
        if item.source not in leave_out:
            hits.append(Hit(item.source, item.start_s, item.end_s, round(cosine, 4), likeness(cosine)))
    return hits[:count]


def search_kept(shelf: Shelf, source: str, count: int = 10) -> list[Hit]:
    """The recordings most like one that is on the shelf itself: the mean of what there is of it. Raises LibraryError if
    it is not there."""
    places = [place for place, item in enumerate(shelf.items) if item.source == source]
    if not places:
        raise LibraryError(f"{source} is not kept, so nothing can be searched by it")
    return search(shelf, np.asarray(shelf.vectors[places].mean(axis=0), np.float32), count, {source})


def likeness(cosine: float) -> Sentence:
    """A cosine of emotion embeddings in words."""
    if cosine >= VERY_ALIKE:
        return say("alike.very")
    return say("alike.fairly" if cosine >= FAIRLY_ALIKE else "alike.different")
