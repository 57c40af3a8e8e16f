"""Online speaker tracking: who speaks now, told from window embeddings as they come.

A Bayesian filter over "known speaker k" and "someone new". Before each window the belief leaks a little to the other
speakers (more after a pause than within a segment); then each speaker's share is multiplied by the odds that the
window is theirs. The odds come from the model's own distributions of cosines, so no threshold is carried over from
another model. A speaker is kept as the mean of unit embeddings, not renormalised: the expected cosine with it is then
that of two windows, however many windows it holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray

from monitor.analysis import SpeakerSpec
from vad.cuts import SpeechCut
from vad.resample import FRAME_SAMPLES, FRAMES_PER_SECOND

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrackingConfig:
    """Settings of the speaker tracker."""

    switch: Annotated[float, Gt(0), Lt(1)] = 0.2
    "Probability that the speaker changes from one window to the next within a segment of speech"
    switch_after_pause: Annotated[float, Gt(0), Lt(1)] = 0.35
    "The same after a pause"
    novelty: Annotated[float, Gt(0), Lt(1)] = 0.02
    "Share of a change that goes to someone not heard before (the first change: always)"
    certainty: Annotated[float, Gt(0.5), Lt(1)] = 0.55
    "Belief from which a change is reported"
    confirm_s: Annotated[float, Ge(0), Le(3600)] = 3.0
    "Seconds of speech after which a provisional speaker is confirmed"
    new_speaker_s: Annotated[float, Ge(0), Le(3600)] = 1.0
    "Seconds of speech, at least, before anyone new is believed in"
    max_speakers: Annotated[int, Ge(1)] = 20
    "Most speakers of one call; whoever comes after them is taken for the most similar one"


@dataclass(frozen=True, slots=True)
class Changed:
    """The floor went from `before` (None for the first) to `after` at frame `boundary`."""

    before: str | None
    after: str
    boundary: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Enough of a provisional speaker was heard."""

    speaker: str


@dataclass(slots=True)
class _Speaker:
    name: str
    total: Vector
    frames: int
    confirmed: bool = False

    @property
    def mean(self) -> Vector:
        return self.total / max(1, self.frames)

    def learn(self, embedding: Vector, frames: int) -> None:
        """Take in a unit embedding, weighted by the frames that no earlier window had held."""
        self.total = self.total + embedding * frames
        self.frames += frames


@dataclass(frozen=True, slots=True)
class _Heard:
    """A window that was heard: frames [start, end) of the segment that began at `segment`."""

    segment: int
    start: int
    end: int
    embedding: Vector
    fresh: int


@dataclass(slots=True)
class _Recent:
    """The windows since the current speaker was last certain, among which a boundary is looked for."""

    windows: list[_Heard] = field(default_factory=list)
    since: int = 0


RECENT_WINDOWS = 16
BOUNDARY_STEP = 5
WITHIN_SEGMENT_PENALTY = 0.15


