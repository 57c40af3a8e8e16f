"""Frame logits of one channel over time, from which any span is scored without asking a model again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from monitor.analysis import EmotionAnalysis
from monitor.labels import LABELS
from vad.grid import FRAMES_PER_SECOND

KEPT_FRAMES = 30 * FRAMES_PER_SECOND
"""How long single frames are kept; older ones remain as sums per second."""
GROWTH_FRAMES = 5 * FRAMES_PER_SECOND
KEPT_SECONDS = 2 * 3600
"""How long sums per second are kept at least; twice as long at most."""
COLUMNS = len(LABELS) + 2
"""Columns of the sums: nine logits, the arousal logit, and the number of frames."""


@dataclass(frozen=True, slots=True)
class Span:
    """Sums over the speech frames of a span: `logits` (9,), `arousal`, and how many `frames` there were."""

    logits: NDArray[np.float64]
    arousal: float
    frames: int

    @classmethod
    def of(cls, row: NDArray[np.float64]) -> Span:
        return cls(row[: len(LABELS)], float(row[-2]), round(float(row[-1])))

    @classmethod
    def empty(cls) -> Span:
        return cls(np.zeros(len(LABELS)), 0.0, 0)

    def __add__(self, other: Span) -> Span:
        return Span(self.logits + other.logits, self.arousal + other.arousal, self.frames + other.frames)


class FrameTimeline:
    """Per frame the logits of the window in which it lay nearest the middle, and whether it held speech.

    Windows must be applied in the order of their ends. A span is given in frames from the start of the call; the
    part older than 30 s is taken from sums per second; what is older than two hours may be forgotten.
    """

    def __init__(self) -> None:
        self.end = 0
        self._base = 0
        """The frame of the first row of the three below; always the start of a second."""
        self._rows = np.zeros((0, COLUMNS), np.float32)
        self._distance = np.zeros(0, np.float32)
        self._speech = np.zeros(0, np.float32)
        """1 or 0: a weight."""
        self._seconds = np.zeros((0, COLUMNS), np.float64)
        self._first_second = 0
        self._settled: dict[tuple[int, int], Span] = {}
        self._past_seconds = 0

    def apply(self, end: int, speech: NDArray[np.bool_], analysis: EmotionAnalysis) -> None:
        """Take in a window of len(speech) frames whose right edge is frame `end`.

        `analysis` may hold fewer frames than the window has: the others are then left as they are.
        """
        self._reach(end)
        window, oldest = len(speech), self._oldest()
        start = end - window
        known = max(start, oldest)
        self._speech[known - self._base : end - self._base] = speech[known - start :]
        first = max(known - start, analysis.first)
        last = min(window, analysis.first + len(analysis.logits))
        if last <= first:
            return
        place = slice(start + first - self._base, start + last - self._base)
        source = slice(first - analysis.first, last - analysis.first)
        distance = _distances(window)[first:last]
        nearer = distance < self._distance[place]
        if nearer.all():
            self._rows[place, : len(LABELS)] = analysis.logits[source]
            self._rows[place, -2] = analysis.arousal[source]
            self._rows[place, -1] = 1.0
            self._distance[place] = distance
            return
        chosen = np.flatnonzero(nearer)
        self._rows[place.start + chosen, : len(LABELS)] = analysis.logits[source.start + chosen]
        self._rows[place.start + chosen, -2] = analysis.arousal[source.start + chosen]
        self._rows[place.start + chosen, -1] = 1.0
        self._distance[place.start + chosen] = distance[chosen]

    def span(self, start: int, end: int) -> Span:
        """The sums over the speech frames of [start, end); computed once where no frame can change any more."""
        if end > self._oldest():
            return self._sum(start, end)
        if (start, end) not in self._settled:
            self._settled[start, end] = self._sum(start, end)
        return self._settled[start, end]

    def _sum(self, start: int, end: int) -> Span:
        oldest = self._oldest()
        total = self._recent_sum(max(start, oldest), min(end, self.end))
        if start < oldest:
            total = total + self._past(start, min(end, oldest))
        return Span.of(total)

    def logits(self, start: int, end: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Logits (n, 9) of the frames [start, end) and which of them (n,) are analysed speech."""
        at = slice(max(start, self._oldest()) - self._base, min(end, self.end) - self._base)
        return self._rows[at, : len(LABELS)], (self._speech[at] > 0) & (self._rows[at, -1] > 0)

    def _recent_sum(self, start: int, end: int) -> NDArray[np.float64]:
        """The sums over the speech frames of [start, end), all of which are kept singly."""
        at = slice(start - self._base, max(start, end) - self._base)
        return (self._speech[at] @ self._rows[at]).astype(np.float64)

    def _past(self, start: int, end: int) -> NDArray[np.float64]:
        """The sums over frames [start, end) that are kept as seconds; a second covered in part counts in part."""
        first = max(0, start // FRAMES_PER_SECOND - self._first_second)
        last = min(self._past_seconds, -(-end // FRAMES_PER_SECOND) - self._first_second)
        if last <= first:
            return np.zeros(COLUMNS)
        starts = (np.arange(first, last) + self._first_second) * FRAMES_PER_SECOND
        covered = np.minimum(end, starts + FRAMES_PER_SECOND) - np.maximum(start, starts)
        return np.asarray(covered / FRAMES_PER_SECOND @ self._seconds[first:last], np.float64)

    def _oldest(self) -> int:
        """The first frame that is still kept singly; always the start of a second."""
        return max(0, -(-(self.end - KEPT_FRAMES) // FRAMES_PER_SECOND) * FRAMES_PER_SECOND)

    def _reach(self, end: int) -> None:
        """Make room up to frame `end`, folding what is then too old into sums per second."""
        if end <= self.end:
            return
        before, was = self._oldest(), self.end
        self.end = end
        for first in range(before, min(self._oldest(), was), FRAMES_PER_SECOND):
            self._add_second(first // FRAMES_PER_SECOND, self._recent_sum(first, min(first + FRAMES_PER_SECOND, was)))
        if end - self._base > len(self._rows):
            self._move(was)

    def _move(self, was: int) -> None:
        """Go on, with what is still kept of the frames before `was`, where there is room for GROWTH_FRAMES more."""
        oldest = self._oldest()
        kept = slice(min(oldest, was) - self._base, was - self._base)
        size = self.end - oldest + GROWTH_FRAMES
        rows, distance, speech = self._rows[kept], self._distance[kept], self._speech[kept]
        self._rows = np.zeros((size, COLUMNS), np.float32)
        self._distance = np.full(size, np.inf, np.float32)
        self._speech = np.zeros(size, np.float32)
        self._rows[: len(rows)], self._distance[: len(rows)], self._speech[: len(rows)] = rows, distance, speech
        self._base = oldest

    def _add_second(self, second: int, row: NDArray[np.float64]) -> None:
        at = second - self._first_second
        if at >= 2 * KEPT_SECONDS:
            gone = at - KEPT_SECONDS
            kept = self._seconds[gone : self._past_seconds].copy()
            self._seconds[:] = 0.0
            self._seconds[: len(kept)] = kept
            self._first_second += gone
            at -= gone
        if at >= len(self._seconds):
            grown = np.zeros((min(2 * KEPT_SECONDS, max(at + 1, 64, 2 * len(self._seconds))), COLUMNS))
            grown[: len(self._seconds)] = self._seconds
            self._seconds = grown
        self._seconds[at] = row
        self._past_seconds = at + 1


@cache
def _distances(window: int) -> NDArray[np.float32]:
    """How far each frame of a window lies from its middle."""
    return np.asarray(np.abs(np.arange(window) - window / 2), np.float32)
