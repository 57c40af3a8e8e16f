"""The measures that evaluations quote. What scikit-learn has comes from there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

Reals = NDArray[np.float64]
Flags = NDArray[np.bool_]
Numbers = NDArray[np.int64]


class EqualError(NamedTuple):
    """The rate at which as many are missed as are wrongly accepted, and the threshold that does it."""

    rate: float
    threshold: float


def roc_auc(scores: Reals, positive: Flags) -> float:
    """Area under the ROC curve; NaN where there is only one class."""
    return float(metrics.roc_auc_score(positive, scores)) if _both(positive) else math.nan


def equal_error(scores: Reals, positive: Flags) -> EqualError:
    """Where the ROC curve crosses the diagonal of equal errors, between its points linearly; NaN for one class."""
    if not _both(positive):
        return EqualError(math.nan, math.nan)
    accepted, found, thresholds = metrics.roc_curve(positive, scores)
    excess = accepted - (1 - found)  # rises from -1 to 1
    after = int(np.argmax(excess >= 0))
    before = after - 1
    thresholds[0] = thresholds[1]
    share = -excess[before] / (excess[after] - excess[before])
    return EqualError(
        float(accepted[before] + share * (accepted[after] - accepted[before])),
        float(thresholds[before] + share * (thresholds[after] - thresholds[before])),
    )


def minimum_detection_cost(scores: Reals, same: Flags, target_prior: float) -> float:
    """The least detection cost over all thresholds, both costs 1, relative to that of always saying the same: 1 is
    worthless (NIST 2016 Speaker Recognition Evaluation Plan, section 3.1). NaN for one class."""
    if not _both(same):
        return math.nan
    accepted, found, _ = metrics.roc_curve(same, scores, drop_intermediate=False)
    cost = target_prior * (1 - found) + (1 - target_prior) * accepted
    return float(cost.min() / min(target_prior, 1 - target_prior))


def unweighted_accuracy(truth: Numbers, guess: Numbers) -> float:
    """Mean recall over the classes that occur in `truth`."""
    return _over_true_classes(metrics.recall_score, truth, guess)


def macro_f1(truth: Numbers, guess: Numbers) -> float:
    """Mean F1 over the classes that occur in `truth`."""
    return _over_true_classes(metrics.f1_score, truth, guess)


def confusion(truth: Numbers, guess: Numbers, classes: int) -> list[list[int]]:
    """Rows: what it is; columns: what it was taken for."""
    table: list[list[int]] = metrics.confusion_matrix(truth, guess, labels=range(classes)).tolist()
    return table


def calibration_error(probabilities: Reals, truth: Numbers, bins: int = 10) -> float:
    """Expected calibration error of the largest of `probabilities` (n, classes), over bins of equal width (Guo et al.
    2017, equation 3)."""
    if not len(truth):
        return math.nan
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(np.sum(right[place == b]) - np.sum(confidence[place == b])) for b in np.unique(place)]
    return float(np.sum(gaps) / len(truth))


def softmax(logits: Reals) -> Reals:
    """Over the last axis; -inf is no chance at all."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def _both(positive: Flags) -> bool:
    return bool(positive.any() and not positive.all())


def _over_true_classes(measure: Callable[..., Any], truth: Numbers, guess: Numbers) -> float:
    if not len(truth):
        return math.nan
    return float(measure(truth, guess, labels=np.unique(truth), average="macro", zero_division=0))
