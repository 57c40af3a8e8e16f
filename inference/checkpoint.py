"""Undertone's own checkpoints: safetensors with one JSON document in the header, read strictly.

A file either gives a whole network with everything known about it, or a `CheckpointError` that says what was
wrong and what was expected. Nothing in a checkpoint is ever executed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import safetensors
from safetensors.torch import save_file
from torch import Tensor

from inference import emotion_net, speaker_net
from inference.emotion_net import EmotionNet, EmotionNetConfig
from inference.features import SAMPLE_RATE_HZ
from inference.model import CheckpointError
from inference.speaker_net import SpeakerNet, SpeakerNetConfig
from monitor.labels import LABELS

FORMAT = 1
HEADER_KEY = "undertone"

Metadata = dict[str, Any]
Config = TypeVar("Config", EmotionNetConfig, SpeakerNetConfig)

# What every header must hold, and of which type.
_COMMON: dict[str, type] = {
    "name": str,
    "net": dict,
    "licence": str,
    "thresholds": dict,
    "trained_on": list,
    "results": dict,
}


def save(path: Path, module: EmotionNet | SpeakerNet, metadata: Mapping[str, Any]) -> None:
    """Writes `module` with its configuration. `metadata` adds name, licence, thresholds, trained_on, results
    and, for an emotion network, labels; fixed values (format, role, rates) are filled in here.

    Raises CheckpointError before writing if the result could not be read back.
    """
    document = {"format": FORMAT, **_fixed(module), **metadata, "net": dataclasses.asdict(module.config)}
    document = json.loads(json.dumps(document))
    role = str(document["role"])
    _check_document(path, document, role)
    if role == "emotion":
        _check_labels(path, document, _config(path, document, EmotionNetConfig))
    tensors = {name: tensor.detach().contiguous() for name, tensor in module.state_dict().items()}
    save_file(tensors, path, metadata={HEADER_KEY: json.dumps(document, ensure_ascii=False)})


def load_emotion(path: Path) -> tuple[EmotionNet, Metadata]:
    """The network in eval mode, and its header. Raises CheckpointError."""
    document, tensors = _read(path)
    _check_document(path, document, "emotion")
    config = _config(path, document, EmotionNetConfig)
    _check_labels(path, document, config)
    return _fill(path, _build(path, EmotionNet, config), tensors), document


def load_speaker(path: Path) -> tuple[SpeakerNet, Metadata]:
    """The network in eval mode, and its header. Raises CheckpointError."""
    document, tensors = _read(path)
    _check_document(path, document, "speaker")
    return _fill(path, _build(path, SpeakerNet, _config(path, document, SpeakerNetConfig)), tensors), document


def role_of(path: Path) -> str:
    """The role that a checkpoint says it has. Raises CheckpointError."""
    return str(_read(path)[0].get("role"))


def is_own(path: Path) -> bool:
    """Whether a file is a checkpoint of ours, whatever else is wrong with it."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return HEADER_KEY in (file.metadata() or {})
    except (OSError, safetensors.SafetensorError):
        return False


def _fixed(module: EmotionNet | SpeakerNet) -> Metadata:
    if isinstance(module, EmotionNet):
        return {
            "role": "emotion",
            "sample_rate_hz": SAMPLE_RATE_HZ,
            "window_samples": emotion_net.WINDOW_SAMPLES,
            "frame_samples": emotion_net.FRAME_SAMPLES,
        }
    return {"role": "speaker", "sample_rate_hz": SAMPLE_RATE_HZ, "window_samples": speaker_net.WINDOW_SAMPLES}


