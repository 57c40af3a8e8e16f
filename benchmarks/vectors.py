"""`python -m benchmarks.vectors`: which index finds the nearest of 100,000 embeddings best.

The vectors lie as embeddings do: some thousands of speakers with some recordings each, of unit length. Each index is
built and asked in a process of its own, with one thread; recall is how many of the ten nearest it finds. Indexes whose
package is not installed are left out: pip install faiss-cpu hnswlib usearch.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from numpy.typing import NDArray

from workbench.search import ExactIndex

Vectors = NDArray[np.float32]
Ask = Callable[[Vectors], NDArray[np.int64]]
NEAREST = 10
QUERIES = 300
PER_SPEAKER = 20
LINKS, EFFORT, LISTS, PROBES = 16, 100, 316, 16
"""Of the graphs: links of a vector, and candidates when one is built and asked. Of the lists: how many there are, about
the square root of the vectors, and how many are looked through."""


@dataclass(frozen=True, slots=True)
class Measured:
    """`memory_mb`: that the process has grown by; the vectors themselves are in it."""

    build_s: float
    query_ms: float
    recall: float
    memory_mb: float


def embeddings(count: int, size: int, seed: int = 0) -> Vectors:
    """(count, size): PER_SPEAKER around each of count / PER_SPEAKER directions, with a cosine of 0.6 among them."""
    rng = np.random.default_rng(seed)
    speakers = rng.standard_normal((count // PER_SPEAKER, size), np.float32)
    speakers /= np.linalg.norm(speakers, axis=1, keepdims=True)
    rows = np.sqrt(0.6) * np.repeat(speakers, PER_SPEAKER, axis=0)
    rows += np.sqrt(0.4 / size) * rng.standard_normal(rows.shape, np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rng.permutation(rows).astype(np.float32)


def exact(vectors: Vectors) -> Ask:
    index = ExactIndex(vectors)
    return lambda query: index.nearest(query, NEAREST)[0]


def faiss_flat(vectors: Vectors) -> Ask:
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return lambda query: index.search(query[None], NEAREST)[1][0]


def faiss_lists(vectors: Vectors) -> Ask:
    import faiss

    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(vectors.shape[1]), vectors.shape[1], LISTS, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    index.nprobe = PROBES
    return lambda query: index.search(query[None], NEAREST)[1][0]


def faiss_graph(vectors: Vectors) -> Ask:
    import faiss

    index = faiss.IndexHNSWFlat(vectors.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = index.hnsw.efSearch = EFFORT
    index.add(vectors)
    return lambda query: index.search(query[None], NEAREST)[1][0]


def hnswlib_graph(vectors: Vectors) -> Ask:
    import hnswlib

    index = hnswlib.Index("ip", vectors.shape[1])
    index.init_index(len(vectors), ef_construction=EFFORT, M=LINKS)
    index.add_items(vectors, num_threads=1)
    index.set_ef(EFFORT)
    return lambda query: index.knn_query(query, NEAREST, num_threads=1)[0][0].astype(np.int64)


def usearch_graph(vectors: Vectors) -> Ask:
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], metric="ip", connectivity=LINKS, expansion_add=EFFORT, expansion_search=EFFORT)
    index.add(np.arange(len(vectors)), vectors, threads=1)
    return lambda query: np.asarray(index.search(query, NEAREST).keys, np.int64)


INDEXES: dict[str, tuple[str, Callable[[Vectors], Ask]]] = {
    "numpy, exact (what Undertone does)": ("numpy", exact),
    "FAISS flat, exact": ("faiss", faiss_flat),
    f"FAISS IVF, {PROBES} of {LISTS} lists": ("faiss", faiss_lists),
    "FAISS HNSW": ("faiss", faiss_graph),
    "hnswlib HNSW": ("hnswlib", hnswlib_graph),
    "usearch HNSW": ("usearch", usearch_graph),
}


def asked(vectors: Vectors) -> Vectors:
    """What is searched for: new recordings of some of those who are there, (QUERIES, size)."""
    noise = embeddings(QUERIES * PER_SPEAKER, vectors.shape[1], 1)[:QUERIES]
    rows = 0.8 * vectors[:: len(vectors) // QUERIES][:QUERIES] + 0.6 * noise
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def measure(name: str, file: Path) -> Measured:
    """Build and ask an index over the vectors in a file, here."""
    vectors = np.load(file)
    process = psutil.Process()
    before = process.memory_info().rss
    began_s = time.perf_counter()
    ask = INDEXES[name][1](vectors)
    build_s = time.perf_counter() - began_s
    grown = process.memory_info().rss - before
    queries = asked(vectors)
    truth = [np.argsort(-(vectors @ query))[:NEAREST] for query in queries]
    times, found = [], []
    for query in queries:
        began_s = time.perf_counter()
        found.append(ask(query))
        times.append(time.perf_counter() - began_s)
    recall = np.mean([len(set(own.tolist()) & set(right.tolist())) for own, right in zip(found, truth, strict=True)])
    return Measured(build_s, 1000 * float(np.median(times)), float(recall) / NEAREST, grown / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="vectors (default 100,000)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[192, 1024], help="their sizes (default 192 1024)")
    arguments = parser.parse_args()
    print("| index | size | build, s | one query, ms | recall of 10 | memory it adds, MB |\n|---|---|---|---|---|---|")
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    for size in arguments.sizes:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "vectors.npy"
            np.save(file, embeddings(arguments.count, size))
            for name, (package, _) in INDEXES.items():
                if find_spec(package) is not None:
                    print(f"| {name} | {size} | {_alone(name, file)} |", flush=True)


def _alone(name: str, file: Path) -> str:
    """The figures, measured in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(measure, name, file).result()
    return f"{found.build_s:.2f} | {found.query_ms:.2f} | {found.recall:.3f} | {found.memory_mb:.0f}"


if __name__ == "__main__":
    main()
