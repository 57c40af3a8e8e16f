"""A group against a reference set, and why it differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from monitor.gallery import unit
from tests.workbench.shelves import shelf
from workbench.comparison import MOST_EFFECT, NOTABLE, Verdict, compare, explained, quantile, verdict
from workbench.library import Item, LibraryError, Shelf


def part(kept: Shelf, group: int, each: int) -> Shelf:
    own = slice(group * each, (group + 1) * each)
    return replace(kept, items=kept.items[own], vectors=kept.vectors[own])


def calm_and_angry(group: int, rng: np.random.Generator) -> dict[str, Any]:
    angry = float(np.clip((0.1, 0.6)[group] + 0.08 * rng.standard_normal(), 0, 1))
    return {"scores": {"angry": angry, "neutral": 1 - angry, "happy": 0.05}, "confidence": 0.8, "calls": True}


def test_more_of_the_same_kind_meets_the_standard() -> None:
    reference, group = shelf(1, 20, seed=1), shelf(1, 8, seed=2)
    told = compare(group, reference)
    assert told.verdict is Verdict.MEETS
    assert told.score > told.reference_score - 0.1
    assert told.sentence.text.startswith("The group meets the standard")
    assert all(each.verdict is Verdict.MEETS for each in told.recordings)


def test_another_kind_is_at_risk_and_the_worst_come_first() -> None:
    kept = shelf(2, 20)
    told = compare(part(kept, 1, 20), part(kept, 0, 20))
    assert told.verdict is Verdict.AT_RISK
    assert [each.cosine for each in told.recordings] == sorted(each.cosine for each in told.recordings)
    assert told.recordings[0].reference_below == 0.0


def test_it_says_in_what_the_group_differs_and_by_how_much() -> None:
    kept = shelf(2, 20, about=calm_and_angry)
    told = compare(part(kept, 1, 20), part(kept, 0, 20))
    assert {difference.measure for difference in told.differences} == {"angry", "neutral"}
    angry = next(each for each in told.differences if each.measure == "angry")
    assert angry.group_mean - angry.reference_mean == pytest.approx(0.5, abs=0.1)
    assert angry.low < 0.5 < angry.high or angry.effect > 4
    assert "angry: more, 0.6" in angry.sentence.text


def test_chance_is_no_difference() -> None:
    one, other = (
        shelf(1, 30, seed=1, about=lambda _, rng: {"arousal": float(rng.random())}),
        shelf(1, 30, seed=2, about=lambda _, rng: {"arousal": float(rng.random())}),
    )
    assert explained(one.items, other.items) == []
    assert NOTABLE > 0


@pytest.mark.parametrize(
    ("cosine", "expected"), [(0.8, "meets the standard"), (0.7, "review"), (0.6, "review"), (0.5, "at risk")]
)
def test_the_bands_are_those_in_use(cosine: float, expected: str) -> None:
    assert verdict(cosine) == expected


def test_sets_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(LibraryError, match="embedded by model and the reference by another"):
        compare(shelf(1, 5), replace(shelf(1, 5), model="another"))
    with pytest.raises(LibraryError, match="5 recordings against 2"):
        compare(shelf(1, 5), shelf(1, 2))


def test_a_recording_in_both_sets_is_not_compared_with_itself() -> None:
    kept = shelf(2, 4, spread=1.0)
    reference = part(kept, 0, 4)
    alone = compare(reference, reference)
    assert [each.cosine for each in alone.recordings] == sorted(each.cosine for each in alone.recordings)
    assert alone.score == pytest.approx(alone.reference_score)
    rows = unit(reference.vectors)
    others = unit(rows[1:].sum(axis=0))
    first = next(each for each in alone.recordings if each.source == reference.items[0].source)
    assert first.cosine == pytest.approx(float(rows[0] @ others), abs=1e-4)


def test_few_recordings_make_the_interval_as_wide_as_it_must_be() -> None:
    """Of sets of three that do not differ the interval leaves out zero one time in twenty."""
    rng = np.random.default_rng(3)
    missed = 0
    for _ in range(400):
        one, other = ([Item("a.wav", about={"arousal": float(rng.normal())}) for _ in range(3)] for _ in range(2))
        missed += bool(explained(one, other))
    assert missed < 400 * 0.06


@pytest.mark.parametrize(("freedom", "expected"), [(2, 4.303), (3, 3.182), (10, 2.228), (1000, 1.962)])
def test_quantiles_are_students(freedom: float, expected: float) -> None:
    assert quantile(freedom) == pytest.approx(expected, rel=0.01)


def test_sets_that_do_not_vary_differ_by_ten_standard_deviations_at_most() -> None:
    one, other = ([Item("a.wav", about={"arousal": value})] * 4 for value in (0.2, 0.8))
    (difference,) = explained(one, other)
    assert difference.effect == -MOST_EFFECT
