"""Training batches that look like what production gives the networks.

Every batch is a pure function of (seed, step): a resumed run sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import soxr
import torch
from torch import Tensor

from training.augment import Augmenter
from training.corpus import FRAME_SAMPLES, SAMPLE_RATE_HZ, Clip, Mask, Samples, Section
from training.recipe import EmotionRecipe, SpeakerRecipe

KNOWN_LABELS = ("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")
AROUSAL = {"angry": 1, "fearful": 1, "happy": 1, "surprised": 1, "neutral": 0, "sad": 0, "other": 0}
UNLABELLED = -1


@dataclass(frozen=True, slots=True)
class EmotionBatch:
    audio: Tensor  # (batch, samples)
    speech: Tensor  # (batch, samples // 320) bool: frames whose logits are pooled
    label: Tensor  # (batch,) index into KNOWN_LABELS, or UNLABELLED
    arousal: Tensor  # (batch,) 0, 1 or UNLABELLED
    nonspeech: Tensor  # (batch,) bool: no voice in it, so no label is right


@dataclass(frozen=True, slots=True)
class SpeakerBatch:
    audio: Tensor  # (batch, samples)
    speech: Tensor  # (batch, samples // 320) bool
    speaker: Tensor  # (batch,) index of the class


def at_speed(audio: Samples, speed: float) -> Samples:
    """The recording played `speed` times as fast (pitch and tempo together)."""
    return soxr.resample(audio, SAMPLE_RATE_HZ * speed, SAMPLE_RATE_HZ, "LQ") if speed != 1 else audio


class EmotionData:
    """Corpora evenly, within a corpus its labels evenly, within a label its clips evenly."""

    def __init__(self, recipe: EmotionRecipe) -> None:
        self._seed, self._loss = recipe.optimisation.seed, recipe.loss
        self._frames = int(recipe.loss.window_s * SAMPLE_RATE_HZ) // FRAME_SAMPLES
        self.section = Section("emotion")
        self.augmenter = Augmenter(recipe.augment, Section("nonspeech"))
        self._clips: dict[str, dict[str, list[Clip]]] = defaultdict(lambda: defaultdict(list))
        for clip in self.section.part("train"):
            self._clips[clip.dataset][clip.emotion].append(clip)

    def batch(self, step: int, size: int) -> EmotionBatch:
        rng = np.random.default_rng([self._seed, step])
        windows, masks, labels, arousal, nonspeech = [], [], [], [], []
        for _ in range(size):
            nonspeech.append(bool(rng.random() < self._loss.nonspeech_share))
            clip = self._draw(rng)
            if nonspeech[-1]:
                window = self.augmenter.noise(self._frames * FRAME_SAMPLES, rng)
                mask = np.ones(self._frames, np.bool_)
            else:
                window, mask = self._window(clip, rng)
            windows.append(window)
            masks.append(mask)
            known = clip.emotion in KNOWN_LABELS and not nonspeech[-1]
            labels.append(KNOWN_LABELS.index(clip.emotion) if known else UNLABELLED)
            arousal.append(UNLABELLED if nonspeech[-1] else AROUSAL.get(clip.emotion, UNLABELLED))
        audio, speech = torch.from_numpy(np.stack(windows)), torch.from_numpy(np.stack(masks))
        audio = self.augmenter.waves(audio, speech, rng)
        return EmotionBatch(audio, speech, torch.tensor(labels), torch.tensor(arousal), torch.tensor(nonspeech))

    def _draw(self, rng: np.random.Generator) -> Clip:
        by_label = list(self._clips.values())[rng.integers(len(self._clips))]
        clips = list(by_label.values())[rng.integers(len(by_label))]
        return clips[rng.integers(len(clips))]

    def _window(self, clip: Clip, rng: np.random.Generator) -> tuple[Samples, Mask]:
        """The clip somewhere in a window, perhaps cut by its edges, perhaps with other speech before it."""
        audio, speech = self._at_random_speed(clip, rng)
        window = np.zeros(self._frames * FRAME_SAMPLES, np.float32)
        mask = np.zeros(self._frames, np.bool_)
        frames, shown = len(mask), min(len(speech), 60)
        first = int(rng.integers(shown - len(speech), frames - shown + 1))
        if len(speech) <= frames and rng.random() < 0.7:  # mostly whole, where it fits
            first = int(rng.integers(0, frames - len(speech) + 1))
        source, target = max(0, -first), max(0, first)
        length = min(len(speech) - source, frames - target)
        mask[target : target + length] = speech[source : source + length]
        window[target * FRAME_SAMPLES : (target + length) * FRAME_SAMPLES] = audio[
            source * FRAME_SAMPLES : (source + length) * FRAME_SAMPLES
        ]
        if target > 25 and rng.random() < 0.4:
            before, _ = self._at_random_speed(self._draw(rng), rng)
            gap = int(rng.integers(0, 20))
            tail = before[-(target - gap) * FRAME_SAMPLES :] * np.float32(10 ** (rng.uniform(-8, 8) / 20))
            end = (target - gap) * FRAME_SAMPLES
            window[end - len(tail) : end] = tail
        if not mask.any():
            mask[target : target + length] = True
        return window, mask

    def _at_random_speed(self, clip: Clip, rng: np.random.Generator) -> tuple[Samples, Mask]:
        speed = float(rng.uniform(*self._loss.speed))
        audio = at_speed(self.section.audio(clip), speed)
        frames = len(audio) // FRAME_SAMPLES
        mask = self.section.speech(clip)
        played = np.minimum((np.arange(frames) * speed).astype(int), len(mask) - 1)
        return audio[: frames * FRAME_SAMPLES], mask[played]


class SpeakerData:
    """Speakers evenly, actors `actor_weight` times as often; each at three speeds, which are three voices.

    `corpus`, shape (classes,), says which recordings a class comes from.
    """

    SPEEDS = (1.0, 0.9, 1.1)

    def __init__(self, recipe: SpeakerRecipe) -> None:
        self._seed, self._loss = recipe.optimisation.seed, recipe.loss
        self.augmenter = Augmenter(recipe.augment, Section("nonspeech"))
        by_speaker: dict[str, list[tuple[Section, Clip]]] = defaultdict(list)
        weights: dict[str, float] = {}
        for section, weight in ((Section("speakers"), 1.0), (Section("emotion"), recipe.loss.actor_weight)):
            for clip in section.part("train"):
                by_speaker[clip.speaker].append((section, clip))
                weights[clip.speaker] = weight
        self._clips = [by_speaker[speaker] for speaker in sorted(by_speaker)]
        share = np.array([weights[speaker] for speaker in sorted(by_speaker)])
        self._share = share / share.sum()
        corpora = [clips[0][1].dataset for clips in self._clips]
        self.corpus = torch.tensor([sorted(set(corpora)).index(corpus) for corpus in corpora] * len(self.SPEEDS))

    def batch(self, step: int, size: int) -> SpeakerBatch:
        rng = np.random.default_rng([self._seed, step])
        frames = int(rng.uniform(*self._loss.crop_s) * SAMPLE_RATE_HZ) // FRAME_SAMPLES
        windows, masks, classes = [], [], []
        for speaker in rng.choice(len(self._clips), size, p=self._share):
            speed = int(rng.integers(len(self.SPEEDS)))
            section, clip = self._clips[speaker][rng.integers(len(self._clips[speaker]))]
            window, mask = _voice(section, clip, frames, self.SPEEDS[speed], rng)
            windows.append(window)
            masks.append(mask)
            classes.append(int(speaker) + len(self._clips) * speed)
        audio, speech = torch.from_numpy(np.stack(windows)), torch.from_numpy(np.stack(masks))
        return SpeakerBatch(self.augmenter.waves(audio, speech, rng), speech, torch.tensor(classes))


def _voice(section: Section, clip: Clip, frames: int, speed: float, rng: np.random.Generator) -> tuple[Samples, Mask]:
    """`frames` between the clip's first and last speech, the best of three places; repeated if too short."""
    speech = section.speech(clip)
    begin, end = int(np.argmax(speech)), len(speech) - int(np.argmax(speech[::-1]))
    needed = int(np.ceil(frames * speed)) + 1
    firsts = begin + rng.integers(0, max(1, end - begin - needed + 1), 3)
    first = int(max(firsts, key=lambda first: speech[first : first + needed].sum()))
    audio = section.audio(clip, first * FRAME_SAMPLES, (min(end, first + needed) - first) * FRAME_SAMPLES)
    mask = speech[first : min(end, first + needed)]
    return np.resize(at_speed(audio, speed), frames * FRAME_SAMPLES), np.resize(mask, frames)