class SpeakerTracker:
    """Fed with the speech cuts of one channel and their embeddings, in order; answers with what changed."""

    def __init__(self, spec: SpeakerSpec, config: TrackingConfig) -> None:
        self.current: str | None = None
        self._config = config
        self._window = spec.window_samples // FRAME_SAMPLES
        self._gap = spec.same_mean - spec.different_mean
        spread = spec.same_std + spec.different_std
        self._even = (spec.same_mean * spec.different_std + spec.different_mean * spec.same_std) / spread
        self._slope = 2 * self._gap / (spec.same_std**2 + spec.different_std**2)
        self._speakers: list[_Speaker] = []
        self._belief: Vector = np.zeros(0)
        self._new: list[_Heard] = []
        self._recent = _Recent()
        self._last_segment = -1
        self._last_end = 0

    def hear(self, cut: SpeechCut, embedding: NDArray[np.float32]) -> list[Changed | Confirmed]:
        """Take in a window. `embedding` may have any length; an all-zero one says nothing and is ignored."""
        norm = float(np.linalg.norm(embedding))
        if norm == 0.0:
            return []
        fresh = cut.end - max(cut.start, self._last_end)
        heard = _Heard(cut.segment, cut.start, cut.end, embedding.astype(np.float64) / norm, fresh)
        paused, self._last_segment, self._last_end = cut.segment != self._last_segment, cut.segment, cut.end
        if not self._speakers:
            return self._begin(heard)
        belief = self._updated(heard, paused)
        self._recent.windows = [*self._recent.windows, heard][-RECENT_WINDOWS:]
        best = int(np.argmax(belief))
        if best == len(self._speakers):
            return self._maybe_new(heard, belief)
        self._new.clear()
        self._belief = belief
        return self._settle(best, heard)

    def _begin(self, heard: _Heard) -> list[Changed | Confirmed]:
        self._speakers.append(_Speaker("S1", heard.embedding * heard.fresh, heard.fresh))
        self._belief = np.array([0.9, 0.1])
        self.current = "S1"
        self._recent = _Recent([heard], heard.start)
        return [Changed(None, "S1", heard.segment, 1.0)]

    def _odds(self, embedding: Vector) -> Vector:
        """Log odds, for each known speaker, that this window is theirs rather than anyone else's."""
        cosines = np.array([speaker.mean @ embedding for speaker in self._speakers])
        return np.asarray(self._slope * (cosines - self._even), np.float64)

    def _updated(self, heard: _Heard, paused: bool) -> Vector:
        """The belief after this window; the last entry is "someone new"."""
        known = len(self._speakers)
        switch = self._config.switch_after_pause if paused else self._config.switch
        novelty = 1.0 if known == 1 else self._config.novelty
        predicted = np.zeros(known + 1)
        for source, share in enumerate(self._belief):
            predicted[source] += share * (1 - switch)
            others = [k for k in range(known) if k != source]
            to_new = novelty if source < known else 0.0
            predicted[known] += share * switch * to_new
            for other in others:
                predicted[other] += share * switch * (1 - to_new) / len(others)
        evidence = min(1.0, heard.fresh / self._window)
        weights = np.append(np.clip(self._odds(heard.embedding), -8.0, 8.0), 0.0) * evidence
        posterior = predicted * np.exp(weights)
        if known >= self._config.max_speakers:
            posterior[known] = 0.0
        return np.asarray(np.clip(posterior / posterior.sum(), 1e-4, None), np.float64)

    def _maybe_new(self, heard: _Heard, belief: Vector) -> list[Changed | Confirmed]:
        """Someone new is the best guess: believe in them once enough was heard."""
        self._belief = belief / belief.sum()
        self._new.append(heard)
        if sum(new.fresh for new in self._new) < self._config.new_speaker_s * FRAMES_PER_SECOND:
            return []
        newcomer = _Speaker(f"S{len(self._speakers) + 1}", np.zeros_like(heard.embedding), 0)
        for new in self._new:
            newcomer.learn(new.embedding, new.fresh)
        self._speakers.append(newcomer)
        self._new.clear()
        self._belief = np.append(self._belief, 1e-3)
        self._belief /= self._belief.sum()
        return self._settle(len(self._speakers) - 1, heard, learned=True)

    def _settle(self, best: int, heard: _Heard, learned: bool = False) -> list[Changed | Confirmed]:
        """Report a change if it is certain, and let the best speaker learn from the window if it is theirs alone and
        was not `learned` already."""
        out: list[Changed | Confirmed] = []
        self._belief = self._belief / self._belief.sum()
        certain = float(self._belief[best]) >= self._config.certainty
        speaker = self._speakers[best]
        if certain and speaker.name != self.current:
            boundary = self._boundary(self._named(self.current), speaker)
            out.append(Changed(self.current, speaker.name, boundary, round(float(self._belief[best]), 3)))
            self.current = speaker.name
            self._recent = _Recent([w for w in self._recent.windows if w.start >= boundary], boundary)
        if certain and heard.start >= self._recent.since and not learned:
            speaker.learn(heard.embedding, heard.fresh)
            self._recent.windows = self._recent.windows[-3:] if not out else self._recent.windows
        if certain and not speaker.confirmed and speaker.frames >= self._config.confirm_s * FRAMES_PER_SECOND:
            speaker.confirmed = True
            out.append(Confirmed(speaker.name))
        return out

    def _named(self, name: str | None) -> _Speaker:
        return next(speaker for speaker in self._speakers if speaker.name == name)

    def _boundary(self, before: _Speaker, after: _Speaker) -> int:
        """Where the floor passed: the cut at which the recent windows best fit "before, then after".

        A window that lies to a share f after the boundary is expected to favour the new speaker by (2f - 1) times
        the distance of the two distributions. A boundary within a segment costs extra, one at its start nothing.
        """
        windows = self._recent.windows
        spans = np.array([(w.start, w.end) for w in windows], np.float64)
        favour = np.array([(after.mean - before.mean) @ w.embedding for w in windows])
        starts = sorted({w.segment for w in windows if w.segment >= self._recent.since})
        first = int(max(self._recent.since, spans[0, 0]))
        best, best_cost = int(spans[-1, 0]), math.inf
        for at in sorted({*starts, *range(first, int(spans[-1, 1]), BOUNDARY_STEP)}):
            share = np.clip((spans[:, 1] - at) / (spans[:, 1] - spans[:, 0]), 0.0, 1.0)
            cost = float(((favour - (2 * share - 1) * self._gap) ** 2).sum()) / self._gap**2
            cost += 0.0 if at in starts else WITHIN_SEGMENT_PENALTY
            if cost < best_cost:
                best, best_cost = at, cost
        return best
