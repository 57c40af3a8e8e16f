"""What the rest of Undertone knows of a model, and the embedded ones behind that protocol."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from inference.checkpoint import CheckpointError, load_emotion, load_speaker, role_of
from inference.silero import SileroJudge, packaged_file
from monitor.analysis import (
    Analysis,
    EmotionAnalysis,
    EmotionSpec,
    Role,
    SpeakerAnalysis,
    SpeakerSpec,
    Spec,
    Specs,
    SpeechSpec,
    Window,
)
from monitor.labels import LABELS

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


class EmbeddedEmotion:
    """The small frame-level emotion network that ships with Undertone, or another in the same layout."""

    role = Role.EMOTION
    max_batch = 32

    def __init__(self, path: Path, device: str) -> None:
        net, header = load_emotion(path)
        self._net = net.to(device)
        self._device = device
        self._columns = [LABELS.index(label) for label in header["labels"]]
        thresholds: dict[str, Any] = header["thresholds"]
        self.spec = EmotionSpec(
            name=header["name"],
            licence=header["licence"],
            window_samples=header["window_samples"],
            labels=tuple(header["labels"]),
            medium_from=float(thresholds.get("medium_from", 0.5)),
            high_from=float(thresholds.get("high_from", 0.7)),
        )

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        audio = torch.from_numpy(np.stack([window.samples for window in windows]))
        with torch.inference_mode():
            logits, arousal = self._net(audio.to(self._device))
        known, aroused = logits.float().cpu().numpy(), arousal.float().cpu().numpy()
        full = np.zeros((*known.shape[:2], len(LABELS)), np.float32)
        full[:, :, self._columns] = known
        return [EmotionAnalysis(rows, values) for rows, values in zip(full, aroused, strict=True)]


class EmbeddedSpeaker:
    """The small speaker embedding network that ships with Undertone, or another in the same layout."""

    role = Role.SPEAKER
    max_batch = 32

    def __init__(self, path: Path, device: str) -> None:
        net, header = load_speaker(path)
        self._net = net.to(device)
        self._device = device
        thresholds: dict[str, Any] = header["thresholds"]
        try:
            cosines = [float(thresholds[key]) for key in ("same_mean", "same_std", "different_mean", "different_std")]
        except KeyError as missing:
            raise CheckpointError(f"{path}: thresholds lack {missing}; the tracker needs its cosines") from None
        size = int(self._embed(np.zeros((1, header["window_samples"]), np.float32)).shape[1])
        self.spec = SpeakerSpec(header["name"], header["licence"], header["window_samples"], size, *cosines)

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        whole = np.stack([np.resize(window.samples, self.spec.window_samples) for window in windows])
        return [SpeakerAnalysis(row) for row in self._embed(whole)]

    def _embed(self, windows: Batch) -> Batch:
        with torch.inference_mode():
            embeddings: torch.Tensor = self._net(torch.from_numpy(windows).to(self._device))
        return np.asarray(embeddings.float().cpu().numpy(), np.float32)


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
