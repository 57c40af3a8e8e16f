"""What is most like an embedding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workbench.shelves import SIZE, shelf
from workbench.library import Kind, LibraryError, Shelf
from workbench.search import ExactIndex, likeness, search


@given(st.integers(0, 300), st.integers(1, 12), st.integers(0, 10_000))
def test_the_nearest_are_those_that_sorting_finds(rows: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, query = rng.standard_normal((rows, 8)).astype(np.float32), rng.standard_normal(8).astype(np.float32)
    places, cosines = ExactIndex(vectors).nearest(query, count)
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(query)
    truth = np.sort(vectors @ query / lengths)[::-1][:count]
    assert cosines == pytest.approx(truth, abs=1e-5)
    assert len(set(places.tolist())) == min(rows, count)


def test_recordings_of_the_same_kind_come_first_and_the_asked_one_is_left_out() -> None:
    kept = shelf(4, 5)
    hits = search(kept, kept.vectors[0], 4, leave_out={"g0-0.wav"})
    assert {hit.source for hit in hits} == {f"g0-{number}.wav" for number in range(1, 5)}
    assert [hit.cosine for hit in hits] == sorted((hit.cosine for hit in hits), reverse=True)


def test_embeddings_of_another_size_are_refused() -> None:
    with pytest.raises(LibraryError, match=r"of 7 values cannot be compared with model's of 24"):
        search(shelf(2, 2), np.ones(7, np.float32))


def test_where_nothing_is_kept_nothing_is_found() -> None:
    assert search(Shelf(Kind.EMOTION, "model", [], np.zeros((0, 0), np.float32)), np.ones(SIZE, np.float32)) == []


@pytest.mark.parametrize(("cosine", "word"), [(0.9, "very"), (0.75, "fairly"), (0.5, "different")])
def test_a_cosine_is_said_in_words(cosine: float, word: str) -> None:
    assert likeness(cosine).key == f"alike.{word}"


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_what_is_no_embedding_is_not_searched_for(value: float) -> None:
    with pytest.raises(LibraryError, match="all zero, or not finite"):
        search(shelf(1, 3), np.full(SIZE, value, np.float32))


@pytest.mark.parametrize("count", [0, -3])
def test_fewer_than_one_cannot_be_asked_for(count: int) -> None:
    kept = shelf(1, 3)
    with pytest.raises(LibraryError, match="ask for one or more"):
        search(kept, kept.vectors[0], count)
