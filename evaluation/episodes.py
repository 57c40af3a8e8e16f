"""Streams of one voice with episodes in which it is angry, or whatever a rule is to notice.

The recordings of one speaker follow each other with pauses of 0.3-1 s. Their order is drawn by a seed, but for those
that are to be noticed: they stand together in episodes of at least 8 s with at least 20 s of other emotions before
each, for a rule is not meant to notice a single sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.conditions import frame_energies
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples

EPISODE_S = 8.0
BEFORE_S = 20.0
LONGEST_S = 180.0
PAUSE_S = (0.3, 1.0)


@dataclass(frozen=True, slots=True)
class EpisodeStream:
    """`audio` (n,), and the episodes in it, from the first to the last sample, in seconds."""

    audio: Samples
    episodes: tuple[tuple[float, float], ...]

    @property
    def duration_s(self) -> float:
        return len(self.audio) / SAMPLE_RATE_HZ


def build(noticed: Sequence[Samples], others: Sequence[Samples], rng: np.random.Generator) -> EpisodeStream:
    """One speaker's recordings in a row, about three minutes at most, ending with an episode."""
    waiting = {
        True: [noticed[place] for place in rng.permutation(len(noticed))],
        False: [others[place] for place in rng.permutation(len(others))],
    }
    parts: list[Samples] = []
    episodes: list[tuple[float, float]] = []
    at = 0
    while at < LONGEST_S * SAMPLE_RATE_HZ and waiting[False] and _lasts(waiting[True], EPISODE_S):
        for is_noticed, least_s in ((False, BEFORE_S), (True, EPISODE_S)):
            start = at
            while waiting[is_noticed] and at - start < least_s * SAMPLE_RATE_HZ:
                clip = waiting[is_noticed].pop()
                pause = _pause(clip, rng)
                parts += [clip, pause]
                at += len(clip) + len(pause)
            if is_noticed:
                episodes.append((start / SAMPLE_RATE_HZ, (at - len(pause)) / SAMPLE_RATE_HZ))
    return EpisodeStream(np.concatenate(parts) if parts else np.zeros(0, np.float32), tuple(episodes))


def _lasts(clips: Sequence[Samples], seconds: float) -> bool:
    """Whether the clips and the pauses after them last so long."""
    return sum(len(clip) + PAUSE_S[0] * SAMPLE_RATE_HZ for clip in clips) >= seconds * SAMPLE_RATE_HZ


def _pause(before: Samples, rng: np.random.Generator) -> Samples:
    """0.3-1 s of hiss as loud as the quiet parts of the recording before it."""
    energies = frame_energies(before)
    level = np.sqrt(np.quantile(energies, 0.05)) if len(energies) else 0.0
    return (rng.standard_normal(int(rng.uniform(*PAUSE_S) * SAMPLE_RATE_HZ)) * max(level, 1e-5)).astype(np.float32)
