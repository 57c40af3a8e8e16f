"""Embeddings in few dimensions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="extra workbench")

from monitor.gallery import unit
from tests.workbench.shelves import shelf
from workbench.library import LibraryError
from workbench.maps import MOST_TSNE, Projection, mapped, principal, reduced


@pytest.mark.parametrize("projection", list(Projection))
def test_what_is_alike_lies_together_on_a_map(projection: Projection) -> None:
    points = mapped(shelf(3, 12), projection)
    places = np.array([[point.x, point.y] for point in points]).reshape(3, 12, 2)
    middles = places.mean(axis=1)
    within = np.abs(places - middles[:, None]).max()
    between = min(np.linalg.norm(middles[one] - middles[other]) for one, other in ((0, 1), (0, 2), (1, 2)))
    assert within < between
    assert np.abs(places).max() == pytest.approx(1.0)


def test_the_components_are_those_of_a_singular_value_decomposition_with_settled_signs() -> None:
    rows = shelf(4, 10, spread=1.0).vectors
    found, kept = principal(rows, 3)
    centred = rows - rows.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    assert np.abs(found) == pytest.approx(np.abs(left * values)[:, :3], abs=1e-4)
    assert kept == pytest.approx((values[:3] ** 2).sum() / (values**2).sum(), abs=1e-5)
    assert principal(rows[::-1], 3)[0][::-1] == pytest.approx(found, abs=1e-4)


def test_dimensions_are_as_few_as_keep_what_was_asked_for() -> None:
    small, kept = reduced(shelf(4, 20, spread=0.05), keep=0.95)
    assert kept >= 0.95
    assert small.vectors.shape == (80, 3)
    assert principal(unit(shelf(4, 20, spread=0.05).vectors), 2)[1] < 0.95
    assert reduced(shelf(4, 20, spread=2.0), keep=1.0, most=5)[0].vectors.shape == (80, 5)


def test_two_recordings_make_no_map() -> None:
    for made in (mapped, reduced):
        with pytest.raises(LibraryError, match="three are needed"):
            made(shelf(1, 2))


@pytest.mark.parametrize("projection", list(Projection))
def test_recordings_that_are_all_the_same_lie_on_one_spot_or_near_it(projection: Projection) -> None:
    one = shelf(1, 1)
    points = mapped(replace(one, items=[*one.items] * 4, vectors=np.repeat(one.vectors, 4, axis=0)), projection)
    assert np.isfinite([[point.x, point.y] for point in points]).all()


def test_an_embedding_of_one_number_has_a_place_on_a_line() -> None:
    flat = replace(shelf(1, 4), vectors=np.array([[1.0], [-1.0], [1.0], [-1.0]], np.float32))
    assert {point.y for point in mapped(flat)} == {0.0}


def test_what_makes_no_map_is_refused_by_name() -> None:
    kept = shelf(2, 5)
    kept.vectors[3] = np.nan
    with pytest.raises(LibraryError, match=r"g0-3.wav: its embedding is all zero, or not finite"):
        mapped(kept)
    many = replace(kept, items=[kept.items[0]] * (MOST_TSNE + 1), vectors=np.ones((MOST_TSNE + 1, 2), np.float32))
    with pytest.raises(LibraryError, match="pca takes any number"):
        mapped(many, Projection.TSNE)
