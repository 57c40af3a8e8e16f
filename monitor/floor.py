"""Who has the floor, chunk by chunk: a hidden Markov model whose states are the known voices and someone new."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vad.resample import FRAMES_PER_SECOND

Array = NDArray[np.float64]

CHUNK_FRAMES = 5
"""Chunks of 0.1 s; the first of a segment of speech begins where the segment does."""
EDGE = 0.3
"""What a window's very edge counts, against 1.3 for its middle, among those that lie over a chunk."""
FLOOR = 1e-4
"""No state is ever believed in less at the beginning of the tail."""


class Floor:
    """The newest chunks of speech, the tail, and what is believed of its beginning: one number per voice, and last the
    one for someone new."""

    def __init__(self, switch: float, switch_after_pause: float, novelty: float) -> None:
        """`switch`: the chance of a change within a second of speech; `novelty`: the share of changes that goes to
        someone new, once two are known."""
        self.starts: Array = np.zeros(0)
        self.follows_pause: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.belief: Array = np.ones(1)
        self._switch = 1 - (1 - switch) ** (CHUNK_FRAMES / FRAMES_PER_SECOND)
        self._after_pause = switch_after_pause
        self._novelty = novelty

    def extend(self, begin: int, end: int, follows_pause: bool) -> None:
        """Frames [begin, end) of speech more."""
        starts = np.arange(begin, max(end - CHUNK_FRAMES // 2, begin + 1), CHUNK_FRAMES)
        self.starts = np.concatenate((self.starts, starts))
        self.follows_pause = np.concatenate((self.follows_pause, (np.arange(len(starts)) == 0) & follows_pause))

    def pooled(self, embeddings: Array, starts: Array, ends: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Per chunk the mean of the windows [start, end) over it, their middles counting most, shape (chunks, size);
        and which chunks lie in any window."""
        middle = self.starts + CHUNK_FRAMES / 2
        inward = np.minimum(middle - starts[:, None], ends[:, None] - middle) / ((ends - starts)[:, None] / 2)
        weight = np.where(inward >= 0, EDGE + inward, 0.0)
        total = weight.sum(axis=0)
        return (weight / np.maximum(total, 1e-9)).T @ embeddings, total > 0

    def beliefs(self, odds: Array, closed: bool) -> tuple[Array, Array]:
        """The belief in each state, shape (chunks, states): in the light of the whole tail, and of what came before
        alone. `odds` (chunks, states): log likelihood ratios. `closed`: nobody new is expected."""
        likelihood = np.exp(odds - odds.max(axis=1, keepdims=True))
        if closed:
            likelihood[:, -1] = 0.0
        within, after = (self._transition(odds.shape[1], p) for p in (self._switch, self._after_pause))
        steps = np.where(self.follows_pause[:, None, None], after, within) * likelihood[:, None]
        forward, backward = np.empty_like(odds), np.ones_like(odds)
        now = self.belief
        for step, out in zip(steps, forward, strict=True):
            now = np.dot(now, step, out)
        later = backward[-1]
        for step, out in zip(steps[:0:-1], backward[-2::-1], strict=True):
            later = np.dot(step, later, out)
        both = forward * backward
        return both / both.sum(axis=1, keepdims=True), forward / forward.sum(axis=1, keepdims=True)

    def settle(self, chunk: int, state: int) -> None:
        """The tail begins at `chunk`, and from there on it is `state` who speaks."""
        belief = np.full(len(self.belief), FLOOR)
        belief[state] = 1.0
        self.belief = belief / belief.sum()
        self.starts, self.follows_pause = self.starts[chunk:], self.follows_pause[chunk:].copy()
        self.follows_pause[0] = False

    def shorten(self, first_frame: int, forward: Array) -> None:
        """Drop the chunks that began before `first_frame`. `forward`: the second answer of `beliefs`."""
        gone = int(np.searchsorted(self.starts, first_frame))
        if gone:
            belief = np.maximum(forward[gone - 1], FLOOR)
            self.belief = belief / belief.sum()
            self.starts, self.follows_pause = self.starts[gone:], self.follows_pause[gone:]

    def add_voice(self) -> None:
        """Someone new has become the last of the voices."""
        self.belief = np.append(self.belief, self.belief[-1] / 2)
        self.belief /= self.belief.sum()

    def merge_voices(self, gone: int, kept: int) -> None:
        self.belief[kept] += self.belief[gone]
        self.belief = np.delete(self.belief, gone)

    def _transition(self, states: int, switch: float) -> Array:
        """Rows: from; columns: to. Changes go to all known voices alike; the first goes to someone new."""
        known = states - 1
        novelty = self._novelty if known > 1 else 1.0
        out = np.full((states, states), switch * (1 - novelty) / max(1, known - 1))
        out[:, -1] = switch * novelty
        out[-1] = switch / known
        np.fill_diagonal(out, 1 - switch)
        return out
