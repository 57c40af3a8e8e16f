"""From the logits of a recording's frames to what is said of it: readings, a timeline, turning points, moments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.analysis import EmotionSpec
from monitor.events import Scores, Shape
from monitor.labels import LABELS
from monitor.reading import FLAT_BELOW, FULL_SPEECH_S, POOR_SNR_DB, read
from monitor.timeline import Span
from vad.grid import FRAME_S, FRAMES_PER_SECOND
from workbench.results import Band, FrameScores, Moment, Point, Reading
from workbench.sentences import Sentence, say

POINT_FRAMES = 3 * FRAMES_PER_SECOND
STEP_FRAMES = FRAMES_PER_SECOND
MOST_POINTS = 3600
LOOK_FRAMES = FRAMES_PER_SECOND // 2
"""How far apart places are that may be a turning point or a telling moment."""
AROUND_FRAMES = 3 * FRAMES_PER_SECOND
TELLING_FRAMES = 2 * FRAMES_PER_SECOND
LEAST_FRAMES = FRAMES_PER_SECOND
"""Speech in a stretch that is to say anything about a moment."""
TURN_FROM = 0.15
"""Jensen-Shannon divergence, in bits, of the emotion before and after a place, from which that is a turning point."""
PEAK_FROM = 0.5
PURE_FROM, PURE_BELOW = 0.7, 0.1
"""One label alone: its own score, and those of all others."""
MOST_TURNS, MOST_PEAKS = 10, 3
CALM = ("neutral", "other", "unknown")
Reals = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bands:
    """From which confidence on a label is to be trusted how far; below `low_from` it is of no use."""

    high_from: float
    medium_from: float
    low_from: float

    def of(self, confidence: float) -> Band:
        for band, least in (("high", self.high_from), ("medium", self.medium_from), ("low", self.low_from)):
            if confidence >= least:
                return band  # type: ignore[return-value]
        return "unusable"


USUAL = Bands(0.85, 0.70, 0.50)
"""The rule of thumb for emotion2vec+."""
WORSE: tuple[Band, ...] = ("unusable", "low", "medium", "high")


def bands(spec: EmotionSpec) -> Bands:
    """The bands of a model: by its own levels if those were measured, else the rule of thumb. A model that was measured
    is of no use where nothing stands out."""
    return Bands(spec.high_from, spec.medium_from, FLAT_BELOW) if spec.calibrated else USUAL


class EmotionTrack:
    """The frames of one channel. `logits`: (frames, 9), `arousal`: (frames,), `counts`: (frames,) which of them count.
    Any span is scored from sums."""

    def __init__(
        self, logits: NDArray[np.float32], arousal: NDArray[np.float32], counts: NDArray[np.bool_], spec: EmotionSpec
    ) -> None:
        self.spec = spec
        self.frames = len(logits)
        self.counts = counts
        self._logits = logits
        columns = np.concatenate([logits, arousal[:, None], np.ones((len(logits), 1))], axis=1) * counts[:, None]
        self._sums = np.zeros((len(logits) + 1, columns.shape[1]))
        np.cumsum(columns, axis=0, out=self._sums[1:])

    def span(self, start: int, end: int) -> Span:
        """The sums over the frames of [start, end) that count."""
        first, last = (min(max(at, 0), self.frames) for at in (start, end))
        return Span.of(self._sums[last] - self._sums[first])

    def scores(self, starts: Places, ends: Places) -> tuple[Reals, Places]:
        """Of many spans, [start, end) each: their scores (n, 9), and how many frames count in each, (n,)."""
        first, last = (np.clip(at, 0, self.frames) for at in (starts, ends))
        sums = self._sums[last] - self._sums[first]
        counted = np.rint(sums[:, -1]).astype(np.int64)
        return self._softmax(sums[:, : len(LABELS)] / np.maximum(counted, 1)[:, None]), counted

    def rows(self) -> NDArray[np.float32]:
        """The scores of all frames, (frames, 9); not a number where a frame does not count."""
        scores = self._softmax(self._logits.astype(np.float64))
        return np.where(self.counts[:, None], scores, np.nan).astype(np.float32)

    def told(self, channel: int) -> FrameScores:
        """The same as part of a result."""
        rows = self.rows().astype(np.float64).round(4).tolist()
        scores = [row if counts else None for row, counts in zip(rows, self.counts.tolist(), strict=True)]
        return FrameScores(channel=channel, frame_s=FRAME_S, labels=list(LABELS), scores=scores)

    def _softmax(self, logits: Reals) -> Reals:
        known = [LABELS.index(label) for label in self.spec.labels]
        weights = np.exp(logits[:, known] - logits[:, known].max(axis=1, keepdims=True))
        out = np.zeros_like(logits)
        out[:, known] = weights / weights.sum(axis=1, keepdims=True)
        return out


def reading(span: Span, spec: EmotionSpec, snr_db: float | None) -> Reading:
    """What a span says, in numbers and in words."""
    found = read(span, spec, snr_db)
    band: Band = "unusable"
    stands_out: list[str] = []
    sentence = say("emotion.unusable")
    if found.label is not None:
        ranked = sorted(found.scores, key=found.scores.__getitem__, reverse=True)
        poor = found.speech_s < FULL_SPEECH_S or (snr_db is not None and snr_db < POOR_SNR_DB)
        band = min(bands(spec).of(found.confidence), "low" if poor else "high", key=WORSE.index)
        stands_out = {"flat": [], "mixed": ranked[:2], "single": ranked[:1]}[found.shape or "flat"]
        sentence = _sentence(found.shape or "flat", ranked[0], ranked[1], found.scores)
    return Reading(
        scores=found.scores,
        label=found.label,
        confidence=found.confidence,
        band=band,
        arousal=found.arousal,
        shape=found.shape,
        stands_out=stands_out,
        speech_s=found.speech_s,
        snr_db=found.snr_db,
        sentence=sentence,
        advice=say(f"band.{band}"),
    )


def _sentence(shape: Shape, first: str, second: str, scores: Scores) -> Sentence:
    if shape == "flat":
        return say("emotion.flat")
    if shape == "mixed":
        return say("emotion.mixed", first=first, second=second)
    if scores[first] >= PURE_FROM and scores[second] < PURE_BELOW:
        return say("emotion.pure", first=first)
    return say("emotion.leading", first=first, second=second)


def timeline(track: EmotionTrack, channel: int, snr_db: float | None) -> list[Point]:
    """Stretches of 3 s, one a second (fewer in a recording of more than an hour: MOST_POINTS at most)."""
    step = STEP_FRAMES * max(1, -(-track.frames // (MOST_POINTS * STEP_FRAMES)))
    length = max(POINT_FRAMES, step)
    ends = [*range(min(length, track.frames), track.frames + 1, step)]
    out = []
    for end in ends:
        start = max(0, end - length)
        found = reading(track.span(start, end), track.spec, snr_db)
        if found.label is not None and found.arousal is not None:
            out.append(
                Point(
                    channel=channel,
                    start_s=_seconds(start),
                    end_s=_seconds(end),
                    scores=found.scores,
                    label=found.label,
                    confidence=found.confidence,
                    band=found.band,
                    arousal=found.arousal,
                )
            )
    return out


def moments(track: EmotionTrack, channel: int) -> list[Moment]:
    """Where the emotion turns, the most marked places, in the order of time; then where each feeling is clearest."""
    return [*_turns(track, channel), *_peaks(track, channel)]


def _turns(track: EmotionTrack, channel: int) -> Iterator[Moment]:
    places = np.arange(LOOK_FRAMES, track.frames, LOOK_FRAMES)
    before, spoken = track.scores(places - AROUND_FRAMES, places)
    after, to_speak = track.scores(places, places + AROUND_FRAMES)
    apart = np.where((spoken >= LEAST_FRAMES) & (to_speak >= LEAST_FRAMES), divergence(before, after), 0.0)
    for place in sorted(_strongest(apart, TURN_FROM, AROUND_FRAMES // LOOK_FRAMES, MOST_TURNS)):
        at = int(places[place])
        was, now = LABELS[int(before[place].argmax())], LABELS[int(after[place].argmax())]
        key = "moment.shift" if was == now else "moment.turn"
        values: dict[str, str | float] = {"label": now, "at_s": _seconds(at)}
        if was != now:
            values["before"] = was
        yield Moment(
            kind="turn",
            channel=channel,
            start_s=_seconds(at),
            end_s=_seconds(min(at + AROUND_FRAMES, track.frames)),
            label=now,
            before=was,
            weight=round(float(apart[place]), 4),
            sentence=say(key, **values),
        )


def _peaks(track: EmotionTrack, channel: int) -> Iterator[Moment]:
    """Of each label that is more than calm, the stretch of 2 s with its highest score, if that is high."""
    if track.frames <= TELLING_FRAMES:
        return
    ends = np.arange(TELLING_FRAMES, track.frames + 1, LOOK_FRAMES)
    scores, spoken = track.scores(ends - TELLING_FRAMES, ends)
    scores = np.where((spoken >= LEAST_FRAMES)[:, None], scores, 0.0)
    highest = [(float(scores[:, column].max()), column) for column, label in enumerate(LABELS) if label not in CALM]
    for score, column in sorted(highest, reverse=True)[:MOST_PEAKS]:
        if score < PEAK_FROM:
            return
        end = int(ends[int(scores[:, column].argmax())])
        start_s, end_s = _seconds(end - TELLING_FRAMES), _seconds(end)
        yield Moment(
            kind="peak",
            channel=channel,
            start_s=start_s,
            end_s=end_s,
            label=LABELS[column],
            before=None,
            weight=round(score, 4),
            sentence=say("moment.peak", label=LABELS[column], start_s=start_s, end_s=end_s),
        )


def divergence(one: Reals, other: Reals) -> Reals:
    """Jensen-Shannon divergence of distributions, (n, k) each, in bits: 0 alike, 1 nothing in common (Lin 1991)."""
    middle = (one + other) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(each > 0, each * np.log2(each / middle), 0.0).sum(axis=1) for each in (one, other)]
    return np.asarray((parts[0] + parts[1]) / 2)


def _strongest(weights: Reals, least: float, apart: int, most: int) -> list[int]:
    """The places of the largest weights from `least` on, each at least `apart` places from larger ones."""
    chosen: list[int] = []
    for place in np.argsort(-weights, kind="stable").tolist():
        if weights[place] < least or len(chosen) == most:
            break
        if all(abs(place - other) >= apart for other in chosen):
            chosen.append(place)
    return chosen


def _seconds(frame: int) -> float:
    return round(frame * FRAME_S, 2)
