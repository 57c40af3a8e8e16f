"""What an analysis is: what a model declares, what it is given, and what it answers.

The only module of the core that `inference/` may import.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from monitor.labels import LABELS
from vad.resample import FRAME_SAMPLES


class Role(StrEnum):
    """What a model is there for."""

    SPEECH = "speech"
    EMOTION = "emotion"
    SPEAKER = "speaker"


@dataclass(frozen=True, slots=True)
class EmotionSpec:
    """What an emotion model declares.

    It takes `window_samples` samples at 16 kHz (a multiple of 320) and answers with the logits of up to
    window_samples / 320 frames of 20 ms. `labels`: those it knows. A confidence from `medium_from` on counts as
    medium, from `high_from` on as high reliability.
    """

    name: str
    licence: str
    window_samples: int
    labels: tuple[str, ...]
    medium_from: float = 0.5
    high_from: float = 0.7

    def __post_init__(self) -> None:
        unknown = set(self.labels) - set(LABELS)
        if unknown or not self.labels:
            raise ValueError(f"labels must be some of {', '.join(LABELS)}; unknown: {sorted(unknown)}")
        if self.window_samples % FRAME_SAMPLES or self.window_samples <= 0:
            raise ValueError(
                f"window_samples must be a positive multiple of {FRAME_SAMPLES}, not {self.window_samples}"
            )


@dataclass(frozen=True, slots=True)
class SpeakerSpec:
    """What a speaker model declares: window, embedding size, and how its cosines of two windows are distributed for
    the same and for different speakers (means and standard deviations), from which the tracker takes its odds."""

    name: str
    licence: str
    window_samples: int
    embedding_size: int
    same_mean: float
    same_std: float
    different_mean: float
    different_std: float


@dataclass(frozen=True, slots=True)
class SpeechSpec:
    """What a speech model (a judge behind the gate) declares. It is fed the blocks of each stream in order."""

    name: str
    licence: str


@dataclass(frozen=True, slots=True)
class Specs:
    """The models that a call is analysed with; None where there is none."""

    emotion: EmotionSpec | None = None
    speaker: SpeakerSpec | None = None
    speech: SpeechSpec | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Audio that waits to be analysed: `samples`, shape (n,), float32 at 16 kHz, ending at sample `end_sample` of
    `channel`. `number` counts a call's windows; an answer names it."""

    number: int
    role: Role
    channel: int
    end_sample: int
    samples: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EmotionAnalysis:
    """`logits`: (frames, 9) in the order of LABELS, any value for unknown labels; `arousal`: (frames,) logits."""

    logits: NDArray[np.float32]
    arousal: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SpeakerAnalysis:
    """`embedding`: (embedding_size,), of any length (compared by cosine)."""

    embedding: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SpeechAnalysis:
    """`probabilities`: (frames,), one per frame of 20 ms."""

    probabilities: NDArray[np.float32]


class Missing(StrEnum):
    """Why a window has no analysis."""

    SKIPPED = "skipped"
    FAILED = "failed"


Analysis = EmotionAnalysis | SpeakerAnalysis | SpeechAnalysis | Missing
