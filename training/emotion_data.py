"""Streams of spectrograms to train the emotion network on, cut from a bank.

Every batch is a pure function of (seed, step): a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.features import LOUDNESS_DB, LogMel
from training.augment import CallRecipe
from training.bank import MARGIN_FRAMES, Bank, Item
from training.corpus import Clip, Section

KNOWN_LABELS = ("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")
AROUSAL = {"angry": 1, "fearful": 1, "happy": 1, "surprised": 1, "neutral": 0, "sad": 0, "other": 0}
FREQUENT = ("angry", "happy", "neutral", "sad")

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class StreamRecipe:
    """How streams are made of a bank's items."""

    seconds: float
    clips: int  # a stream has at most so many
    per_voice: int  # recordings of a speaker in one version of the bank
    versions: int
    calm_per_voice: int
    calm_share: float  # streams of people who read or answer calmly
    calm_neutral: float  # how much of their target is neutral
    calm_weight: float
    nonspeech_share: float  # clips that are noises
    other_speaker: float  # clips of another speaker of the same corpus
    frequent: float  # how much more often the four common labels are drawn
    mood: float  # streams in which most clips have one label
    tempo: tuple[float, float]
    warp: tuple[float, float]  # factor on mel frequency
    band_level_db: float  # spread of smooth colouring
    time_masks: int
    time_mask_frames: int
    band_masks: int
    band_mask_mels: int


@dataclass(frozen=True, slots=True)
class StreamBatch:
    level_db: Tensor  # (streams, 10 ms frames, mels)
    clip: Tensor  # (streams, 20 ms frames): -1 nobody speaks, else which of the stream's clips it is
    target: Tensor  # (streams, clips, labels)
    arousal: Tensor  # (streams, clips)
    weight: Tensor  # (streams, clips, 2): of the label and of the arousal


def emotion_items(
    section: str, clips: Iterable[Clip], versions: Iterable[int], per_voice: int, seed: int
) -> list[Item]:
    """In each version at most `per_voice` recordings of a speaker, others each time."""
    by_speaker: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        by_speaker[clip.speaker or clip.path].append(clip)
    rng = np.random.default_rng(seed)
    return [
        Item(section, clip, version)
        for version in versions
        for own in by_speaker.values()
        for clip in (own[n] for n in rng.permutation(len(own))[:per_voice])
    ]


def emotion_bank(streams: StreamRecipe, calls: CallRecipe, log_mel: LogMel) -> Bank:
    """All emotion recordings, so that training and leaving corpora out share one bank; calm speech and noises of the
    training part."""
    sections = {name: Section(name) for name in ("emotion", "speakers", "nonspeech")}
    items = emotion_items("emotion", sections["emotion"].clips, range(streams.versions), streams.per_voice, calls.seed)
    for name, most in (("speakers", streams.calm_per_voice), ("nonspeech", 1)):
        items += emotion_items(name, sections[name].part("train"), [1], most, calls.seed)
    return Bank(items, sections, calls, log_mel)


