"""A group of recordings against a reference set, such as a week's calls against excellent ones: how like them, and why.

Each recording's embedding is compared with the middle of the reference set. Why the group differs is told from what is
known of its recordings: the scores of the labels, and whatever other numbers stand beside them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.gallery import unit
from workbench.library import Item, LibraryError, Shelf, check
from workbench.sentences import Sentence, say

MEETS, REVIEW = 0.75, 0.6
NOTABLE = 0.5
"""A difference counts from half a standard deviation on (Cohen 1988: medium)."""
MOST_EFFECT = 10.0
"""Standard deviations that are told at most; sets that do not vary at all are infinitely many apart."""
LEAST = 3
"""Recordings that a set needs, at least."""


class Verdict(StrEnum):
    MEETS = "meets the standard"
    REVIEW = "review"
    AT_RISK = "at risk"


SAID = {Verdict.MEETS: "meets", Verdict.REVIEW: "review", Verdict.AT_RISK: "at_risk"}


class Compared(msgspec.Struct, frozen=True):
    """A recording, its cosine to the middle of the reference set, and which part of the reference set itself lies
    lower."""

    source: str
    cosine: float
    reference_below: float
    verdict: Verdict


class Difference(msgspec.Struct, frozen=True):
    """How a measure differs: means of both sets; `effect`: the difference in standard deviations of both together
    (Cohen's d, with Hedges' correction for small sets); [`low`, `high`]: the difference of the means, 95 % of the
    time."""

    measure: str
    group_mean: float
    reference_mean: float
    effect: float
    low: float
    high: float
    sentence: Sentence


class Comparison(msgspec.Struct, frozen=True):
    """`score`: mean cosine of the group; `reference_score`: that of the reference set's recordings, each without its
    own part in the middle; `differences`: the notable ones, the largest first."""

    model: str
    score: float
    reference_score: float
    verdict: Verdict
    recordings: tuple[Compared, ...]
    differences: tuple[Difference, ...]
    sentence: Sentence


def compare(group: Shelf, reference: Shelf) -> Comparison:
    """A recording that is in both sets is compared with the others of the reference set. Raises LibraryError if the
    sets are of different models, too small, or hold vectors that are none."""
    if group.model != reference.model or group.kind is not reference.kind:
        raise LibraryError(f"the group is embedded by {group.model} and the reference by {reference.model}")
    if len(group) < 1 or len(reference) < LEAST:
        raise LibraryError(f"{len(group)} recordings against {len(reference)}: one and {LEAST} are needed at least")
    check(group)
    check(reference)
    rows, standard = unit(group.vectors), unit(reference.vectors)
    total = standard.sum(axis=0)
    own = np.sum(standard * unit(total - standard), axis=1)  # each against the others
    cosines = rows @ unit(total)
    places = {_place(item): number for number, item in enumerate(reference.items)}
    for number, item in enumerate(group.items):
        if (there := places.get(_place(item))) is not None:
            cosines[number] = own[there]
    found = [
        Compared(item.source, round(float(cosine), 4), round(float(np.mean(own < cosine)), 3), verdict(float(cosine)))
        for item, cosine in zip(group.items, cosines, strict=True)
    ]
    score = float(cosines.mean())
    differences = explained(group.items, reference.items)
    return Comparison(
        model=group.model,
        score=round(score, 4),
        reference_score=round(float(own.mean()), 4),
        verdict=verdict(score),
        recordings=tuple(sorted(found, key=lambda each: each.cosine)),
        differences=tuple(differences),
        sentence=say(f"compare.{SAID[verdict(score)]}", score=round(score, 2), usual=round(float(own.mean()), 2)),
    )


def _place(item: Item) -> tuple[str, float | None, float | None]:
    return item.source, item.start_s, item.end_s


def verdict(cosine: float) -> Verdict:
    if cosine > MEETS:
        return Verdict.MEETS
    return Verdict.REVIEW if cosine >= REVIEW else Verdict.AT_RISK


def explained(group: Sequence[Item], reference: Sequence[Item]) -> list[Difference]:
    """In what both sets notably differ, of all that is known of at least two recordings of each; the largest first."""
    ours, theirs = _measures(group), _measures(reference)
    found = []
    for measure in sorted(ours.keys() & theirs.keys()):
        if min(len(ours[measure]), len(theirs[measure])) > 1:
            difference = _difference(measure, np.array(ours[measure]), np.array(theirs[measure]))
            if abs(difference.effect) >= NOTABLE and (difference.low > 0 or difference.high < 0):
                found.append(difference)
    return sorted(found, key=lambda each: -abs(each.effect))


def _measures(items: Sequence[Item]) -> dict[str, list[float]]:
    """The numbers that are known of items, by name; those of the labels are named by the label."""
    out: dict[str, list[float]] = {}
    for item in items:
        for name, value in _numbers(item.about).items():
            out.setdefault(name, []).append(value)
    return out


def _numbers(about: Mapping[str, Any]) -> dict[str, float]:
    scores = about.get("scores")
    flat = {**about, **(scores if isinstance(scores, Mapping) else {})}
    return {
        name: float(value)
        for name, value in flat.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    }


def _difference(measure: str, ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> Difference:
    few, many = len(ours) - 1, len(theirs) - 1
    apart = float(ours.mean() - theirs.mean())
    variances = float(ours.var(ddof=1)), float(theirs.var(ddof=1))
    spread = math.sqrt((few * variances[0] + many * variances[1]) / (few + many))
    small = 1 - 3 / (4 * (few + many) - 1)
    shares = variances[0] / len(ours), variances[1] / len(theirs)
    error = math.sqrt(sum(shares))
    freedom = sum(shares) ** 2 / max(shares[0] ** 2 / few + shares[1] ** 2 / many, 1e-300)  # Welch and Satterthwaite
    reach = error * quantile(freedom)
    effect = small * apart / max(spread, 1e-9)
    means = {"group": round(float(ours.mean()), 2), "reference": round(float(theirs.mean()), 2)}
    return Difference(
        measure=measure,
        group_mean=round(float(ours.mean()), 4),
        reference_mean=round(float(theirs.mean()), 4),
        effect=round(max(-MOST_EFFECT, min(MOST_EFFECT, effect)), 3),
        low=round(apart - reach, 4),
        high=round(apart + reach, 4),
        sentence=say("compare.more" if apart > 0 else "compare.less", measure=measure, **means),
    )


def quantile(freedom: float) -> float:
    """Within which Student's t of so many degrees of freedom, 1 or more, lies 95 % of the time: a series in the normal
    distribution's (Abramowitz and Stegun 26.7.5), from 2 on exact to 1 %, for 1 to 11 %."""
    z = 1.959964
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    return z + sum(term / max(freedom, 1.0) ** power for power, term in enumerate(terms, 1))
