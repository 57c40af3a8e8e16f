"""From summed logits to what can be said: scores, label, shape, and how far to trust them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from monitor.analysis import EmotionSpec
from monitor.events import Reliability, Scores, Shape
from monitor.labels import LABELS
from monitor.timeline import Span
from vad.grid import FRAME_S

USABLE_SPEECH_S = 0.3
"""Less speech than this says nothing."""
FULL_SPEECH_S = 1.0
"""With less speech than this, reliability is low whatever the scores."""
POOR_SNR_DB = 5.0
FLAT_BELOW = 0.3
MIXED_FROM = 0.3


@dataclass(frozen=True, slots=True)
class Reading:
    """What one span says; field by field as in the `emotion` event."""

    scores: Scores
    label: str | None
    confidence: float
    arousal: float | None
    shape: Shape | None
    reliability: Reliability
    speech_s: float
    snr_db: float | None


def unusable(speech_s: float = 0.0, snr_db: float | None = None) -> Reading:
    """The reading of a span in which there is nothing to read."""
    return Reading(dict.fromkeys(LABELS, 0.0), None, 0.0, None, None, "unusable", speech_s, snr_db)


def read(span: Span, spec: EmotionSpec, snr_db: float | None) -> Reading:
    """Softmax of the mean frame logits over the labels that the model knows; the others score 0.

    The head is linear, so the mean of frame logits is the span's logits (emotion2vec, Ma et al. 2023, section 3).
    """
    speech_s = round(span.frames * FRAME_S, 2)
    snr = None if snr_db is None else round(snr_db, 1)
    if speech_s < USABLE_SPEECH_S:
        return unusable(speech_s, snr)
    scores = _scores(span, spec.labels)
    ranked = sorted(scores.values(), reverse=True)
    label = max(scores, key=scores.__getitem__)
    arousal = 1 / (1 + math.exp(-max(-700.0, span.arousal / span.frames)))
    return Reading(
        scores=scores,
        label=label,
        confidence=ranked[0],
        arousal=round(arousal, 4),
        shape=_shape(ranked[0], ranked[1]),
        reliability=reliability_of(ranked[0], speech_s, snr_db, spec),
        speech_s=speech_s,
        snr_db=snr,
    )


def _scores(span: Span, known: tuple[str, ...]) -> Scores:
    logits = dict(zip(LABELS, span.logits.tolist(), strict=True))
    highest = max(logits[label] for label in known)
    weights = {label: math.exp((logits[label] - highest) / span.frames) for label in known}
    total = sum(weights.values())
    return {label: round(weights[label] / total, 4) if label in weights else 0.0 for label in LABELS}


def _shape(first: float, second: float) -> Shape:
    """`flat` where nothing stands out, `mixed` where two labels do, else `single`."""
    if first < FLAT_BELOW:
        return "flat"
    return "mixed" if second >= MIXED_FROM else "single"


def reliability_of(confidence: float, speech_s: float, snr_db: float | None, spec: EmotionSpec) -> Reliability:
    """How far a score of this height can be trusted, over so much speech."""
    if speech_s < FULL_SPEECH_S or (snr_db is not None and snr_db < POOR_SNR_DB):
        return "low"
    if confidence >= spec.high_from:
        return "high"
    return "medium" if confidence >= spec.medium_from else "low"
