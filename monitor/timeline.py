"""Frame logits of one channel over time, from which any span is scored without asking a model again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.analysis import EmotionAnalysis
from monitor.labels import LABELS
from vad.resample import FRAMES_PER_SECOND

KEPT_FRAMES = 60 * FRAMES_PER_SECOND
"""How long single frames are kept; older ones remain as sums per second."""
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
        return cls(row[: len(LABELS)].copy(), float(row[-2]), round(float(row[-1])))

    @classmethod
    def empty(cls) -> Span:
        return cls(np.zeros(len(LABELS)), 0.0, 0)

    def __add__(self, other: Span) -> Span:
        return Span(self.logits + other.logits, self.arousal + other.arousal, self.frames + other.frames)


class FrameTimeline:
    """Per frame the logits of the window in which it lay nearest the middle, and whether it held speech.

    Windows must be applied in the order of their ends. A span is given in frames from the start of the call; the
    part older than 60 s is taken from sums per second; what is older than two hours may be forgotten.
    """

    def __init__(self) -> None:
        self.end = 0
        self._rows = np.zeros((KEPT_FRAMES, COLUMNS), np.float32)
        self._distance = np.full(KEPT_FRAMES, np.inf, np.float32)
        self._speech = np.zeros(KEPT_FRAMES, np.bool_)
        self._seconds = np.zeros((64, COLUMNS), np.float64)
        self._first_second = 0
        self._settled: dict[tuple[int, int], Span] = {}
        self._past_seconds = 0

    def apply(self, end: int, speech: NDArray[np.bool_], analysis: EmotionAnalysis) -> None:
        """Take in a window of len(speech) frames whose right edge is frame `end`.

        `analysis` may hold fewer frames than the window has: the others are then left as they are.
        """
        self._reach(end)
        window = len(speech)
        start = end - window
        skip = max(0, -start, self._oldest() - start)
        at = np.arange(start + skip, end)
        ring = at % KEPT_FRAMES
        self._speech[ring] = speech[skip:]
        first, last = max(skip, analysis.first), min(window, analysis.first + len(analysis.logits))
        at, ring = at[first - skip : last - skip], ring[first - skip : last - skip]
        distance = np.abs(at - (start + window / 2)).astype(np.float32)
        nearer = distance < self._distance[ring]
        chosen = ring[nearer]
        source = np.arange(first, max(first, last))[nearer] - analysis.first
        self._rows[chosen, : len(LABELS)] = analysis.logits[source]
        self._rows[chosen, -2] = analysis.arousal[source]
        self._rows[chosen, -1] = 1.0
        self._distance[chosen] = distance[nearer]

    def span(self, start: int, end: int) -> Span:
        """The sums over the speech frames of [start, end); computed once where no frame can change any more."""
        if end > self._oldest():
            return self._sum(start, end)
        if (start, end) not in self._settled:
            self._settled[start, end] = self._sum(start, end)
        return self._settled[start, end]

    def _sum(self, start: int, end: int) -> Span:
        oldest = self._oldest()
        recent = np.arange(max(start, oldest), min(end, self.end)) % KEPT_FRAMES
        total = self._rows[recent[self._speech[recent]]].sum(axis=0, dtype=np.float64)
        if start < oldest:
            total = total + self._past(start, min(end, oldest))
        return Span.of(total)

    def logits(self, start: int, end: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Logits (n, 9) of the frames [start, end) and which of them (n,) are analysed speech."""
        ring = np.arange(max(start, self._oldest()), min(end, self.end)) % KEPT_FRAMES
        return self._rows[ring, : len(LABELS)], self._speech[ring] & (self._rows[ring, -1] > 0)

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
        """Make room up to frame `end`, folding what falls out of the ring into sums per second."""
        before = self._oldest()
        frames = np.arange(max(self.end, end - KEPT_FRAMES), end)
        self.end, grown_from = max(self.end, end), self.end
        after = self._oldest()
        for first in range(before, min(after, grown_from), FRAMES_PER_SECOND):
            ring = np.arange(first, min(first + FRAMES_PER_SECOND, grown_from)) % KEPT_FRAMES
            kept = ring[self._speech[ring]]
            self._add_second(first // FRAMES_PER_SECOND, self._rows[kept].sum(axis=0, dtype=np.float64))
        ring = frames % KEPT_FRAMES
        self._rows[ring] = 0.0
        self._distance[ring] = np.inf
        self._speech[ring] = False

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
            grown = np.zeros((min(2 * KEPT_SECONDS, max(at + 1, 2 * len(self._seconds))), COLUMNS))
            grown[: len(self._seconds)] = self._seconds
            self._seconds = grown
        self._seconds[at] = row
        self._past_seconds = at + 1
