"""Batches of voices as spectrograms, each in a stream of its own: what came before, the channel, the noise.

Every batch is a pure function of (seed, step): a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from inference.features import LogMel
from training.corpus import Clip, Mask
from training.speaker_bank import Bank, BankRecipe
from training.teacher import heard

Levels = NDArray[np.float32]
ENOUGH_VOICES = 100
"""A corpus of so many voices says half of where its middle is."""


@dataclass(frozen=True, slots=True)
class SpeakerAugment:
    """Per voice, at every step. Shares are probabilities; the channel is a smooth random colour (`late_colour_db` in
    the late steps, see SpeakerSampling) and, for some, the band of a telephone; `floor_db` is the line's own noise
    below the speech."""

    noise: float
    snr_db: tuple[float, float]
    colour_db: float
    late_colour_db: float
    telephone: float
    floor_db: tuple[float, float]
    level_db: tuple[float, float]
    time_mask_frames: int
    band_mask_mels: int


@dataclass(frozen=True, slots=True)
class SpeakerSampling:
    """`crop_s` of a voice, after `before_s` of other sound in a share `later` of the steps; actors are drawn
    `actor_weight` times as often as other speakers. The longest crops grow from `first_crop_s` to their full length
    by step `crop_grown`: short ones teach more per second of computing at first. From step `late_from` on,
    only a share `late_any` of the crops may be of the bank's changed versions: real voices come last. The teacher's
    target is `own` parts the recording itself, the rest the mean of the voice's recordings; of actors the mean only, so
    that moods do not count."""

    crop_s: tuple[float, float]
    first_crop_s: float
    crop_grown: int
    late_from: int
    late_any: float
    before_s: tuple[float, float]
    later: float
    actor_weight: float
    own: float


@dataclass(frozen=True, slots=True)
class SpeakerBatch:
    """Rows 2k and 2k + 1 are two crops of one voice, of different recordings and emotions where there are some."""

    level_db: Tensor  # (batch, 10 ms frames, mels): what came before, then the crop
    crop_frames: int  # of 10 ms, at the end of it
    speech: Tensor  # (batch, crop_frames // 2) bool
    voice: Tensor  # (batch,) index of the class
    target: Tensor  # (batch, teacher's size), unit length: where the teacher hears the voice


class SpeakerData:
    """`corpus`, shape (classes,), says which recordings a class comes from: one class per speaker and scale."""

    def __init__(
        self,
        seed: int,
        bank: BankRecipe,
        sampling: SpeakerSampling,
        augment: SpeakerAugment,
        log_mel: LogMel,
        datasets: tuple[str, ...],
    ) -> None:
        self._seed, self._sampling, self._augment = seed, sampling, augment
        self.bank = Bank(bank, log_mel)
        clips = self.bank.clips
        speakers = sorted({clip.speaker for clip in clips if clip.dataset in datasets})
        number = {speaker: n for n, speaker in enumerate(speakers)}
        scales = len(bank.scales)
        self._items: dict[int, list[int]] = defaultdict(list)
        for item, clip in enumerate(self.bank.clip):
            if clips[clip].dataset in datasets:
                self._items[number[clips[clip].speaker] * scales + int(self.bank.scale[item])].append(item)
        plain = {voice: [item for item in items if not self.bank.changed[item]] for voice, items in self._items.items()}
        self._plain = {voice: kept or self._items[voice] for voice, kept in plain.items()}
        first = [clips[self.bank.clip[self._items[voice][0]]] for voice in range(len(self._items))]
        share = np.array([sampling.actor_weight if clip.emotion else 1.0 for clip in first])
        self._share = share / share.sum()
        known = sorted(set(datasets))
        self.corpus = torch.tensor([known.index(clip.dataset) for clip in first])
        self._mates = {
            int(corpus): np.flatnonzero(self.corpus.numpy() == corpus) for corpus in np.unique(self.corpus.numpy())
        }
        self._targets = self._heard(first)
        hz = (torch.arange(log_mel.filters.shape[0]) * 16_000 / 512)[:, None]
        self._centres = ((log_mel.filters * hz).sum(0) / log_mel.filters.sum(0)).numpy()

    def batch(self, step: int, size: int) -> SpeakerBatch:
        return self._batch(step, size, late=step >= self._sampling.late_from)

    def _batch(self, step: int, size: int, *, late: bool) -> SpeakerBatch:
        rng = np.random.default_rng([self._seed, step])
        (shortest, longest), start = self._sampling.crop_s, self._sampling.first_crop_s
        longest = start + (longest - start) * min(1.0, step / self._sampling.crop_grown)
        frames = round(float(rng.uniform(shortest, longest)) * 50)
        before = round(float(rng.uniform(*self._sampling.before_s)) * 50)
        before = before if rng.random() < self._sampling.later else 0
        count = min(size // 2, len(self._share))
        voices = rng.choice(len(self._share), count, replace=False, p=self._share)
        pairs = [self._pair(self._pool(int(voice), rng, late=late), rng) for voice in voices]
        items = [item for pair in pairs for item in pair]
        rows = [
            self._row(int(voice), item, frames, before, rng)
            for voice, item in zip(np.repeat(voices, 2), items, strict=True)
        ]
        levels = np.stack([row[0] for row in rows])
        speech = np.stack([row[1] for row in rows])
        return SpeakerBatch(
            torch.from_numpy(self._through_line(levels, speech, before, rng, late=late)),
            2 * frames,
            torch.from_numpy(speech),
            torch.from_numpy(np.repeat(voices, 2)),
            self._targets[items],
        )

    def _heard(self, first: list[Clip]) -> Tensor:
        """(items, teacher's size): relative to the mean voice of the corpus, as far as its voices are many enough to
        tell (what they share is the language and the line), else of all corpora; `first`: of each class."""
        by_clip = heard(self.bank)[self.bank.clip, self.bank.scale]
        means = np.stack([by_clip[self._items[voice]].mean(0) for voice in range(len(self._items))])
        corpus = self.corpus.numpy()
        overall = np.mean([means[corpus == one].mean(0) for one in np.unique(corpus)], axis=0)
        counts = [(corpus == one).sum() for one in np.unique(corpus)]
        centres = np.stack(
            [
                overall + (means[corpus == one].mean(0) - overall) * count / (count + ENOUGH_VOICES)
                for one, count in zip(np.unique(corpus), counts, strict=True)
            ]
        )
        targets = np.zeros_like(by_clip)
        for voice, items in self._items.items():
            own = 0.0 if first[voice].emotion else self._sampling.own
            targets[items] = own * by_clip[items] + (1 - own) * means[voice] - centres[int(corpus[voice])]
        return functional.normalize(torch.from_numpy(targets), dim=1)

    def masks(self, features: Tensor, rng: np.random.Generator) -> Tensor:
        """Sets a stretch of frames and one of bands to 0, their mean (SpecAugment, Park et al. 2019)."""
        for row in features:
            first, band = int(rng.integers(len(row))), int(rng.integers(row.shape[1]))
            row[first : first + int(rng.integers(self._augment.time_mask_frames + 1))] = 0
            row[:, band : band + int(rng.integers(self._augment.band_mask_mels + 1))] = 0
        return features

    def shape(self) -> Tensor:
        """The mean spectrum of loud frames relative to their level, (mels,): the prior of the reference."""
        shapes = []
        for step in range(4):
            level = self._batch(1_000_000 + step, 128, late=False).level_db
            loud = level.amax(-1) > level.amax((-1, -2), keepdim=True)[..., 0] - 15
            shapes.append((level - level.mean(-1, keepdim=True))[loud].mean(0))
        return torch.stack(shapes).mean(0)

    def _pool(self, voice: int, rng: np.random.Generator, *, late: bool) -> list[int]:
        """The items that a pair of crops is drawn from."""
        return self._plain[voice] if late and rng.random() >= self._sampling.late_any else self._items[voice]

    def _pair(self, items: list[int], rng: np.random.Generator) -> tuple[int, int]:
        """Two items of a voice that differ as much as its recordings allow, the best of four draws."""
        one, *others = (items[n] for n in rng.integers(len(items), size=5))
        clips, of = self.bank.clips, self.bank.clip
        emotion = clips[of[one]].emotion
        return one, max(others, key=lambda n: (of[n] != of[one]) + (clips[of[n]].emotion != emotion))

    def _row(self, voice: int, item: int, frames: int, before: int, rng: np.random.Generator) -> tuple[Levels, Mask]:
        """(2 (before + frames), mels) in dB and the crop's speech mask."""
        crop, mask = self._crop(item, frames, rng)
        if not before:
            return crop, mask
        kind = rng.random()
        if kind < 0.25:
            items = self._items[voice]
            earlier, _ = self._crop(items[rng.integers(len(items))], before, rng)
        elif kind < 0.85:
            earlier = self._other(voice, before, rng)
            if kind > 0.65:  # both have spoken
                turn = int(rng.integers(2 * before))
                earlier[:turn] = self._crop(item, before, rng)[0][:turn]
        else:
            earlier = self._other(voice, before, rng) - np.float32(rng.uniform(25, 60))
        pause = int(rng.integers(0, 20)) if rng.random() < 0.5 else 0
        if pause:
            earlier[-pause:] -= np.float32(30)
        return np.concatenate([earlier, crop]), mask

    def _other(self, voice: int, frames: int, rng: np.random.Generator) -> Levels:
        mates = self._mates[int(self.corpus[voice])]
        items = self._items[int(mates[rng.integers(len(mates))])]
        level, _ = self._crop(items[rng.integers(len(items))], frames, rng)
        return level + np.float32(rng.uniform(-8, 8))

    def _crop(self, item: int, frames: int, rng: np.random.Generator) -> tuple[Levels, Mask]:
        """The most spoken of three places in the item."""
        speech = self.bank.speech(item)
        firsts = rng.integers(0, max(1, len(speech) - frames + 1), 3)
        level, mask = self.bank.voice(item, int(max(firsts, key=lambda n: speech[n : n + frames].sum())), frames)
        return level, mask if mask.sum() >= 10 else np.ones_like(mask)

    def _through_line(
        self, level_db: Levels, speech: Mask, before: int, rng: np.random.Generator, *, late: bool
    ) -> Levels:
        """(batch, 10 ms frames, mels): noise beside the voice, then the channel, then the line's own noise and gain."""
        recipe, (batch, frames, mels) = self._augment, level_db.shape
        power = np.exp(level_db * np.float32(np.log(10) / 10))
        spoken = np.repeat(speech, 2, axis=1)[:, -(frames - 2 * before) :]
        loud = (power[:, 2 * before :].mean(2) * spoken).sum(1) / spoken.sum(1)
        for row in range(batch):
            if rng.random() < recipe.noise:
                noise = np.exp(self.bank.noise(frames, rng) * np.float32(np.log(10) / 10))
                power[row] += noise * (loud[row] / (noise.mean() + 1e-9) * 10 ** (-rng.uniform(*recipe.snr_db) / 10))
        position = np.arange(mels) / mels
        waves = np.cos(np.pi * np.arange(1, 6)[:, None] * position)
        colour_db = recipe.late_colour_db if late else recipe.colour_db
        colour = (rng.standard_normal((batch, 5)) * colour_db / np.arange(1, 6) ** 0.5) @ waves
        low, high = rng.uniform(150, 400, (batch, 1)), rng.uniform(3200, 3800, (batch, 1))
        edges = (1 + np.exp(-(self._centres - low) / 40)) * (1 + np.exp(-(high - self._centres) / 40))
        edge_db = np.where(rng.random((batch, 1)) < recipe.telephone, -20 * np.log10(edges), 0).clip(-60)
        power *= np.exp((colour + edge_db) * (np.log(10) / 10)).astype(np.float32)[:, None]
        floor_db = rng.uniform(*recipe.floor_db, (batch, 1, 1)) + rng.uniform(-10, 10, (batch, 1, 1)) * (position - 0.5)
        hiss = np.exp(rng.standard_normal(power.shape, np.float32) * np.float32(0.5))
        power += hiss * (loud[:, None, None] * 10 ** (floor_db / 10)).astype(np.float32)
        gain = 10 ** (rng.uniform(*recipe.level_db, (batch, 1, 1)) / 10)
        return np.asarray(10 * np.log10(power * gain.astype(np.float32) + np.float32(1e-8)), np.float32)
