"""The emotion of one channel: window analyses in, readings of horizons and turns out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from monitor.analysis import EmotionAnalysis, EmotionSpec
from monitor.events import Emotion, EmotionFrames, EmotionTurn, Event
from monitor.labels import LABELS
from monitor.reading import Reading, read, unusable
from monitor.timeline import FrameTimeline, Span
from vad.cuts import ContextCut
from vad.grid import FRAME_S

Said = tuple[type[Event], float, dict[str, Any]]
"""An event to be: its class, its `t`, and the fields that are its own."""


class Mood:
    """Keeps the frame timeline of a channel and reads it."""

    def __init__(self, spec: EmotionSpec, horizon_s: float) -> None:
        self.spec = spec
        self._horizon = round(horizon_s / FRAME_S)
        self._timeline = FrameTimeline()
        self._last_end = 0
        self._snr_db: float | None = None
        self._turn_start = 0

    def heard(self, cut: ContextCut, analysis: EmotionAnalysis, speaker: str | None, frames: bool) -> Iterator[Said]:
        """What a window says: the frames of its hop, if asked for, and the horizon that ends with it."""
        self._timeline.apply(cut.decided, cut.speech, analysis)
        self._snr_db = cut.snr_db
        t = cut.decided * FRAME_S
        if frames:
            yield EmotionFrames, t, self._frames(self._last_end, cut.decided)
        self._last_end = cut.decided
        reading = read(self._timeline.span(cut.decided - self._horizon, cut.decided), self.spec, cut.snr_db)
        yield Emotion, t, _fields(reading, speaker)

    def fell_silent(self, frame: int, speaker: str | None) -> Iterator[Said]:
        """A whole horizon without speech: nothing can be said any more."""
        yield Emotion, frame * FRAME_S, _fields(unusable(), speaker)

    def turn_ended(self, start: int, end: int, speaker: str | None) -> Iterator[Said]:
        """The turn of frames [start, end), less what earlier turns of the same segment had."""
        start = max(start, self._turn_start)
        self._turn_start = max(end, start)
        if end > start:
            fields = _fields(read(self.span(start, end), self.spec, self._snr_db), speaker)
            yield EmotionTurn, end * FRAME_S, {"start_s": round(start * FRAME_S, 3), **fields}

    def span(self, start: int, end: int) -> Span:
        """The sums over the speech of frames [start, end)."""
        return self._timeline.span(start, end)

    def _frames(self, start: int, end: int) -> dict[str, Any]:
        start = max(start, end - 10 * self._horizon)
        logits, usable = self._timeline.logits(start, end)
        known = [LABELS.index(label) for label in self.spec.labels]
        weights = np.exp(logits[:, known] - logits[:, known].max(axis=1, keepdims=True))
        scores = np.zeros((len(logits), len(LABELS)))
        scores[:, known] = weights / weights.sum(axis=1, keepdims=True)
        rows = [row if use else None for row, use in zip(scores.round(4).tolist(), usable, strict=True)]
        return {
            "start_s": round((end - len(rows)) * FRAME_S, 3),
            "frame_s": FRAME_S,
            "labels": list(LABELS),
            "scores": rows,
        }


def _fields(reading: Reading, speaker: str | None) -> dict[str, Any]:
    return {
        "scores": reading.scores,
        "label": reading.label,
        "confidence": reading.confidence,
        "arousal": reading.arousal,
        "shape": reading.shape,
        "reliability": reading.reliability,
        "speech_s": reading.speech_s,
        "snr_db": reading.snr_db,
        "speaker": speaker,
    }
