"""A training run as a TOML file: every key is known, and every key is needed."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from inference.emotion_net import EmotionNetConfig
from inference.speaker_net import SpeakerNetConfig
from training.augment import AugmentRecipe

Table = TypeVar("Table")


@dataclass(frozen=True, slots=True)
class Optimisation:
    seed: int
    steps: int
    batch: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    save_every_steps: int


@dataclass(frozen=True, slots=True)
class EmotionLoss:
    label_smoothing: float
    arousal_weight: float
    window_s: float
    speed: tuple[float, float]
    nonspeech_share: float
    nonspeech_weight: float


@dataclass(frozen=True, slots=True)
class SpeakerLoss:
    scale: float
    margin: float
    own_corpus_from_step: int
    crop_s: tuple[float, float]
    actor_weight: float


@dataclass(frozen=True, slots=True)
class EmotionRecipe:
    name: str
    optimisation: Optimisation
    loss: EmotionLoss
    augment: AugmentRecipe
    net: EmotionNetConfig


@dataclass(frozen=True, slots=True)
class SpeakerRecipe:
    name: str
    optimisation: Optimisation
    loss: SpeakerLoss
    augment: AugmentRecipe
    net: SpeakerNetConfig


def read_recipe(path: Path) -> EmotionRecipe | SpeakerRecipe:
    """Raises ValueError, naming the key, for anything unknown, missing or of the wrong type."""
    document = tomllib.loads(path.read_text())
    role = document.pop("role", None)
    if role == "emotion":
        return _table(EmotionRecipe, document, str(path))
    if role == "speaker":
        return _table(SpeakerRecipe, document, str(path))
    raise ValueError(f"{path}: role must be 'emotion' or 'speaker', it is {role!r}")


def _table(kind: type[Table], given: dict[str, Any], where: str) -> Table:
    kinds = typing.get_type_hints(kind)
    unknown, missing = sorted(set(given) - set(kinds)), sorted(set(kinds) - set(given))
    if unknown or missing:
        raise ValueError(f"{where}: unknown keys {unknown}, missing keys {missing}")
    return kind(**{name: _value(kinds[name], given[name], f"{where}: {name}") for name in kinds})


def _value(kind: Any, given: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and isinstance(given, dict):
        return _table(kind, given, where)
    if isinstance(kind, types.GenericAlias) and isinstance(given, list):
        return tuple(_value(typing.get_args(kind)[0], item, where) for item in given)
    if kind is float and type(given) is int:
        return float(given)
    if isinstance(kind, type) and type(given) is kind:
        return given
    raise ValueError(f"{where}: expected {kind}, got {given!r}")
