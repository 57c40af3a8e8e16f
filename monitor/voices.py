"""What is known of the voices of a call, and how well a window fits each.

Two covariances, both isotropic: a unit embedding is x = c + y + e, where c is what all voices share, y the speaker and
e all else. A model's cosines of two windows give their sizes: |c|^2 is the mean for different speakers, |y|^2 what the
same speaker adds to it, |e|^2 what is left of 1; how widely the cosines of different speakers scatter gives the number
of dimensions over which y and e spread. Everything follows in closed form from inner products (Ioffe 2006,
Probabilistic Linear Discriminant Analysis): a voice that little was heard of is uncertain, and says less.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.analysis import SpeakerSpec

Array = NDArray[np.float64]

SATURATION = 20.0
"""Windows that a voice can be known by, however long it speaks: windows of one call are not independent."""
JOINT_SATURATION = 4.0
"""The same where two voices are weighed against one."""
SHORT = 0.25
"""How fast short windows lose what speakers have in common, as a share of the full window's length."""
MIN_GAP, MIN_SPREAD = 0.02, 0.01
HEARD = 0.3
"""Windows from which on a voice may be merged."""


def lengthened(embedding: Array, share: float) -> Array:
    """Unit embedding of a window that has `share` of the full length, scaled so that its expected inner product with
    its speaker is that of a full window."""
    return embedding * ((share + SHORT) / (share * (1 + SHORT)))


class Likeness:
    """Log likelihood ratios from inner products. Counts are in full windows."""

    def __init__(self, spec: SpeakerSpec) -> None:
        gap = max(spec.same_mean - spec.different_mean, MIN_GAP)
        self.common = spec.different_mean
        self.dimensions = ((1 - spec.different_mean) / max(spec.different_std, MIN_SPREAD)) ** 2
        self.within = max(1 - spec.different_mean - gap, MIN_GAP) / self.dimensions
        self.between = gap / self.dimensions

    def of_windows(self, windows: Array, totals: Array, counts: Array) -> Array:
        """How much better each of `windows` (n, size) fits each voice than someone not heard before, shape (n, voices).

        `totals` (voices, size): sums of embeddings; `counts` (voices,): how many windows they are worth.
        """
        known, scale = _saturated(counts, SATURATION)
        dots = windows @ totals.T * scale - known * self.common
        squares = np.einsum("ij,ij->i", totals, totals) * scale**2 - known**2 * self.common
        gain = self.between / (self.within + known * self.between)
        variance = self.within * (1 + gain)
        fresh, length = self.within + self.between, 1 - self.common
        distance = length - 2 * gain * dots + gain**2 * squares
        odds = length / fresh - distance / variance + self.dimensions * np.log(fresh / variance)
        return np.asarray(odds / 2, np.float64)

    def of_one_voice(self, totals: Array, counts: Array) -> Array:
        """For each pair of voices, the log odds that they are one, shape (voices, voices)."""
        known, scale = _saturated(counts, JOINT_SATURATION)
        inner = totals @ totals.T * np.outer(scale, scale)
        squares = np.diag(inner)
        own = self._evidence(known, squares)
        both = self._evidence(known[:, None] + known, squares[:, None] + squares + 2 * inner)
        return both - own[:, None] - own

    def _evidence(self, count: Array, square: Array) -> Array:
        """Log likelihood that `count` windows whose sum has `square` as squared length are of one voice, but for a part
        that does not depend on who spoke."""
        spread = self.within + count * self.between
        fit = self.between * (square - count**2 * self.common) / (self.within * spread)
        return np.asarray((fit - self.dimensions * np.log(spread / self.within)) / 2, np.float64)


def _saturated(counts: Array, most: float) -> tuple[Array, Array]:
    """What counts are worth, and that as a share of them."""
    scale = np.where(counts > 0, 1 / (1 + counts / most), 0.0)
    return counts * scale, scale


