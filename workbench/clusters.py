"""Recordings that are alike, found without being told what to look for. Needs scikit-learn: the extra `workbench`."""

from __future__ import annotations

import warnings
from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.gallery import unit
from workbench.learning import scikit
from workbench.library import LibraryError, Shelf, check
from workbench.sentences import Sentence, say

MOST_CLUSTERS = 20
"""Up to so many are tried where their number is to be found."""
SAMPLE = 2000
"""Of more embeddings so many, drawn at random, tell how many groups there are and how far they stand apart."""
MOST_DENSE = 20_000
"""HDBSCAN's time grows with the square of their number: minutes for so many."""
STARTS = 10
CLEAR, FAINT = 0.5, 0.25
"""Silhouettes from which groups are clear, and below which there are hardly any (Kaufman and Rousseeuw 1990)."""
SEED = 0
Labels = NDArray[np.int64]


class Method(StrEnum):
    """K-means puts everything into one of k groups; HDBSCAN finds as many as there are, and leaves out what lies
    alone."""

    KMEANS = "kmeans"
    HDBSCAN = "hdbscan"


class Cluster(msgspec.Struct, frozen=True):
    """A group. `typical`: the recordings nearest to its middle, the nearest first; `spread`: mean cosine to the
    middle."""

    number: int
    size: int
    typical: tuple[str, ...]
    spread: float


class Clustering(msgspec.Struct, frozen=True):
    """`labels`: the group of each item of the shelf, in its order, -1 for none; `silhouette`: from -1 to 1, how much
    nearer items are to their own group than to the next, null with fewer than two groups; `alone`: how many are in
    none."""

    method: Method
    model: str
    labels: tuple[int, ...]
    clusters: tuple[Cluster, ...]
    silhouette: float | None
    alone: int
    sentence: Sentence


def cluster(shelf: Shelf, method: Method = Method.KMEANS, count: int | None = None, least: int = 5) -> Clustering:
    """Group the embeddings of a shelf by cosine. `count`: how many groups k-means makes; None: as many as give the best
    silhouette. `least`: the smallest group of HDBSCAN. Raises LibraryError if there is too little or, for HDBSCAN, too
    much, for vectors that are none, or if scikit-learn is missing."""
    check(shelf)
    rows = unit(shelf.vectors)
    if len(rows) < 3 or (count is not None and not 1 < count <= len(rows)):
        raise LibraryError(f"{len(rows)} recordings cannot be put into {count or 'two or more'} groups")
    if method is Method.HDBSCAN:
        if len(rows) > MOST_DENSE:
            raise LibraryError(
                f"{len(rows)} recordings are too many for hdbscan ({MOST_DENSE}); kmeans takes any number"
            )
        labels = _dense(rows, min(least, len(rows)))
    else:
        labels = _k_means(rows, count if count is not None else _best_count(rows))
    return described(shelf, method, labels)


def described(shelf: Shelf, method: Method, labels: Labels) -> Clustering:
    """What there is to say of groups that were found."""
    rows = unit(shelf.vectors)
    numbers = sorted({int(label) for label in labels} - {-1})
    silhouette = _silhouette(rows, labels)
    return Clustering(
        method=method,
        model=shelf.model,
        labels=tuple(map(int, labels)),
        clusters=tuple(_described(number, rows, labels, shelf) for number in numbers),
        silhouette=None if silhouette is None else round(silhouette, 4),
        alone=int(np.sum(labels == -1)),
        sentence=_said(len(numbers), silhouette),
    )


def _best_count(rows: NDArray[np.float64]) -> int:
    """With how many groups the silhouette is best."""
    if len(rows) > SAMPLE:
        rows = rows[np.random.default_rng(SEED).choice(len(rows), SAMPLE, replace=False)]
    counts = range(2, min(MOST_CLUSTERS, len(rows) - 1) + 1)
    return max(counts, key=lambda count: _apart(_silhouette(rows, _k_means(rows, count))))


def _apart(silhouette: float | None) -> float:
    """To be compared; what has none is worst."""
    return -1.0 if silhouette is None else silhouette


def _k_means(rows: NDArray[np.float64], count: int) -> Labels:
    with warnings.catch_warnings():  # of fewer different recordings than groups there are fewer groups
        warnings.simplefilter("ignore", scikit("exceptions").ConvergenceWarning)
        found = scikit("cluster").KMeans(count, n_init=STARTS, random_state=SEED).fit_predict(rows)
    return np.asarray(found, np.int64)


def _dense(rows: NDArray[np.float64], least: int) -> Labels:
    """HDBSCAN; of unit vectors the distance grows with the angle."""
    found = scikit("cluster").HDBSCAN(min_cluster_size=max(2, least), copy=True).fit_predict(rows)
    return np.asarray(found, np.int64)


def _silhouette(rows: NDArray[np.float64], labels: Labels) -> float | None:
    """Over what is in a group; of many rows a sample. None where it is not defined."""
    kept = labels >= 0
    groups = len(set(labels[kept].tolist()))
    if not 1 < groups < int(kept.sum()):
        return None
    sample = None if kept.sum() <= SAMPLE else SAMPLE
    score = scikit("metrics").silhouette_score
    return float(score(rows[kept], labels[kept], metric="cosine", sample_size=sample, random_state=SEED))


def _described(number: int, rows: NDArray[np.float64], labels: Labels, shelf: Shelf) -> Cluster:
    places = np.flatnonzero(labels == number)
    cosines = rows[places] @ unit(rows[places].mean(axis=0))
    nearest = places[np.argsort(-cosines, kind="stable")][:3]
    typical = tuple(shelf.items[place].shown for place in nearest.tolist())
    return Cluster(number, len(places), typical, round(float(cosines.mean()), 4))


def _said(groups: int, silhouette: float | None) -> Sentence:
    if groups < 2 or silhouette is None:
        return say("cluster.none")
    apart = "clear" if silhouette >= CLEAR else "some" if silhouette >= FAINT else "faint"
    return say(f"cluster.{apart}", groups=groups)
