"""What is known of the voices of a call, and how well a window fits each.

Two covariances, both isotropic: a unit embedding is x = c + y + e, where c is what all voices share, y the speaker and
e all else. A model's cosines of two windows give their sizes: |c|^2 is the mean for different speakers, |y|^2 what the
same speaker adds to it, |e|^2 what is left of 1; how widely the cosines of different speakers scatter gives the number
of dimensions over which y and e spread. Everything follows in closed form from inner products (Ioffe 2006,
Probabilistic Linear Discriminant Analysis): a voice that little was heard of is uncertain, and says less.
"""

from __future__ import annotations

import math
from itertools import combinations

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


def lengthened(share: float) -> float:
    """The length that the embedding of a window with `share` of the full length is given, so that its expected inner
    product with its speaker is that of a full window, whose length is 1."""
    return (share + SHORT) / (share * (1 + SHORT))


class Likeness:
    """Log likelihood ratios from inner products. Counts are in full windows."""

    def __init__(self, spec: SpeakerSpec) -> None:
        gap = max(spec.same_mean - spec.different_mean, MIN_GAP)
        self.common = spec.different_mean
        self.dimensions = ((1 - spec.different_mean) / max(spec.different_std, MIN_SPREAD)) ** 2
        self.within = max(1 - spec.different_mean - gap, MIN_GAP) / self.dimensions
        self.between = gap / self.dimensions
        self._fresh = self.within + self.between
        "Variance per dimension of a window of someone not heard before"

    def line(self, count: float, square: float) -> tuple[float, float, float]:
        """How a voice answers to a window: the log odds that the window is of that voice and not of someone not heard
        before are `offset` + `slope` * (window's embedding . sum of the voice's embeddings). `own`: what a full window
        that is part of that sum adds to its own odds. Answers slope, offset, own.

        `count`: windows that were heard of the voice; `square`: squared length of the sum of their embeddings. The
        voice lies about `gain` times that sum; its windows have `variance` per dimension, those of anyone new `fresh`.
        """
        scale = SATURATION / (SATURATION + count)
        known, common, between = count * scale, self.common, self.between
        gain = between / (self.within + known * between)
        variance = self.within * (1 + gain)
        bent = 2 * known * common + gain * (square * scale * scale - known * known * common)
        nearer = (1 - common) / self._fresh - (1 - common + gain * bent) / variance
        offset = (nearer + self.dimensions * math.log(self._fresh / variance)) / 2
        return gain * scale / variance, offset, gain * scale * self.dimensions

    def likest_pair(self, inner: list[list[float]], counts: list[float], voices: list[int]) -> tuple[int, int, float]:
        """Which two of `voices` are most likely one, and the log odds that they are. `inner`: the inner products of the
        sums of their embeddings, of each with each."""
        heard = []
        for voice in voices:
            scale = JOINT_SATURATION / (JOINT_SATURATION + counts[voice])
            known = counts[voice] * scale
            square = scale * scale * inner[voice][voice]
            heard.append((voice, known, scale, square, self._evidence(known, square)))
        best = voices[0], voices[1], -math.inf
        for (older, known, scale, square, own), (newer, *other) in combinations(heard, 2):
            both = square + other[2] + 2 * scale * other[1] * inner[older][newer]
            odds = self._evidence(known + other[0], both) - own - other[3]
            if odds > best[2]:
                best = older, newer, odds
        return best

    def _evidence(self, count: float, square: float) -> float:
        """Log likelihood that `count` windows whose sum has `square` as squared length are of one voice, but for a part
        that does not depend on who spoke."""
        spread = self.within + count * self.between
        fit = self.between * (square - count * count * self.common) / (self.within * spread)
        return (fit - self.dimensions * math.log(spread / self.within)) / 2