class Voices:
    """The windows of a call and whose they are; old ones are kept as sums only.

    `shares` (windows, voices): to what part a window is whose; a row of zeros: not known yet. What is known is looked
    at again as the voices become clearer, so that a mistake of the first seconds does not stay in their models.
    """

    def __init__(self, likeness: Likeness, size: int) -> None:
        self.likeness = likeness
        self.embeddings: Array = np.zeros((0, size))
        self.starts: Array = np.zeros(0)
        self.ends: Array = np.zeros(0)
        self.segments: NDArray[np.int64] = np.zeros(0, np.int64)
        self.counts: Array = np.zeros(0)
        self.shares: Array = np.zeros((0, 0))
        self._old_totals: Array = np.zeros((0, size))
        self._old_counts: Array = np.zeros(0)
        self._totals: Array | None = None
        self._known: Array = np.zeros(0)

    def __len__(self) -> int:
        return len(self._old_counts)

    def models(self) -> tuple[Array, Array]:
        """Per voice, the sum of its embeddings (voices, size) and how many windows it is worth (voices,)."""
        if self._totals is None:
            weights = self.shares * self.counts[:, None]
            self._totals = self._old_totals + weights.T @ self.embeddings
            self._known = self._old_counts + weights.sum(axis=0)
        return self._totals, self._known

    def add(self, embedding: Array, segment: int, start: int, end: int, count: float) -> None:
        """One more window: frames [start, end), of which `count` full windows' worth was not in the one before."""
        self.embeddings = np.concatenate((self.embeddings, embedding[None]))
        self.starts = np.append(self.starts, start)
        self.ends = np.append(self.ends, end)
        self.segments = np.append(self.segments, segment)
        self.counts = np.append(self.counts, count)
        self.shares = np.concatenate((self.shares, np.zeros((1, len(self)))))

    def give(self, windows: NDArray[np.bool_] | NDArray[np.int64], voice: int | None) -> None:
        """These windows are that voice's; None: nobody knows."""
        self.shares[windows] = 0.0
        if voice is not None:
            self.shares[windows, voice] = 1.0
        self._totals = None

    def found(self) -> int:
        """A voice more; its number."""
        self._old_totals = np.concatenate((self._old_totals, np.zeros((1, self._old_totals.shape[1]))))
        self._old_counts = np.append(self._old_counts, 0.0)
        self.shares = np.concatenate((self.shares, np.zeros((len(self.shares), 1))), axis=1)
        self._totals = None
        return len(self) - 1

    def merge(self, gone: int, kept: int) -> None:
        """Two were one. Voices after `gone` move up."""
        for per_voice in (self._old_totals, self._old_counts, self.shares.T):
            per_voice[kept] += per_voice[gone]
        self._old_totals = np.delete(self._old_totals, gone, axis=0)
        self._old_counts = np.delete(self._old_counts, gone)
        self.shares = np.delete(self.shares, gone, axis=1)
        self._totals = None

    def likest_pair(self) -> tuple[int, int, float] | None:
        """The two voices that are most likely one, the older first, with the log odds of it."""
        totals, counts = self.models()
        heard = counts >= HEARD
        if heard.sum() < 2:
            return None
        odds = np.where(np.triu(np.outer(heard, heard), k=1), self.likeness.of_one_voice(totals, counts), -np.inf)
        older, newer = divmod(int(odds.argmax()), len(counts))
        return older, newer, float(odds[older, newer])

    def forget(self, most: int, step: int) -> None:
        """Keep at most `most` windows singly; the oldest `step` go into their voices' sums at once."""
        if len(self.counts) <= most:
            return
        weights = self.shares[:step] * self.counts[:step, None]
        self._old_totals = self._old_totals + weights.T @ self.embeddings[:step]
        self._old_counts = self._old_counts + weights.sum(axis=0)
        self.embeddings, self.shares = self.embeddings[step:].copy(), self.shares[step:].copy()
        self.starts, self.ends = self.starts[step:], self.ends[step:]
        self.segments, self.counts = self.segments[step:], self.counts[step:]

    def weigh_again(self, newest: int, evidence: float, inertia: float) -> None:
        """Ask once more whose all windows but the `newest` are, each without its own part in its voice's model, its
        neighbours of the same segment of speech counting half. `inertia`: log odds for leaving things as they are."""
        last = len(self.counts) - newest
        if last < 2 or len(self) < 2:
            return
        totals, counts = self.models()
        shares = self.shares[:last]
        odds = self.likeness.of_windows(self.embeddings[:last], totals, counts) * evidence
        likeness = self.likeness
        known, scale = _saturated(counts, SATURATION)
        own = likeness.between / (likeness.within + known * likeness.between) / likeness.within * scale
        own *= likeness.dimensions * likeness.within
        odds -= shares * self.counts[:last, None] * own * evidence
        voted = odds + inertia * (shares > 0.5)
        beside = (self.segments[1:last] == self.segments[: last - 1])[:, None]
        voted[1:] += 0.5 * odds[:-1] * beside
        voted[:-1] += 0.5 * odds[1:] * beside
        likely = np.exp(voted - voted.max(axis=1, keepdims=True))
        self.shares[:last] = likely / likely.sum(axis=1, keepdims=True)
        self._totals = None
