"""Embeddings in few dimensions: a map to look at, and vectors that are small enough for other tools."""

from __future__ import annotations

from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.gallery import unit
from workbench.learning import scikit
from workbench.library import LibraryError, Shelf, check

MOST_NEIGHBOURS = 30.0
MOST_TSNE = 5000
"""So many take t-SNE minutes."""
SEED = 0
Array = NDArray[np.float32]


class Projection(StrEnum):
    """PCA keeps large distances and is the same every time; t-SNE keeps neighbours together and takes a while."""

    PCA = "pca"
    TSNE = "tsne"


class Point(msgspec.Struct, frozen=True):
    """A recording, or a part of one in seconds, on a map. `x` and `y` are within [-1, 1] and mean nothing but near and
    far."""

    source: str
    start_s: float | None
    end_s: float | None
    x: float
    y: float


def mapped(shelf: Shelf, projection: Projection = Projection.PCA) -> list[Point]:
    """A point for each item of a shelf, in its order. Raises LibraryError for fewer than three, for vectors that are
    none and, where t-SNE is asked for, for too many, or if scikit-learn is missing."""
    check(shelf)
    if len(shelf) < 3:
        raise LibraryError(f"{len(shelf)} recordings make no map; three are needed")
    rows = unit(shelf.vectors)
    if projection is Projection.TSNE:
        if len(rows) > MOST_TSNE:
            raise LibraryError(f"{len(rows)} recordings are too many for tsne ({MOST_TSNE}); pca takes any number")
        neighbours = min(MOST_NEIGHBOURS, (len(rows) - 1) / 3)
        tsne = scikit("manifold").TSNE(perplexity=neighbours, metric="cosine", init="random", random_state=SEED)
        places = np.asarray(tsne.fit_transform(rows.astype(np.float32)), np.float64)
    else:
        places = np.zeros((len(rows), 2))
        flat = principal(rows, 2)[0]
        places[:, : flat.shape[1]] = flat
    places -= places.mean(axis=0)
    places /= max(float(np.abs(places).max()), 1e-12)
    return [
        Point(item.source, item.start_s, item.end_s, round(float(x), 5), round(float(y), 5))
        for item, (x, y) in zip(shelf.items, places, strict=True)
    ]


def principal(rows: NDArray[np.floating], dimensions: int) -> tuple[Array, float]:
    """The first principal components of `rows` (n, size), shape (n, dimensions), and which share of the variance they
    keep. Signs are settled so that the largest entry of each direction is positive."""
    centred = np.asarray(rows, np.float64) - np.mean(rows, axis=0, dtype=np.float64)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    chosen = vectors[:, ::-1][:, :dimensions]
    chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(chosen.shape[1])])
    kept = values[::-1][:dimensions].clip(0).sum() / max(float(values.clip(0).sum()), 1e-12)
    return np.asarray(centred @ chosen, np.float32), float(kept)


def reduced(shelf: Shelf, keep: float = 0.95, most: int = 24) -> tuple[Shelf, float]:
    """The shelf in as few dimensions as keep the share `keep` of the variance, at most `most`, and the share that is
    kept. Raises LibraryError for fewer than three recordings."""
    if len(shelf) < 3:
        raise LibraryError(f"{len(shelf)} recordings are too few; three are needed")
    rows = unit(shelf.vectors)
    for dimensions in range(1, min(most, *rows.shape) + 1):
        found, kept = principal(rows, dimensions)
        if kept >= keep:
            break
    return Shelf(shelf.kind, shelf.model, shelf.items, found), kept
