"""What a microphone, a room and a telephone network do to speech, for a batch of windows at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor

from training.corpus import SAMPLE_RATE_HZ, Clip, Samples, Section, data_root

MU = 255.0


@dataclass(frozen=True, slots=True)
class AugmentRecipe:
    """How often and how strongly; probabilities are per window."""

    telephone: float = 0.5
    noise: float = 0.6
    snr_db: tuple[float, float] = (5.0, 30.0)
    room: float = 0.2
    level_db: tuple[float, float] = (-42.0, -14.0)
    time_masks: int = 1
    time_mask_frames: int = 20
    band_masks: int = 2
    band_mask_mels: int = 8


def telephone(audio: Tensor, low_hz: Tensor | float = 300.0, high_hz: Tensor | float = 3400.0) -> Tensor:
    """(batch, samples) at 16 kHz -> the same after a narrow-band mu-law line at 8 kHz.

    The band edges, one for all or one per window, are where the gain is one half. The change of rate is done
    in the frequency domain, so the window's two ends touch.
    """
    samples = audio.shape[1]
    spectrum = torch.fft.rfft(audio)[:, : samples // 4 + 1]
    hz = torch.arange(spectrum.shape[1]) * (SAMPLE_RATE_HZ / samples)
    low = torch.as_tensor(low_hz).reshape(-1, 1)
    high = torch.as_tensor(high_hz).reshape(-1, 1)
    gain = torch.sigmoid((hz - low) / 40) * torch.sigmoid((high - hz) / 40)
    narrow = torch.fft.irfft(spectrum * gain, n=samples // 2) / 2
    decoded = torch.fft.rfft(mu_law_round_trip(narrow))
    wide: Tensor = torch.fft.irfft(decoded * 2, n=samples)
    return wide


def mu_law_round_trip(audio: Tensor) -> Tensor:
    """Companding to 8 bits and back, the continuous form of ITU-T G.711 mu-law."""
    clipped = audio.clamp(-1, 1)
    companded = torch.sign(clipped) * torch.log1p(MU * clipped.abs()) / math.log1p(MU)
    coded = torch.round(companded * 127) / 127
    return torch.sign(coded) * torch.expm1(coded.abs() * math.log1p(MU)) / MU


class Augmenter:
    """Applies an `AugmentRecipe`, with noises from the training part of the nonspeech recordings."""

    def __init__(self, recipe: AugmentRecipe, nonspeech: Section) -> None:
        self.recipe = recipe
        self._nonspeech = nonspeech
        self._noises = nonspeech.part("train")
        self._rooms = [_room(number) for number in (1, 2, 3, 4)]

    @staticmethod
    def generator(seed: int, step: int) -> np.random.Generator:
        """The random numbers of a step's feature masks; those of its batch come from (seed, step)."""
        return np.random.default_rng([seed, step, 1])

    def noise(self, samples: int, rng: np.random.Generator) -> Samples:
        """A stretch of one nonspeech recording, repeated where it is too short; its level is as recorded."""
        clip: Clip = self._noises[rng.integers(len(self._noises))]
        first = int(rng.integers(max(1, clip.samples - samples)))
        return np.resize(self._nonspeech.audio(clip, first, samples), samples)

    def waves(self, audio: Tensor, speech: Tensor, rng: np.random.Generator) -> Tensor:
        """(batch, samples) and the speech mask (batch, samples // 320) -> augmented (batch, samples)."""
        audio = self._in_rooms(audio, rng)
        weight = speech.float().repeat_interleave(audio.shape[1] // speech.shape[1], dim=1)
        rms = ((audio.square() * weight).sum(1) / weight.sum(1).clamp_min(1)).sqrt().clamp_min(1e-5)
        audio = audio + self._noise_beside(rms, audio.shape[1], rng)
        level_db = torch.from_numpy(rng.uniform(*self.recipe.level_db, len(audio))).float()
        audio = (audio * (10 ** (level_db / 20) / rms)[:, None]).clamp(-1, 1)
        chosen = torch.from_numpy(np.flatnonzero(rng.random(len(audio)) < self.recipe.telephone))
        if len(chosen):
            low = torch.from_numpy(rng.uniform(150, 400, len(chosen))).float()
            high = torch.from_numpy(rng.uniform(3200, 3800, len(chosen))).float()
            audio[chosen] = telephone(audio[chosen], low, high)
        return audio

    def masks(self, features: Tensor, rng: np.random.Generator) -> Tensor:
        """Sets random stretches of frames and bands to 0, their mean (SpecAugment, Park et al. 2019)."""
        recipe, (_, frames, mels) = self.recipe, features.shape
        for row in features:
            for _ in range(recipe.time_masks):
                first = int(rng.integers(frames))
                row[first : first + int(rng.integers(recipe.time_mask_frames + 1))] = 0
            for _ in range(recipe.band_masks):
                first = int(rng.integers(mels))
                row[:, first : first + int(rng.integers(recipe.band_mask_mels + 1))] = 0
        return features

    def _noise_beside(self, rms: Tensor, samples: int, rng: np.random.Generator) -> Tensor:
        """Noise at the recipe's distance from each window's speech level; without noise, a faint hiss."""
        rows = []
        for speech_rms in rms.tolist():
            if rng.random() < self.recipe.noise:
                noise, snr_db = self.noise(samples, rng), rng.uniform(*self.recipe.snr_db)
            else:
                noise, snr_db = rng.standard_normal(samples).astype(np.float32), rng.uniform(40, 75)
            noise_rms = float(np.sqrt(np.mean(np.square(noise)))) + 1e-6
            rows.append(noise * np.float32(speech_rms / noise_rms * 10 ** (-snr_db / 20)))
        return torch.from_numpy(np.stack(rows))

    def _in_rooms(self, audio: Tensor, rng: np.random.Generator) -> Tensor:
        chosen = torch.from_numpy(np.flatnonzero(rng.random(len(audio)) < self.recipe.room))
        if len(chosen):
            samples = audio.shape[1]
            room = self._rooms[rng.integers(len(self._rooms))]
            echo = torch.fft.irfft(
                torch.fft.rfft(audio[chosen], n=2 * samples) * torch.fft.rfft(room, n=2 * samples),
                n=2 * samples,
            )
            audio[chosen] = echo[:, :samples]
        return audio


def _room(number: int) -> Tensor:
    """An impulse response from its direct sound on, at most 0.5 s, at unit energy."""
    response, rate_hz = soundfile.read(data_root() / f"nonspeech/rooms/rir{number}.flac", dtype="float32")
    mono = soxr.resample(response if response.ndim == 1 else response[:, 0], rate_hz, SAMPLE_RATE_HZ)
    direct = mono[int(np.argmax(np.abs(mono))) :][: SAMPLE_RATE_HZ // 2]
    return torch.from_numpy(direct / np.sqrt(np.sum(np.square(direct))))
