"""What the rest of Undertone knows of a model. Nothing here needs torch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from monitor.analysis import Analysis, EmotionAnalysis, EmotionSpec, Role, SpeakerSpec, Spec, Specs, SpeechSpec, Window


class CheckpointError(Exception):
    """A checkpoint that cannot be used; the message names the file, the fault and what was expected."""


class ModelGoneError(Exception):
    """The model cannot be asked at all for now, whatever it is asked; the message says why."""


class Model(Protocol):
    """A model of one role. `analyse` is called from one thread at a time."""

    @property
    def role(self) -> Role: ...

    @property
    def spec(self) -> Spec: ...

    @property
    def max_batch(self) -> int:
        """The largest batch worth asking for."""
        ...

    @property
    def overlap_samples(self) -> int | None:
        """How much of what it has heard of a stream the model wants to see again before what is new, in samples, if it
        is given the ends of windows only; None if it needs whole windows."""
        ...

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        """One analysis per window. Windows of one stream come in order, in this batch and from batch to batch."""
        ...


@dataclass(frozen=True, slots=True)
class EmotionFeatures:
    """What an emotion model hears in a window, offline: `analysis`, and of the same frames what its heads read of them,
    `embeddings`, (frames, embedding_size)."""

    analysis: EmotionAnalysis
    embeddings: NDArray[np.float32]


@runtime_checkable
class EmbeddingModel(Model, Protocol):
    """An emotion model that also gives what its heads read. Live calls never ask for that."""

    @property
    def longest_samples(self) -> int:
        """The longest window that `embed` takes."""
        ...

    def embed(self, windows: Sequence[Window]) -> Sequence[EmotionFeatures]:
        """As `analyse`, with the embeddings, of windows of any length up to the longest. A model that needs whole
        windows (`overlap_samples` None) hears each by itself, whatever its stream; one too short for a frame has none.
        """
        ...


Models = dict[Role, Model]


SLOW_S = 0.05
"""A model whose window takes longer must not hold up others."""


def timed_s(model: Model) -> float:
    """Seconds for one window, once the first is through."""
    warm_up(model, 1)
    began_s = time.perf_counter()
    warm_up(model, 1)
    return time.perf_counter() - began_s


def warm_up(model: Model, size: int) -> None:
    """Let a model analyse a batch of `size` windows of silence, so that the first real one does not pay for it."""
    silence = np.zeros(model.spec.window_samples, np.float32)
    model.analyse([Window(0, model.role, 0, len(silence), silence) for _ in range(size)])


def specs(models: Models) -> Specs:
    """What the models declare, in the form that a Session takes."""
    emotion, speaker, speech = (models.get(role) for role in (Role.EMOTION, Role.SPEAKER, Role.SPEECH))
    return Specs(
        emotion=emotion.spec if emotion and isinstance(emotion.spec, EmotionSpec) else None,
        speaker=speaker.spec if speaker and isinstance(speaker.spec, SpeakerSpec) else None,
        speech=speech.spec if speech and isinstance(speech.spec, SpeechSpec) else None,
    )
