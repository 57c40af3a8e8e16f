"""What the rest of Undertone knows of a model, and which one a name means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from inference.checkpoint import CheckpointError, role_of
from inference.embedded import EmbeddedEmotion, EmbeddedSpeaker
from inference.silero import SileroJudge, packaged_file
from monitor.analysis import (
    Analysis,
    EmotionSpec,
    Role,
    SpeakerSpec,
    Spec,
    Specs,
    SpeechSpec,
    Window,
)

WEIGHTS = Path(__file__).parent / "weights"
Batch = NDArray[np.float32]


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

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        """One analysis per window. Windows of one stream come in order, in this batch and from batch to batch."""
        ...


Models = dict[Role, Model]


def warm_up(model: Model, size: int) -> None:
    """Let a model analyse a batch of `size` windows of silence, so that the first real one does not pay for it."""
    silence = np.zeros(model.spec.window_samples, np.float32)
    model.analyse([Window(0, model.role, 0, len(silence), silence) for _ in range(size)])


def load(emotion: str, speaker: str, device: str, speech: bool = False) -> Models:
    """Load the models named, each an embedded model's name, a path to a checkpoint, or `none`.

    `device`: auto (CUDA where there is one), cpu or cuda. `speech`: Silero VAD as well.
    Raises CheckpointError with what is wrong.
    """
    place = resolve_device(device)
    models: Models = {}
    if emotion != "none":
        models[Role.EMOTION] = EmbeddedEmotion(locate(emotion), place)
    if speaker != "none":
        models[Role.SPEAKER] = EmbeddedSpeaker(locate(speaker), place)
    if speech:
        models[Role.SPEECH] = silero(place)
    return models


def embedded(path: Path, device: str) -> Model:
    """The model in an Undertone checkpoint, whatever its role. Raises CheckpointError."""
    return EmbeddedEmotion(path, device) if role_of(path) == "emotion" else EmbeddedSpeaker(path, device)


def silero(device: str) -> SileroJudge:
    """The judge of speech, out of the installed package. Raises CheckpointError if it is not there."""
    return SileroJudge(packaged_file(), device)


def specs(models: Models) -> Specs:
    """What the models declare, in the form that a Session takes."""
    emotion, speaker, speech = (models.get(role) for role in (Role.EMOTION, Role.SPEAKER, Role.SPEECH))
    return Specs(
        emotion=emotion.spec if emotion and isinstance(emotion.spec, EmotionSpec) else None,
        speaker=speaker.spec if speaker and isinstance(speaker.spec, SpeakerSpec) else None,
        speech=speech.spec if speech and isinstance(speech.spec, SpeechSpec) else None,
    )


def resolve_device(device: str) -> str:
    """The torch device that `auto`, `cpu` or `cuda` means here."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise CheckpointError("the device is cuda, but torch finds no CUDA device; use cpu or auto")
    return device


def locate(name: str) -> Path:
    """The file of an embedded model's name, or of a path. Raises CheckpointError if there is none."""
    for path in (WEIGHTS / f"{name}.safetensors", Path(name).expanduser()):
        if path.is_file():
            return path
    embedded = ", ".join(sorted(path.stem for path in WEIGHTS.glob("*.safetensors")))
    raise CheckpointError(f"there is no model {name!r}: neither an embedded one ({embedded}) nor a file of that path")