def _products(rows: Array, matrix: Array) -> Array:
    """`rows` @ `matrix`. For few rows BLAS is twice as fast one by one."""
    if len(rows) > 5:
        return np.asarray(rows @ matrix, np.float64)
    out = np.empty((len(rows), matrix.shape[1]))
    for row, product in zip(rows, out, strict=True):
        row.dot(matrix, product)
    return out


START, END, COUNT, BESIDE = range(4)
"""Rows of `Voices.windows`: frames; full windows' worth that was not in the window before; whether that one is of the
same segment of speech, 0 or 1."""


class Voices:
    """The windows of a call and whose they are; old ones are kept as sums only.

    `windows` (4, windows): what there is to say of each; `shares` (voices, windows): to what part it is whose; `known`:
    whether that is known yet, else its shares are 0. What is known is looked at again as the voices become clearer, so
    that a mistake of the first seconds does not stay in their models.

    Embeddings are kept in float32; sums and products are in float64. Room grows with need, by `step` windows at a time
    up to `most`; then the oldest `step` go into their voices' sums at once.
    """

    def __init__(self, likeness: Likeness, size: int, most: int, step: int) -> None:
        self.likeness = likeness
        self.known: list[bool] = []
        self._most, self._step = most, step
        self._segment = -1
        self._embeddings: NDArray[np.float32] = np.zeros((0, size), np.float32)
        self._windows: Array = np.zeros((4, 0))
        self._shares: Array = np.zeros((0, 0))
        self._old_totals: Array = np.zeros((0, size))
        self._old_counts: Array = np.zeros(0)
        self._models: tuple[Array, list[float]] | None = None
        self._inner: list[list[float]] | None = None

    def __len__(self) -> int:
        return len(self._old_counts)

    @property
    def windows(self) -> Array:
        return self._windows[:, : len(self.known)]

    @property
    def shares(self) -> Array:
        return self._shares[:, : len(self.known)]

    def models(self) -> tuple[Array, list[float]]:
        """Per voice, the sum of its embeddings, shape (voices, size), and how many windows it is worth."""
        if self._models is None:
            self._model(self._embeddings[: len(self.known)].astype(np.float64))
        assert self._models is not None
        return self._models

    def _model(self, embeddings: Array) -> None:
        """Sum up. `embeddings`: of all windows that are kept."""
        shares, counts = self.shares, self.windows[COUNT]
        totals = self._old_totals + _products(shares * counts, embeddings)
        self._models, self._inner = (totals, (self._old_counts + shares.dot(counts)).tolist()), None

    def inner(self) -> list[list[float]]:
        """The inner products of the sums of the voices' embeddings, of each with each."""
        if self._inner is None:
            totals, _ = self.models()
            self._inner = totals.dot(totals.T).tolist()
        return self._inner

    def _lines(self) -> Array:
        """What `Likeness.line` says of each voice, shape (3, voices)."""
        squares = [inner[voice] for voice, inner in enumerate(self.inner())]
        return np.array(list(map(self.likeness.line, self.models()[1], squares))).T

    def odds(self, newest: int, evidence: float) -> Array:
        """How much better each of the `newest` windows fits each voice than someone not heard before: log likelihood
        ratios times `evidence`, shape (windows, voices)."""
        slopes, offsets, _ = self._lines() * evidence
        last = len(self.known)
        odds: Array = self._embeddings[last - newest : last].astype(np.float64).dot(self.models()[0].T)
        odds *= slopes
        odds += offsets
        return odds

    def add(self, embedding: NDArray[np.float32], segment: int, start: int, end: int, count: float) -> None:
        """One more window: frames [start, end), of which `count` full windows' worth was not in the one before."""
        self._make_room()
        at = len(self.known)
        self._embeddings[at] = embedding
        self._windows[:, at] = start, end, count, segment == self._segment
        self._shares[:, at] = 0.0
        self.known.append(False)
        self._segment = segment

    def _make_room(self) -> None:
        room, size = self._embeddings.shape
        if len(self.known) < room:
            return
        if room < self._most:
            more = min(self._step, self._most - room)
            self._embeddings = np.concatenate((self._embeddings, np.zeros((more, size), np.float32)))
            self._windows = np.concatenate((self._windows, np.zeros((len(self._windows), more))), axis=1)
            self._shares = np.concatenate((self._shares, np.zeros((len(self), more))), axis=1)
            return
        step = self._step
        shares, counts = self._shares[:, :step], self._windows[COUNT, :step]
        self._old_totals += _products(shares * counts, self._embeddings[:step].astype(np.float64))
        self._old_counts += shares.dot(counts)
        self._embeddings[:-step] = self._embeddings[step:]
        self._windows[:, :-step] = self._windows[:, step:]
        self._shares[:, :-step] = self._shares[:, step:]
        del self.known[:step]

    def give(self, windows: NDArray[np.bool_], voice: int | None) -> None:
        """These windows are that voice's; None: nobody knows."""
        self.shares[:, windows] = 0.0
        if voice is not None:
            self.shares[voice, windows] = 1.0
        for window in windows.nonzero()[0].tolist():
            self.known[window] = voice is not None
        self._models = self._inner = None

    def learn(self, window: int, voice: int) -> None:
        """A window of which was not known whose it is, is that voice's."""
        totals, counts = self.models()
        count = float(self._windows[COUNT, window])
        self._shares[voice, window] = 1.0
        self.known[window] = True
        totals[voice] += self._embeddings[window].astype(np.float64) * count
        counts[voice] += count
        self._inner = None

    def found(self) -> int:
        """A voice more; its number."""
        self._old_totals = np.concatenate((self._old_totals, np.zeros((1, self._old_totals.shape[1]))))
        self._old_counts = np.append(self._old_counts, 0.0)
        self._shares = np.concatenate((self._shares, np.zeros((1, self._shares.shape[1]))))
        self._models = self._inner = None
        return len(self) - 1

    def merge(self, gone: int, kept: int) -> None:
        """Two were one. Voices after `gone` move up."""
        for per_voice in (self._old_totals, self._old_counts, self._shares):
            per_voice[kept] += per_voice[gone]
        self._old_totals = np.delete(self._old_totals, gone, axis=0)
        self._old_counts = np.delete(self._old_counts, gone)
        self._shares = np.delete(self._shares, gone, axis=0)
        self._models = self._inner = None

    def likest_pair(self) -> tuple[int, int, float] | None:
        """The two voices that are most likely one, the older first, with the log odds of it."""
        _, counts = self.models()
        heard = [voice for voice, count in enumerate(counts) if count >= HEARD]
        return self.likeness.likest_pair(self.inner(), counts, heard) if len(heard) > 1 else None

    def weigh_again(self, newest: int, evidence: float, inertia: float) -> None:
        """Ask once more whose all windows but the `newest` are, each without its own part in its voice's model, its
        neighbours of the same segment of speech counting half. `inertia`: log odds for leaving things as they are."""
        last = len(self.known) - newest
        if last < 2 or len(self) < 2:
            return
        embeddings = self._embeddings[: len(self.known)].astype(np.float64)
        shares, windows = self._shares[:, :last], self._windows[:, :last]
        slopes, offsets, own = (self._lines() * evidence)[:, :, None]
        odds = _products(self.models()[0] * slopes, embeddings[:last].T)
        odds += offsets
        odds -= shares * (own * windows[COUNT])
        voted = odds + inertia * (shares > 0.5)
        beside = 0.5 * windows[BESIDE, 1:]
        voted[:, 1:] += odds[:, :-1] * beside
        voted[:, :-1] += odds[:, 1:] * beside
        likely = np.exp(voted - np.maximum.reduce(voted))
        np.divide(likely, np.add.reduce(likely), out=shares)
        self.known[:last] = [True] * last
        self._model(embeddings)
