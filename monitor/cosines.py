"""What the cosine of two voices says about whether they are one, by how much was heard of each.

A model declares how the cosines of two single windows are distributed for the same and for different speakers
(`SpeakerSpec`). A voice is the mean of its windows: with n of them its length before it is normalised is
sqrt(s + (1 - s) / n), s being the mean cosine of two windows of one voice. So the cosines of longer voices lie further
from 0, by the stretch 1 / (the product of both lengths), if windows were independent. They are not quite: the powers of
the stretch by which means and deviations grow were fitted to validation speakers. `undertone evaluate calibration`
measures what that is worth on others.

Cosines end at 1, so they are compared on Fisher's scale, artanh(cosine), on which both distributions are nearly normal.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitor.analysis import SpeakerSpec

Array = NDArray[np.float64]

MEANS_GROW, SAME_GROWS, DIFFERENT_GROWS = 0.9, 0.75, 1.0
"""Powers of the stretch: of the mean cosines, and of the deviations on Fisher's scale."""
NEAR_ONE, MOST_MEAN = 0.999, 0.95
LEAST_WINDOWS, MOST_WINDOWS = 0.2, 8.0
"""Beyond 12 s of speech, with windows of 1.5 s, a voice counts as no surer: nothing was fitted there, and what differs
from one line or day to another does not average out within one."""


@dataclass(frozen=True, slots=True)
class Cosines:
    """How the artanh of the cosines of two voices is distributed, if one speaker said both and if two did. Arrays of
    one shape."""

    same_mean: Array
    same_std: Array
    different_mean: Array
    different_std: Array

    def log_odds(self, cosine: ArrayLike) -> Array:
        """Log likelihood ratio of one speaker against two. Of two normal distributions it falls again beyond some
        cosine where one is narrower; there it stays at its best, for more alike is never less alike."""
        given = on_fishers_scale(cosine)
        own, strange = self.same_std**-2.0, self.different_std**-2.0
        slope = own - strange
        with np.errstate(divide="ignore", invalid="ignore"):
            turn = (self.same_mean * own - self.different_mean * strange) / slope
        given = np.where(slope > 0, np.minimum(given, turn), np.where(slope < 0, np.maximum(given, turn), given))
        apart = strange * (given - self.different_mean) ** 2 - own * (given - self.same_mean) ** 2
        return np.asarray(apart / 2 + np.log(self.different_std / self.same_std), np.float64)

    def threshold(self, false_accepts: float) -> Array:
        """The cosine that this share of the pairs of different speakers exceeds."""
        return self.cosine(NormalDist().inv_cdf(1 - false_accepts))

    def cosine(self, deviations: ArrayLike) -> Array:
        """The cosine so many standard deviations above the mean of different speakers."""
        return np.tanh(self.different_mean + np.asarray(deviations, np.float64) * self.different_std)

    def deviations(self, cosine: ArrayLike) -> Array:
        """How many standard deviations a cosine lies above the mean of different speakers."""
        return np.asarray((on_fishers_scale(cosine) - self.different_mean) / self.different_std, np.float64)


def expected(spec: SpeakerSpec, one: ArrayLike, other: ArrayLike) -> Cosines:
    """The distributions for voices of which `one` and `other` full windows' worth of speech were heard."""
    first, second = (np.clip(np.asarray(windows, np.float64), LEAST_WINDOWS, MOST_WINDOWS) for windows in (one, other))
    stretch = 1 / np.sqrt(_square(spec, first) * _square(spec, second))
    same, different = (
        np.minimum(mean * stretch**MEANS_GROW, MOST_MEAN) for mean in (spec.same_mean, spec.different_mean)
    )
    return Cosines(
        on_fishers_scale(same),
        spec.same_std / (1 - spec.same_mean**2) * stretch**SAME_GROWS,
        on_fishers_scale(different),
        spec.different_std / (1 - spec.different_mean**2) * stretch**DIFFERENT_GROWS,
    )


def on_fishers_scale(cosine: ArrayLike) -> Array:
    """artanh of cosines, kept off 1 and -1."""
    return np.arctanh(np.clip(np.asarray(cosine, np.float64), -NEAR_ONE, NEAR_ONE))


def _square(spec: SpeakerSpec, windows: Array) -> Array:
    """Squared length of the mean of so many windows of one voice."""
    return np.asarray(spec.same_mean + (1 - spec.same_mean) / windows, np.float64)
