"""The nine emotion labels, in the one order that holds everywhere."""

from __future__ import annotations

LABELS: tuple[str, ...] = (
    "angry",
    "disgusted",
    "fearful",
    "happy",
    "neutral",
    "other",
    "sad",
    "surprised",
    "unknown",
)
