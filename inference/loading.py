"""Which model a name means, and how it is loaded."""

from __future__ import annotations

from pathlib import Path

import torch

from inference import hub, layout
from inference.catalogue import MODELS
from inference.checkpoint import is_own, role_of
from inference.embedded import EmbeddedEmotion, EmbeddedSpeaker
from inference.model import CheckpointError, Model, Models
from inference.reuse import EXACT, Shortcuts
from inference.silero import SileroJudge, packaged_file
from monitor.analysis import Role

WEIGHTS = Path(__file__).parent / "weights"


def load(emotion: str, speaker: str, device: str, speech: bool = False, shortcuts: Shortcuts = EXACT) -> Models:
    """Load the models named, each an embedded model's name, a ModelScope id, a path to a checkpoint, or `none`.

    `device`: auto (CUDA where there is one), cpu or cuda. `speech`: Silero VAD as well. `shortcuts`: of emotion2vec+.
    Raises CheckpointError with what is wrong.
    """
    place = resolve_device(device)
    models: Models = {}
    for role, name in ((Role.EMOTION, emotion), (Role.SPEAKER, speaker)):
        if name != "none":
            models[role] = named(name, role, place, shortcuts)
    if speech:
        models[Role.SPEECH] = silero(place)
    return models


def named(name: str, role: Role, device: str, shortcuts: Shortcuts = EXACT) -> Model:
    """The model of a role that a name means. Raises CheckpointError."""
    path = embedded_file(name)
    if path is None and (own := Path(name).expanduser()).is_file() and is_own(own):
        path = own
    if path is not None:
        return EmbeddedEmotion(path, device) if role is Role.EMOTION else EmbeddedSpeaker(path, device)
    if name in MODELS:
        hub.pull(name)
    if name in MODELS or Path(name).expanduser().exists():
        return layout.load(name, role, device, shortcuts)
    shipped = ", ".join(sorted(path.stem for path in WEIGHTS.glob("*.safetensors")))
    raise CheckpointError(
        f"there is no model {name!r}: neither one that ships with Undertone ({shipped}), nor a file or folder of that "
        f"path, nor one that can be fetched ({', '.join(MODELS)})"
    )


def embedded(path: Path, device: str) -> Model:
    """The model in an Undertone checkpoint, whatever its role. Raises CheckpointError."""
    return EmbeddedEmotion(path, device) if role_of(path) == "emotion" else EmbeddedSpeaker(path, device)


def load_file(path: Path, device: str, shortcuts: Shortcuts = EXACT) -> Model:
    """The model in a file or folder, whatever its kind and role; `shortcuts`: of emotion2vec+. Raises
    CheckpointError."""
    weights = layout.weights_in(path)
    if is_own(weights):
        return embedded(weights, device)
    return layout.load(str(path), layout.role_in(weights), device, shortcuts)


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


def embedded_file(name: str) -> Path | None:
    """The file of a model that ships with Undertone; None if there is none of that name."""
    path = WEIGHTS / f"{name}.safetensors"
    return path if path.is_file() else None
