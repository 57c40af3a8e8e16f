"""Who has the floor, chunk by chunk: a hidden Markov model whose states are the known voices and someone new."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np
from numpy.typing import NDArray

from vad.grid import FRAMES_PER_SECOND

Array = NDArray[np.float64]

CHUNK_FRAMES = 5
"""Chunks of 0.1 s; the first of a segment of speech begins where the segment does."""
HALF_CHUNK = CHUNK_FRAMES / 2
EDGE = 0.3
"""What a window's very edge counts, against 1.3 for its middle, among those that lie over a chunk."""
TINY = 1e-300
"""Next to any other weight, nothing; it keeps 0 from being divided by 0."""
FLOOR = 1e-4
"""No state is ever believed in less at the beginning of the tail."""


class Floor:
    """The newest chunks of speech, the tail, the windows over them, and what is believed of the tail's beginning."""

    def __init__(self, switch: float, switch_after_pause: float, novelty: float) -> None:
        """`switch`: the chance of a change within a second of speech; `novelty`: the share of changes that goes to
        someone new, once two are known."""
        self.starts: list[int] = []
        self.windows: list[tuple[int, int]] = []
        self.belief: list[float] = [1.0]
        "One number per voice, and last the one for someone new"
        self._follows_pause: list[bool] = []
        self._over: Array = np.zeros((0, 0))
        "What each window counts for each chunk, shape (windows, chunks)"
        self._switches = 1 - (1 - switch) ** (CHUNK_FRAMES / FRAMES_PER_SECOND), switch_after_pause
        self._novelty = novelty
        self._transitions: Array = np.ones((2, 1, 1))
        "From, to: within speech and after a pause"

    def extend(self, begin: int, follows_pause: bool, start: int, end: int) -> None:
        """Frames [begin, end) of speech more, and a window [start, end) over them and what was before."""
        more = range(begin, max(end - CHUNK_FRAMES // 2, begin + 1), CHUNK_FRAMES)
        self.starts += more
        self._follows_pause += [follows_pause] + [False] * (len(more) - 1)
        self.windows.append((start, end))
        over = np.zeros((len(self.windows), len(self.starts)))
        over[:-1, : -len(more)] = self._over
        first = bisect_left(self.starts, start - HALF_CHUNK)
        last = bisect_right(self.starts, end - HALF_CHUNK)
        middle, half, most = (start + end) / 2 - HALF_CHUNK, (end - start) / 2, 1 + EDGE
        over[-1, first:last] = [most - abs(chunk - middle) / half for chunk in self.starts[first:last]]
        self._over = over

    def pooled(self, odds: Array) -> Array:
        """Per chunk the mean of the odds of the windows over it, their middles counting most, and 0 where none lies;
        shape (states, chunks), where the last state, someone new, has 0 throughout. `odds`: (windows, voices). As odds
        are linear in the embedding (`Likeness.line`), these are the odds of the mean of the windows' embeddings."""
        out = np.zeros((odds.shape[1] + 1, len(self.starts)))
        odds.T.dot(self._over, out[:-1])
        out /= np.add.reduce(self._over, initial=TINY)
        return out

    def beliefs(self, odds: Array, closed: bool) -> tuple[Array, Array]:
        """The belief in each state, shape (chunks, states): in the light of the whole tail, and, but for a factor per
        chunk, in the light of what came before alone. `odds` (states, chunks): log likelihood ratios of each state to
        someone new. `closed`: nobody new is expected."""
        if closed:
            odds = odds.copy()
            odds[-1] = -np.inf
        likelihood = np.exp(odds - np.maximum.reduce(odds))
        transitions = self._transitions.take(self._follows_pause, axis=0)
        return both_ways(self.belief, transitions, likelihood.T)

    def settle(self, chunk: int, state: int) -> None:
        """The tail begins at `chunk`, and from there on it is `state` who speaks."""
        belief = [FLOOR] * len(self.belief)
        belief[state] = 1.0
        self.belief = _normalised(belief)
        self._drop(chunk)
        self._follows_pause[0] = False

    def shorten(self, first_frame: int, forward: Array) -> None:
        """Drop the chunks that began before `first_frame`. `forward`: the second answer of `beliefs`."""
        gone = bisect_left(self.starts, first_frame)
        if gone:
            belief = forward[gone - 1].tolist()
            least = FLOOR * sum(belief)
            self.belief = _normalised([max(each, least) for each in belief])
            self._drop(gone)

    def _drop(self, chunks: int) -> None:
        """Let go of the first chunks, and of the windows that end before those that stay."""
        del self.starts[:chunks], self._follows_pause[:chunks]
        ended = bisect_right(self.windows, self.starts[0], key=_end)
        del self.windows[:ended]
        self._over = self._over[ended:, chunks:]

    def add_voice(self) -> None:
        """Someone new has become the last of the voices."""
        self.belief = _normalised([*self.belief, self.belief[-1] / 2])
        self._connect()

    def merge_voices(self, gone: int, kept: int) -> None:
        self.belief[kept] += self.belief[gone]
        del self.belief[gone]
        self._connect()

    def _connect(self) -> None:
        self._transitions = np.array([self._transition(len(self.belief), switch) for switch in self._switches])

    def _transition(self, states: int, switch: float) -> Array:
        """Rows: from; columns: to. Changes go to all known voices alike; the first goes to someone new."""
        known = states - 1
        novelty = self._novelty if known > 1 else 1.0
        out = np.full((states, states), switch * (1 - novelty) / max(1, known - 1))
        out[:, -1] = switch * novelty
        out[-1] = switch / known
        np.fill_diagonal(out, 1 - switch)
        return out


def _end(window: tuple[int, int]) -> int:
    return window[1]


def _normalised(belief: list[float]) -> list[float]:
    total = sum(belief)
    return [each / total for each in belief]


def both_ways(belief: list[float], transitions: Array, likelihood: Array) -> tuple[Array, Array]:
    """The belief in each state of a hidden Markov model in the light of all chunks, and the forward variables: but for
    a factor per chunk, the belief in the light of what came before alone. Both (chunks, states).

    `belief`: in the states before the first chunk. `transitions` (chunks, from, to): probabilities of the step into
    each chunk. `likelihood`: (chunks, states). This is the forward-backward algorithm (Rabiner 1989, A Tutorial on
    Hidden Markov Models, section III.A). As calls of numpy are what costs time here, both walk at once, one from the
    first chunk on, one from the last chunk back: a vector holds the forward variables of the one and the backward
    variables of the other, and a step is a matrix of two blocks.
    """
    chunks, states = likelihood.shape
    steps = np.zeros((chunks, 2, states, 2, states))
    ahead, back = steps[:, 0, :, 0], steps[:, 1, :, 1]
    np.multiply(transitions, likelihood[:, None], out=ahead)
    back[1:] = ahead[:0:-1].transpose(0, 2, 1)
    back[0, 0] = 1.0  # so that the first step leads from (1, 0, 0, ...) to (1, 1, 1, ...), where the walk back begins
    out = np.empty((chunks, 2 * states))
    now = np.array([*belief, 1.0, *[0.0] * (states - 1)])
    for step, then in zip(steps.reshape(chunks, 2 * states, 2 * states), out, strict=True):
        now = now.dot(step, then)
    forward, backward = out[:, :states], out[::-1, states:]
    both = forward * backward
    both /= sum(both[0].tolist())  # the same for every chunk: the likelihood of them all
    return both, forward
