"""What an analysis is: what a model declares, what it is given, and what it answers.

The only module of the core that `inference/` may import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.labels import LABELS
from vad.grid import FRAME_SAMPLES


class Role(StrEnum):
    """What a model is there for."""

    SPEECH = "speech"
    EMOTION = "emotion"
    SPEAKER = "speaker"


@dataclass(frozen=True, slots=True)
class AlertLevels:
    """From which score on, for how many seconds, an alert is raised, and below which it is over."""

    above: float = 0.7
    clear: float = 0.5
    for_s: float = 3.0


DEFAULT_ALERTS: Mapping[str, AlertLevels] = {"anger": AlertLevels(), "risk": AlertLevels()}


@dataclass(frozen=True, slots=True)
class EmotionSpec:
    """What an emotion model declares.

    It takes `window_samples` samples at 16 kHz (a multiple of 320) and answers with the logits of up to
    window_samples / 320 frames of 20 ms. `labels`: those it knows. A confidence from `medium_from` on counts as
    medium, from `high_from` on as high reliability; `calibrated`: both were found on voices that the model had not
    learnt from. `alerts`: the levels of the rules that hold by default (`anger`, `risk`), chosen by false alarms per
    hour. `embedding_size`: of what its heads read of a frame; 0 where the model does not give it. `usual_norms`:
    between which lengths the embedding of a recording usually lies, None where that was not measured.
    """

    name: str
    licence: str
    window_samples: int
    labels: tuple[str, ...]
    medium_from: float = 0.5
    high_from: float = 0.7
    alerts: Mapping[str, AlertLevels] = field(default_factory=lambda: DEFAULT_ALERTS)
    calibrated: bool = False
    embedding_size: int = 0
    usual_norms: tuple[float, float] | None = None

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
    """What a speaker model declares: the longest window it is given (one segment's speech; the first windows of a
    segment are shorter), embedding size, and how its cosines of two windows are distributed for the same and for
    different speakers (means and standard deviations), from which the tracker takes its odds. `thresholds`: cosines
    that are in use with the model, by purpose, if there are any."""

    name: str
    licence: str
    window_samples: int
    embedding_size: int
    same_mean: float
    same_std: float
    different_mean: float
    different_std: float
    thresholds: Mapping[str, float] = field(default_factory=dict, kw_only=True)


@dataclass(frozen=True, slots=True)
class SpeechSpec:
    """What a speech model (a judge behind the gate) declares: the window it takes, in samples (a multiple of 320), of
    which only the last block is asked about; the audio before it is for a network that has to settle after a gap. A
    window that is longer by some blocks asks about those, too."""

    name: str
    licence: str
    window_samples: int


Spec = EmotionSpec | SpeakerSpec | SpeechSpec


@dataclass(frozen=True, slots=True)
class Specs:
    """The models that a call is analysed with; None where there is none."""

    emotion: EmotionSpec | None = None
    speaker: SpeakerSpec | None = None
    speech: SpeechSpec | None = None


class Stream:
    """One channel of one call as one model hears it. `memory` is the model's: what it wants to find again at the next
    window of the stream, None at the first. It goes when the call goes."""

    __slots__ = ("__weakref__", "memory")

    def __init__(self) -> None:
        self.memory: Any = None


@dataclass(frozen=True, slots=True)
class Window:
    """Audio that waits to be analysed: `samples`, shape (n,), float32 at 16 kHz, ending at sample `end_sample` of
    `channel`. `number` counts a call's windows; an answer names it. Windows of a `stream` come in the order of their
    ends and mostly overlap, so a model may compute what is new only; but each holds all that it needs. `speech`: which
    of its frames of 20 ms hold speech, as far as it is known. `span`: the samples that it stands for, if a model that
    has heard the others is given its end only (0: those it holds). `wanted`: with so many samples at its end the asker
    is content, if a model that computes what is new has more to do otherwise (0: with all)."""

    number: int
    role: Role
    channel: int
    end_sample: int
    samples: NDArray[np.float32]
    stream: Stream = field(default_factory=Stream)
    speech: NDArray[np.bool_] | None = None
    span: int = 0
    wanted: int = 0

    @property
    def frames(self) -> int:
        """How many frames of 20 ms it stands for."""
        return (self.span or len(self.samples)) // FRAME_SAMPLES


@dataclass(frozen=True, slots=True)
class EmotionAnalysis:
    """`logits`: (frames, 9) in the order of LABELS, any value for unknown labels; `arousal`: (frames,) logits.

    The first row belongs to frame `first` of the window; frames that an earlier window had may be left out."""

    logits: NDArray[np.float32]
    arousal: NDArray[np.float32]
    first: int = 0


@dataclass(frozen=True, slots=True)
class SpeakerAnalysis:
    """`embedding`: (embedding_size,), of any length (compared by cosine)."""

    embedding: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SpeechAnalysis:
    """`levels`: the probabilities of speech, in 255ths, of the last frames of 20 ms of the window; a byte each."""

    levels: bytes


class Missing(StrEnum):
    """Why a window has no analysis."""

    SKIPPED = "skipped"
    FAILED = "failed"


Analysis = EmotionAnalysis | SpeakerAnalysis | SpeechAnalysis | Missing
