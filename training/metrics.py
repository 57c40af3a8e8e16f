"""The measures quoted in the model cards, in numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]


def unweighted_accuracy(truth: NDArray[np.int64], guess: NDArray[np.int64]) -> float:
    """Mean recall over the classes that occur in `truth`."""
    return float(np.mean([np.mean(guess[truth == label] == label) for label in np.unique(truth)]))


def auc(scores: Scores, positive: Flags) -> float:
    """Probability that a positive outscores a negative, ties counting half; NaN where either is missing."""
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((rank[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def equal_error(scores: Scores, same: Flags) -> tuple[float, float]:
    """Equal error rate, and the threshold (accept what lies above) at which it is reached."""
    order = np.argsort(scores)
    missed = np.cumsum(same[order]) / same.sum()
    accepted = 1 - np.cumsum(~same[order]) / (~same).sum()
    crossing = int(np.argmax(missed >= accepted))
    return float((missed[crossing] + accepted[crossing]) / 2), float(scores[order][crossing])


def calibration_error(probabilities: Scores, truth: NDArray[np.int64], bins: int = 10) -> float:
    """Expected calibration error of the largest probability, over equally wide bins."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(right[place == b].mean() - confidence[place == b].mean()) * np.mean(place == b) for b in np.unique(place)
    ]
    return float(np.sum(gaps))