def _read(path: Path) -> tuple[Metadata, dict[str, Tensor]]:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get(HEADER_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error}") from error
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{path}: not a whole safetensors file: {error}") from error
    if header is None:
        raise CheckpointError(f"{path}: no '{HEADER_KEY}' in the header, so it is not an Undertone checkpoint")
    try:
        document = json.loads(header)
    except ValueError as error:
        raise CheckpointError(f"{path}: the '{HEADER_KEY}' header is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise CheckpointError(f"{path}: the '{HEADER_KEY}' header must be a JSON object, it is {document!r}")
    return document, tensors


def _check_document(path: Path, document: Metadata, role: str) -> None:
    window = emotion_net.WINDOW_SAMPLES if role == "emotion" else speaker_net.WINDOW_SAMPLES
    expected: Metadata = {
        "format": FORMAT,
        "role": role,
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "window_samples": window,
    }
    if role == "emotion":
        expected["frame_samples"] = emotion_net.FRAME_SAMPLES
    for key, value in expected.items():
        if document.get(key) != value:
            raise CheckpointError(f"{path}: {key} is {document.get(key)!r}, expected {value!r}")
    types = _COMMON | ({"labels": list} if role == "emotion" else {})
    for key, kind in types.items():
        if not isinstance(document.get(key), kind):
            raise CheckpointError(f"{path}: {key} is {document.get(key)!r}, expected a {kind.__name__}")
    surplus = sorted(set(document) - set(expected) - set(types))
    if surplus:
        raise CheckpointError(f"{path}: unknown header keys: {', '.join(surplus)}")


def _check_labels(path: Path, document: Metadata, config: EmotionNetConfig) -> None:
    labels = document["labels"]
    unknown = [label for label in labels if label not in LABELS]
    if unknown:
        raise CheckpointError(f"{path}: unknown labels {unknown}, expected some of {', '.join(LABELS)}")
    if labels != [label for label in LABELS if label in labels]:
        raise CheckpointError(f"{path}: labels {labels} must be distinct and in the order {', '.join(LABELS)}")
    if len(labels) != config.labels:
        raise CheckpointError(f"{path}: {len(labels)} labels for a network with {config.labels} outputs")


def _config(path: Path, document: Metadata, kind: type[Config]) -> Config:
    """The network's configuration: exactly the fields of `kind`, each of its declared type."""
    given = document["net"]
    defaults = {field.name: field.default for field in dataclasses.fields(kind)}
    unknown, missing = sorted(set(given) - set(defaults)), sorted(set(defaults) - set(given))
    if unknown or missing:
        raise CheckpointError(f"{path}: net has unknown keys {unknown} and lacks {missing}")
    values: dict[str, Any] = {}
    for name, default in defaults.items():
        value: Any = tuple(given[name]) if isinstance(given[name], list) else given[name]
        numbers = (*value, 1) if isinstance(value, tuple) else () if isinstance(value, str) else (value,)
        if type(value) is not type(default) or not all(_usable(number) for number in numbers):
            raise CheckpointError(f"{path}: net.{name} is {given[name]!r}, expected something like {default!r}")
        values[name] = value
    return kind(**values)


def _usable(number: object) -> bool:
    return isinstance(number, bool | float) or (isinstance(number, int) and 0 < number <= 4096)


Net = TypeVar("Net", EmotionNet, SpeakerNet)


def _build(path: Path, kind: Any, config: Any) -> Any:
    try:
        return kind(config)
    except (ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path}: no network can be built from {config}: {error}") from error


def _fill(path: Path, net: Net, tensors: Mapping[str, Tensor]) -> Net:
    expected: Mapping[str, Tensor] = net.state_dict()
    missing, surplus = sorted(set(expected) - set(tensors)), sorted(set(tensors) - set(expected))
    if missing or surplus:
        raise CheckpointError(f"{path}: missing tensors {missing or 'none'}, surplus tensors {surplus or 'none'}")
    for name, tensor in tensors.items():
        want = expected[name]
        if tensor.shape != want.shape or tensor.dtype != want.dtype:
            found, need = f"{tensor.dtype} {tuple(tensor.shape)}", f"{want.dtype} {tuple(want.shape)}"
            raise CheckpointError(f"{path}: {name} is {found}, expected {need}")
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise CheckpointError(f"{path}: {name} holds values that are not finite")
    net.load_state_dict(tensors)
    return net.eval()
