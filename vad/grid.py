"""The one rate and the one grid that everything inside uses."""

from __future__ import annotations

SAMPLE_RATE_HZ = 16_000
FRAME_SAMPLES = 320
"""One frame, 20 ms: the grid of speech decisions, emotion frames and window edges."""
FRAMES_PER_SECOND = SAMPLE_RATE_HZ // FRAME_SAMPLES
FRAME_S = FRAME_SAMPLES / SAMPLE_RATE_HZ
