"""Groups that are found without being told of."""

from __future__ import annotations

import sys

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="extra workbench")

from tests.workbench.shelves import shelf
from workbench.clusters import MOST_DENSE, SAMPLE, Method, cluster
from workbench.library import Item, Kind, LibraryError, Shelf


def agree(labels: tuple[int, ...], groups: int, each: int) -> bool:
    """Whether the items of a kind share a label that no other kind has."""
    found = [set(labels[at : at + each]) for at in range(0, groups * each, each)]
    return all(len(own) == 1 for own in found) and len(set.union(*found)) == groups


@pytest.mark.parametrize("groups", [2, 3, 6])
def test_k_means_finds_how_many_there_are(groups: int) -> None:
    told = cluster(shelf(groups, 12))
    assert agree(told.labels, groups, 12)
    assert [group.size for group in told.clusters] == [12] * groups
    assert told.sentence.key == "cluster.clear"
    assert told.sentence.text == f"{groups} groups that are clearly apart."


def test_k_means_makes_as_many_as_are_asked_for() -> None:
    assert len(cluster(shelf(2, 12), count=5).clusters) == 5


def test_hdbscan_leaves_out_what_lies_alone() -> None:
    kept = shelf(3, 15)
    lone = np.random.default_rng(4).standard_normal((2, kept.vectors.shape[1])).astype(np.float32)
    items = [*kept.items, *kept.items[:2]]
    told = cluster(Shelf(kept.kind, kept.model, items, np.concatenate([kept.vectors, lone])), Method.HDBSCAN)
    assert agree(told.labels[:-2], 3, 15)
    assert told.labels[-2:] == (-1, -1)
    assert told.alone == 2


def test_typical_recordings_lie_in_their_group() -> None:
    for group in cluster(shelf(3, 10)).clusters:
        assert len({name.split("-")[0] for name in group.typical}) == 1


def test_noise_is_not_sold_as_groups() -> None:
    told = cluster(shelf(1, 60, spread=30.0))
    assert told.sentence.key == "cluster.faint"


def test_what_is_too_little_is_refused() -> None:
    with pytest.raises(LibraryError, match="2 recordings cannot be put into two or more groups"):
        cluster(shelf(1, 2))
    with pytest.raises(LibraryError, match="6 recordings cannot be put into 7 groups"):
        cluster(shelf(2, 3), count=7)
    with pytest.raises(LibraryError, match="0 recordings"):
        cluster(Shelf(Kind.EMOTION, "model", [], np.zeros((0, 0), np.float32)))


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(LibraryError, match=r"pip install 'undertone\[workbench\]'"):
        cluster(shelf(2, 5))


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("alike", [3, 12])
def test_recordings_that_are_all_the_same_are_no_groups(method: Method, alike: int) -> None:
    one = shelf(1, 1)
    told = cluster(Shelf(one.kind, one.model, [*one.items] * alike, np.repeat(one.vectors, alike, axis=0)), method)
    assert told.sentence.key == "cluster.none"
    assert len(told.labels) == alike


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_a_vector_that_is_none_is_named_instead_of_grouped(method: Method, value: float) -> None:
    kept = shelf(2, 5)
    kept.vectors[3] = value
    with pytest.raises(LibraryError, match=r"g0-3.wav: its embedding is all zero, or not finite"):
        cluster(kept, method)


def test_how_many_groups_there_are_is_found_in_a_part_of_many() -> None:
    told = cluster(shelf(3, SAMPLE))
    assert agree(told.labels, 3, SAMPLE)


def test_more_than_hdbscan_can_do_in_time_is_refused_with_what_can() -> None:
    many = Shelf(Kind.EMOTION, "model", [Item("a.wav")] * (MOST_DENSE + 1), np.ones((MOST_DENSE + 1, 2), np.float32))
    with pytest.raises(LibraryError, match="kmeans takes any number"):
        cluster(many, Method.HDBSCAN)
