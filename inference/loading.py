"""Which model a name means, and how it is loaded."""

from __future__ import annotations

from pathlib import Path

import torch

from inference.checkpoint import role_of
from inference.embedded import EmbeddedEmotion, EmbeddedSpeaker
from inference.model import CheckpointError, Model, Models
from inference.silero import SileroJudge, packaged_file
from monitor.analysis import Role

WEIGHTS = Path(__file__).parent / "weights"


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
