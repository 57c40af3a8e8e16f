"""A group against a reference set, and why it differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.workbench.shelves import shelf
from workbench.comparison import NOTABLE, Verdict, compare, explained, verdict
from workbench.library import LibraryError, Shelf


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
