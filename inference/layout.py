"""What the files of a published model hold, in a folder or alone: read strictly, and nothing in them is run."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import safetensors
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor

from inference import official
from inference.campplus import Campplus
from inference.catalogue import CONFIG, MODELS, TOKENS, folder_of, kept
from inference.emotion2vec import Emotion2vec
from inference.model import CheckpointError, Model
from inference.official import ERES2NETV2_DENSE, SpeakerNet
from inference.published import SPEAKER_WINDOW_SAMPLES, PublishedSpeaker, emotion
from inference.reuse import EXACT, Shortcuts
from monitor.analysis import Role, SpeakerSpec
from monitor.labels import LABELS

WEIGHTS = ("model.safetensors", *dict.fromkeys(about.files[0] for about in MODELS.values()))
"""What a folder's weights are called, the first that is there."""
COSINES = (0.60, 0.15, 0.10, 0.12)
"""Mean and standard deviation of the cosines of two windows of 1.5 s, of the same voice and of two, by CAM++ or
ERes2NetV2: an assumption, made without their weights. The tracker takes its odds from them."""

THRESHOLDS = {"access": 0.65, "identity": 0.45, "grouping": 0.25}
"""Cosines from which people who work with CAM++ take two recordings for one speaker's: rules of thumb."""


def load(name: str, role: Role, device: str, shortcuts: Shortcuts = EXACT) -> Model:
    """The model that a folder, a file, or the name of a model that was fetched stands for; `shortcuts` are for emotion.
    Raises CheckpointError."""
    about = MODELS.get(name)
    if about is not None and about.role is not role:
        raise CheckpointError(f"{name} is no {role} model, it is for {about.role}")
    path = folder_of(name) if about is not None and kept(name) else Path(name).expanduser()
    weights = weights_in(path)
    short = name if about is not None else path.name
    licence = about.licence if about is not None else "as its publisher says"
    if role is Role.EMOTION:
        labels = labels_of(weights.parent / TOKENS)
        return emotion(emotion_net(weights), short, licence, labels, device, shortcuts)
    net = speaker_net(weights)
    thresholds = THRESHOLDS if isinstance(net, Campplus) else {}
    spec = SpeakerSpec(short, licence, SPEAKER_WINDOW_SAMPLES, net.config.embedding, *COSINES, thresholds=thresholds)
    return PublishedSpeaker(net, spec, device)


def role_in(weights: Path) -> Role:
    """What a published checkpoint is for. Raises CheckpointError."""
    names = tensors_of(weights).keys()
    for start, role in (("xvector.", Role.SPEAKER), (ERES2NETV2_DENSE, Role.SPEAKER), ("proj.", Role.EMOTION)):
        if any(name.startswith(start) for name in names):
            return role
    raise CheckpointError(
        f"{weights}: is neither emotion2vec+ nor CAM++ nor ERes2NetV2, by the names of its {len(names)} tensors"
    )


def weights_in(path: Path) -> Path:
    """The weights that a folder holds, or the file itself. Raises CheckpointError."""
    if path.is_dir():
        found = next((path / name for name in WEIGHTS if (path / name).is_file()), None)
        if found is None:
            raise CheckpointError(f"{path}: holds no weights; expected one of {', '.join(WEIGHTS)}")
        return found
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file or folder")
    return path


def emotion_net(weights: Path) -> Emotion2vec:
    """The network, with what its config.yaml says. Raises CheckpointError."""
    return official.emotion2vec(tensors_of(weights), block_eps(weights.parent / CONFIG), str(weights))


def speaker_net(weights: Path) -> SpeakerNet:
    """CAM++ or ERes2NetV2, by the names of its tensors. Raises CheckpointError."""
    return official.speaker(tensors_of(weights), str(weights))


def tensors_of(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, or of a pickle of tensors with or without a key `model` around them. Nothing
    in it is executed. Raises CheckpointError."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: holds something other than tensors, which is not run: {first_line(error)}"
        ) from None
    except (OSError, RuntimeError, ValueError, EOFError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read, is it whole? {first_line(error)}") from None
    if isinstance(content, Mapping) and isinstance(content.get("model"), Mapping):
        content = content["model"]
    if not isinstance(content, Mapping) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise CheckpointError(f"{path}: is no table of tensors by name")
    return dict(content)


def block_eps(path: Path) -> float:
    """`norm_eps` of an emotion2vec+ config.yaml. Raises CheckpointError."""
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        return float(config["model_conf"]["norm_eps"])  # YAML 1.1 takes 1e-05 for a string
    except OSError as error:
        raise CheckpointError(f"{path}: is needed beside the weights: {error.strerror}") from None
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: does not say model_conf.norm_eps: {first_line(error)}") from None


def labels_of(path: Path) -> list[str]:
    """The labels of a tokens.txt, in the order of the network's outputs. Raises CheckpointError."""
    try:
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: is needed beside the weights: {first_line(error)}") from None
    labels = ["unknown" if line == "<unk>" else line.rpartition("/")[2] for line in lines]
    if unused := [label for label in labels if label.startswith("unuse")]:
        raise CheckpointError(
            f"{path}: {len(unused)} of its {len(labels)} labels are {unused[0]} and the like: an early revision, in "
            f"which the model cannot say them; fetch the current one, which has {', '.join(LABELS)}"
        )
    if unknown := [label for label in labels if label not in LABELS]:
        raise CheckpointError(f"{path}: unknown label(s) {', '.join(unknown)}; known are {', '.join(LABELS)}")
    if len(set(labels)) < len(labels) or not labels:
        raise CheckpointError(
            f"{path}: names {len(labels)} labels, some of them twice" if labels else f"{path}: is empty"
        )
    return labels


def first_line(error: BaseException) -> str:
    """The first line of what an error says."""
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]
