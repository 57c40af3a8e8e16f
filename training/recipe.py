"""A training run as a TOML file: every key is known, and every key is needed."""

from __future__ import annotations

import dataclasses
import json
import tomllib
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from inference.emotion_net import EmotionNetConfig
from inference.speaker_net import SpeakerNetConfig
from training.augment import CallRecipe
from training.emotion_data import StreamRecipe
from training.emotion_objective import EmotionLoss
from training.speaker_bank import BankRecipe
from training.speaker_data import SpeakerAugment, SpeakerSampling
from training.speaker_objective import SpeakerLoss

Table = TypeVar("Table")
Recipe = TypeVar("Recipe", "EmotionRecipe", "SpeakerRecipe")


@dataclass(frozen=True, slots=True)
class Optimisation:
    seed: int
    steps: int
    batch: int
    learning_rate: float
    warmup_steps: int
    hold_steps: int
    weight_decay: float
    save_every_steps: int


@dataclass(frozen=True, slots=True)
class EmotionRecipe:
    name: str
    optimisation: Optimisation
    loss: EmotionLoss
    streams: StreamRecipe
    calls: CallRecipe
    net: EmotionNetConfig


@dataclass(frozen=True, slots=True)
class SpeakerRecipe:
    name: str
    licence: str
    datasets: tuple[str, ...]
    optimisation: Optimisation
    loss: SpeakerLoss
    bank: BankRecipe
    sampling: SpeakerSampling
    augment: SpeakerAugment
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


def replaced(recipe: Recipe, tables: dict[str, dict[str, Any]]) -> Recipe:
    """The recipe with some keys of some tables changed, as `{"net": {"blocks": "aa"}}`."""
    document = dataclasses.asdict(recipe)
    for name, changes in tables.items():
        document[name] |= changes
    return _table(type(recipe), json.loads(json.dumps(document)), "changed recipe")


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
