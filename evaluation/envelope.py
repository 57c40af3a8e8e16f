"""Where a clean recording holds speech, by its energy: a reference in which the pipeline's own detector has no part."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.conditions import frame_energies
from vad.grid import FRAMES_PER_SECOND
from vad.pcm import Samples

BELOW_LOUD_DB = 32.0
ABOVE_QUIET_DB = 8.0
FLOOR_DBFS = -62.0
SHORTEST_FRAMES = FRAMES_PER_SECOND * 6 // 100
PAUSE_FRAMES = FRAMES_PER_SECOND * 3 // 10
"""A pause of 0.3 s ends a stretch of speech (as in the NIST Rich Transcription evaluations)."""


def speech_frames(samples: Samples) -> NDArray[np.bool_]:
    """Per frame of 20 ms, whether it lies within 32 dB of the loud frames, 8 dB above the quiet ones and above
    -62 dB of full scale; shorter bursts than 60 ms do not count, shorter pauses than 0.3 s do."""
    level = 10 * np.log10(frame_energies(samples) + 1e-12)
    if not len(level):
        return np.zeros(0, np.bool_)
    loud, quiet = np.quantile(level, 0.95), np.quantile(level, 0.02)
    threshold = max(loud - BELOW_LOUD_DB, min(quiet + ABOVE_QUIET_DB, loud - 12.0), FLOOR_DBFS)
    speech = np.zeros(len(level), np.bool_)
    last_end = -PAUSE_FRAMES
    for start, end in runs(level >= threshold):
        if end - start >= SHORTEST_FRAMES:
            speech[last_end if start - last_end < PAUSE_FRAMES else start : end] = True
            last_end = end
    return speech


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The stretches [start, end) in which `flags` are set."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
