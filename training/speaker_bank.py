"""Training voices as log-mels in one memory-mapped array, made once per recipe.

Making waves sound like other voices, rooms and telephones costs more than a training step of a small network; so each
recording is made to sound so a fixed number of times beforehand, and every step only cuts, joins and mixes
spectrograms.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.features import HISTORY_SAMPLES, LogMel
from training.augment import at_speed, room, telephone
from training.corpus import FRAME_SAMPLES, Clip, Mask, Samples, Section

FOLDER = Path("training/runs/bank")
STEPS_PER_DB = np.float32(256)
FFT = 512
HOP = 256
QUEFRENCIES = 28
"""Cepstral coefficients of the spectral envelope: 1.75 ms, shorter than the period of a high voice."""


@dataclass(frozen=True, slots=True)
class BankRecipe:
    """`scales`: how much smaller the throat of a made-up voice is; each is a speaker of its own. A plain version is
    only that; a changed one also has another pitch, by up to `pitch` (natural logarithm) at the same throat, as when
    someone shouts, and shares of them pass a room and a telephone line. Recordings of the datasets `both` come in both
    versions, the others by turns. `clips_per_speaker` at most."""

    seed: int
    scales: tuple[float, ...]
    both: tuple[str, ...]
    pitch: float
    room: float
    telephone: float
    clips_per_speaker: int
    level_db: tuple[float, float]


def shift_envelope(audio: Samples, factor: float) -> Samples:
    """Moves the formants up by `factor`, leaving pitch and tempo: each frame's cepstral envelope is stretched."""
    window = torch.hann_window(FFT)
    spectrum = torch.stft(torch.from_numpy(audio), FFT, HOP, window=window, return_complex=True).T
    logarithm = (spectrum.abs() + 1e-5).log()
    cepstrum = torch.fft.irfft(logarithm)
    cepstrum[:, QUEFRENCIES : FFT - QUEFRENCIES + 1] = 0
    envelope = torch.fft.rfft(cepstrum).real
    source = (torch.arange(FFT // 2 + 1) / factor).clamp_max(FFT // 2)
    below = source.long().clamp_max(FFT // 2 - 1)
    stretched = torch.lerp(envelope[:, below], envelope[:, below + 1], source - below)
    moved = spectrum * (stretched - envelope).clamp(-3, 3).exp()
    return torch.istft(moved.T, FFT, HOP, window=window, length=len(audio)).numpy()


class Bank:
    """The training recordings in all versions: item n is of `clips[clip[n]]`, `scale[n]` an index of the scales,
    `changed[n]` whether its pitch is another."""

    def __init__(self, recipe: BankRecipe, log_mel: LogMel) -> None:
        self.recipe = recipe
        self.clips = list(_chosen(recipe))
        made = list(_versions(recipe, self.clips))
        self.clip, self.scale, self.changed = (np.array(column) for column in zip(*made, strict=True))
        key = json.dumps([asdict(recipe), log_mel.filters.sum(0).tolist()])
        self.path = path = FOLDER / hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
        mels = log_mel.filters.shape[1]
        if not path.with_suffix(".npz").exists():
            self._fill(path, log_mel)
        stored = np.load(path.with_suffix(".npz"))
        self.starts, self._speech, self.noise_starts = stored["starts"], stored["speech"], stored["noise_starts"]
        self._mels = np.memmap(path.with_suffix(".mel"), np.int16, "r").reshape(-1, mels)
        self._noises = np.memmap(path.with_suffix(".noise"), np.int16, "r").reshape(-1, mels)

    def length(self, item: int) -> int:
        """In frames of 20 ms."""
        return int(self.starts[item + 1] - self.starts[item])

    def voice(self, item: int, first: int, frames: int) -> tuple[NDArray[np.float32], Mask]:
        """(2 frames, mels) in dB and the speech mask (frames,), from 20 ms frame `first`; repeated if too short."""
        begin, end = int(self.starts[item]) + first, int(self.starts[item + 1])
        last = min(end, begin + frames)
        mels = self._mels[2 * begin : 2 * last].astype(np.float32) / STEPS_PER_DB
        mask = self._speech[begin:last]
        if last - begin == frames:
            return mels, mask
        return np.resize(mels, (2 * frames, mels.shape[1])), np.resize(mask, frames)

    def speech(self, item: int) -> Mask:
        return np.asarray(self._speech[self.starts[item] : self.starts[item + 1]])

    def noise(self, frames: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """(10 ms frames, mels) in dB of some noise, repeated if too short."""
        n = int(rng.integers(len(self.noise_starts) - 1))
        begin, end = int(self.noise_starts[n]), int(self.noise_starts[n + 1])
        begin += int(rng.integers(max(1, end - begin - frames)))
        mels = self._noises[begin : min(end, begin + frames)].astype(np.float32) / STEPS_PER_DB
        return mels if len(mels) == frames else np.resize(mels, (frames, mels.shape[1]))

    def _fill(self, path: Path, log_mel: LogMel) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        sections = {name: Section(name) for name in ("speakers", "emotion")}
        rooms = [room(number) for number in (1, 2, 3, 4)]
        starts, masks = [0], []
        with path.with_suffix(".mel").open("wb") as file:
            for number, scale_index, changed in _versions(self.recipe, self.clips):
                clip, scale = self.clips[number], self.recipe.scales[scale_index]
                section = sections["emotion" if clip.emotion else "speakers"]
                speech = section.speech(clip)
                begin, end = int(np.argmax(speech)), len(speech) - int(np.argmax(speech[::-1]))
                begin = max(0, begin - 5)
                audio = section.audio(clip, begin * FRAME_SAMPLES, (end - begin) * FRAME_SAMPLES)
                rng = np.random.default_rng([self.recipe.seed, number, round(1000 * scale), int(changed)])
                wave, mask = self._version(audio, speech[begin:end], scale, changed, rooms, rng)
                file.write(_stored(log_mel, wave))
                masks.append(mask)
                starts.append(starts[-1] + len(mask))
                if len(masks) % 5000 == 0:
                    print(f"voices made: {len(masks)}", flush=True)
        noise_starts = [0]
        with path.with_suffix(".noise").open("wb") as file:
            nonspeech = Section("nonspeech")
            for clip in nonspeech.part("train"):
                file.write(_stored(log_mel, nonspeech.audio(clip)))
                noise_starts.append(noise_starts[-1] + 2 * (clip.samples // FRAME_SAMPLES))
        np.savez(path.with_suffix(".npz"), starts=starts, speech=np.concatenate(masks), noise_starts=noise_starts)

    def _version(
        self,
        audio: Samples,
        speech: Mask,
        scale: float,
        changed: bool,
        rooms: list[Tensor],
        rng: np.random.Generator,
    ) -> tuple[Samples, Mask]:
        pitch = float(np.exp(rng.uniform(-1, 1) * self.recipe.pitch)) if changed else 1.0
        speed = scale * pitch
        wave = at_speed(audio, speed)
        frames = len(wave) // FRAME_SAMPLES
        wave = wave[: frames * FRAME_SAMPLES]
        mask = speech[np.minimum((np.arange(frames) * speed).astype(int), len(speech) - 1)]
        if not changed:
            return wave, mask
        wave = shift_envelope(wave, 1 / pitch)
        if rng.random() < self.recipe.room:
            wave = _echoed(wave, rooms[rng.integers(len(rooms))].numpy())
        if rng.random() < self.recipe.telephone:
            rms = float(np.sqrt(np.mean(np.square(wave)))) + 1e-5
            loud = np.clip(wave * np.float32(10 ** (rng.uniform(*self.recipe.level_db) / 20) / rms), -1, 1)
            low, high = rng.uniform(150, 400), rng.uniform(3200, 3800)
            wave = telephone(torch.from_numpy(loud)[None], low, high)[0].numpy()
        return wave, mask


def _chosen(recipe: BankRecipe) -> list[Clip]:
    """The training clips, at most so many of each speaker."""
    by_speaker: dict[str, list[Clip]] = defaultdict(list)
    for name in ("speakers", "emotion"):
        for clip in Section(name).part("train"):
            by_speaker[clip.speaker].append(clip)
    rng = np.random.default_rng(recipe.seed)
    chosen: list[Clip] = []
    for speaker in sorted(by_speaker):
        clips = by_speaker[speaker]
        kept = rng.permutation(len(clips))[: recipe.clips_per_speaker]
        chosen += [clips[n] for n in sorted(kept)]
    return chosen


def _versions(recipe: BankRecipe, clips: list[Clip]) -> Iterator[tuple[int, int, bool]]:
    """Number of the clip, index of the scale, whether changed: in the order of the bank's items."""
    for number, clip in enumerate(clips):
        for scale in range(len(recipe.scales)):
            for changed in (False, True):
                if clip.dataset in recipe.both or changed == bool((number + scale) % 2):
                    yield number, scale, changed


def _stored(log_mel: LogMel, wave: Samples) -> bytes:
    with torch.inference_mode():
        level_db = log_mel(torch.from_numpy(np.pad(wave, (HISTORY_SAMPLES, 0)))[None])[0]
    return bytes(np.rint(level_db.numpy() * STEPS_PER_DB).astype(np.int16).tobytes())


def _echoed(wave: Samples, response: Samples) -> Samples:
    size = 1 << int(np.ceil(np.log2(len(wave) + len(response))))
    both = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(response, size), size)
    return both[: len(wave)].astype(np.float32)