class Streams:
    """Corpora evenly, within a corpus its speakers and labels evenly, within a label its recordings evenly."""

    def __init__(
        self, bank: Bank, recipe: StreamRecipe, seed: int, parts: Sequence[str] = ("train",), omit: str = ""
    ) -> None:
        """Of those parts of the split; `omit`: a corpus to leave out."""
        self._bank, self._recipe, self._seed = bank, recipe, seed
        self._used = []
        voices: dict[str, dict[tuple[str, int], dict[str, list[int]]]] = {}
        for n, item in enumerate(bank.items):
            group = item.clip.dataset if item.section == "emotion" else item.section
            if group != omit and item.clip.part in parts:
                self._used.append(n)
                voice = voices.setdefault(group, {}).setdefault((item.clip.speaker, item.version), {})
                voice.setdefault(item.clip.emotion, []).append(n)
        self._noises = voices.pop("nonspeech")["", 1][""]
        self._voices = {group: list(own.values()) for group, own in voices.items()}
        self._corpora = sorted(set(self._voices) - {"speakers"})

    def shape(self) -> Tensor:
        """(mels,): mean shape of speech as `RunningReference` weighs it, what its streams begin with."""
        starts = self._bank.starts
        rows = np.concatenate([np.arange(starts[n], starts[n + 1], 94) for n in self._used])
        level_db = self._bank.features(rows[self._bank.speech[rows // 2]])
        weight = 10 ** (level_db.max(1, keepdims=True) / LOUDNESS_DB)
        shape = ((level_db - level_db.mean(1, keepdims=True)) * weight).sum(0) / weight.sum()
        return torch.from_numpy(shape)

    def surplus(self) -> Tensor:
        """(labels,): what the labels that are drawn more often would gain in logits from that alone."""
        return torch.tensor([math.log(self._recipe.frequent) if label in FREQUENT else 0.0 for label in KNOWN_LABELS])

    def batch(self, step: int, size: int) -> StreamBatch:
        recipe, rng = self._recipe, np.random.default_rng([self._seed, step])
        frames, neutral = int(recipe.seconds * 50), KNOWN_LABELS.index("neutral")
        rows = np.zeros((size, 2 * frames), np.int64)
        clip = np.full((size, frames), -1)
        target = np.full((size, recipe.clips, len(KNOWN_LABELS)), 1 / len(KNOWN_LABELS), np.float32)
        arousal = np.full((size, recipe.clips), 0.5, np.float32)
        weight = np.zeros((size, recipe.clips, 2), np.float32)
        for b in range(size):
            at = 0
            for k, (n, own) in enumerate(self._stream(rng)):
                own = own[: 2 * (frames - at)]
                rows[b, 2 * at : 2 * at + len(own)] = own
                voiced, item = self._bank.speech[own[::2] // 2], self._bank.items[n]
                clip[b, at : at + len(voiced)] = np.where(voiced, k, -1)
                at += len(voiced)
                if item.section == "nonspeech":
                    weight[b, k] = 1
                elif item.section == "speakers":
                    target[b, k] *= 1 - recipe.calm_neutral
                    target[b, k, neutral] += recipe.calm_neutral
                    arousal[b, k], weight[b, k] = 0.15, recipe.calm_weight
                else:
                    if item.clip.emotion in KNOWN_LABELS:
                        target[b, k] = np.eye(len(KNOWN_LABELS))[KNOWN_LABELS.index(item.clip.emotion)]
                        weight[b, k, 0] = 1
                    if item.clip.emotion in AROUSAL:
                        arousal[b, k], weight[b, k, 1] = AROUSAL[item.clip.emotion], 1
                if voiced.sum() < 25:  # what is cut too short tells nothing
                    weight[b, k] = 0
                if at == frames or k == recipe.clips - 1:
                    break
            rows[b, 2 * at :] = rows[b, 2 * at - 1]
        level_db = self._coloured(torch.from_numpy(self._bank.features(rows)), rng)
        tensors = (torch.from_numpy(array) for array in (clip, target, arousal, weight))
        return StreamBatch(level_db, *tensors)

    def _stream(self, rng: np.random.Generator) -> Iterator[tuple[int, Rows]]:
        """Without end: an item, and its rows with a pause before it."""
        recipe = self._recipe
        calm = rng.random() < recipe.calm_share
        voices = self._voices["speakers" if calm else self._corpora[rng.integers(len(self._corpora))]]
        voice, tempo = voices[rng.integers(len(voices))], rng.uniform(*recipe.tempo)
        mood = self._label(voice, rng) if rng.random() < recipe.mood else None
        while True:
            if rng.random() < recipe.other_speaker:
                voice = voices[rng.integers(len(voices))]
            label = mood if mood in voice and rng.random() < 0.7 else self._label(voice, rng)
            n = voice[label][rng.integers(len(voice[label]))]
            if rng.random() < recipe.nonspeech_share:
                n = self._noises[rng.integers(len(self._noises))]
            start, end = int(self._bank.starts[n]), int(self._bank.starts[n + 1])
            margin = 2 * MARGIN_FRAMES
            body = np.arange(start + margin, end - int(rng.integers(margin)), dtype=np.float64)[: int(500 * tempo)]
            body = body[(np.arange(int(len(body) / tempo)) * tempo).astype(int)].astype(np.int64)
            pause = start + np.abs((np.arange(int(rng.exponential(30))) % (2 * margin - 2)) - margin + 1)
            own = np.concatenate([pause, body])
            yield n, own[: len(own) // 2 * 2]

    def _label(self, voice: dict[str, list[int]], rng: np.random.Generator) -> str:
        weights = np.cumsum([self._recipe.frequent if label in FREQUENT else 1.0 for label in voice])
        return list(voice)[int(np.searchsorted(weights, rng.random() * weights[-1]))]

    def _coloured(self, level_db: Tensor, rng: np.random.Generator) -> Tensor:
        """Each stream with its own warped frequency axis (another vocal tract) and smooth colour."""
        size, _, mels = level_db.shape
        band = np.arange(mels)
        top, low = 1127 * np.log1p(7600 / 700), 1127 * np.log1p(60 / 700)
        hz = 700 * np.expm1((low + (top - low) * (band + 1) / (mels + 1)) / 1127)
        factor = rng.uniform(*self._recipe.warp, (size, 1))
        mel = 1127 * np.log1p(hz * factor / 700)
        place = np.clip((mel - low) / (top - low) * (mels + 1) - 1, 0, mels - 1.001)
        below = torch.from_numpy(place.astype(np.int64))[:, None].expand_as(level_db)
        part = torch.from_numpy((place % 1).astype(np.float32))[:, None]
        warped = level_db.gather(2, below) * (1 - part) + level_db.gather(2, below + 1) * part
        waves = np.cos(np.pi * np.arange(4)[:, None] * (band + 0.5) / mels)
        colour = (rng.standard_normal((size, 4)) * self._recipe.band_level_db) @ waves
        return warped + torch.from_numpy(colour.astype(np.float32))[:, None]

    def masks(self, features: Tensor, step: int) -> Tensor:
        """Sets random stretches of frames and bands to 0, their mean (SpecAugment, Park et al. 2019)."""
        recipe, (_, frames, mels) = self._recipe, features.shape
        rng = np.random.default_rng([self._seed, step, 1])
        for row in features:
            for _ in range(recipe.time_masks):
                first = int(rng.integers(frames))
                row[first : first + int(rng.integers(recipe.time_mask_frames + 1))] = 0
            for _ in range(recipe.band_masks):
                first = int(rng.integers(mels))
                row[:, first : first + int(rng.integers(recipe.band_mask_mels + 1))] = 0
        return features
