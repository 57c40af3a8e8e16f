"""What a microphone, a room and a telephone network do to speech."""

from __future__ import annotations

import functools
import hashlib
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor

from training.corpus import FRAME_SAMPLES, SAMPLE_RATE_HZ, Mask, Samples, Section, data_root

if TYPE_CHECKING:
    from training.bank import Item

MU = 255.0
EVEN_SAMPLES = 12_800
"""Spectra of multiples of this are quick to compute."""


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


def at_speed(audio: Samples, speed: float) -> Samples:
    """The recording played `speed` times as fast (pitch and tempo together)."""
    return soxr.resample(audio, SAMPLE_RATE_HZ * speed, SAMPLE_RATE_HZ, "LQ") if speed != 1 else audio


def opus_round_trip(audio: Samples, bits_per_s: int) -> Samples:
    """The same number of samples after libopus; the decoder's delay is taken off."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=SAMPLE_RATE_HZ, layout="mono")
        stream.bit_rate = bits_per_s
        stream.options = {"application": "voip", "compression_level": "2"}
        for first in range(0, len(audio), FRAME_SAMPLES):
            block = np.rint(audio[first : first + FRAME_SAMPLES] * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(block[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = SAMPLE_RATE_HZ, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as source:
        decoded = np.concatenate([frame.to_ndarray()[0] for frame in source.decode(audio=0)])
    result = soxr.resample(decoded, 48_000, SAMPLE_RATE_HZ, "LQ")[: len(audio)].astype(np.float32)
    return np.pad(result, (0, len(audio) - len(result)))


@dataclass(frozen=True, slots=True)
class CallRecipe:
    """How the voices of a bank are made to sound like callers; probabilities are per voice and version.

    Version 0 is as recorded. `clip_level_db`: how far a recording's level strays from its speaker's (spread).
    """

    seed: int
    speed: tuple[float, float]
    room: float
    noise: float
    snr_db: tuple[float, float]
    tilt_db: float
    telephone: float
    opus: float
    opus_bits_per_s: tuple[float, float]
    level_db: tuple[float, float]
    clip_level_db: float


@dataclass(frozen=True, slots=True)
class Line:
    """The line that one caller comes over."""

    speed: float = 1.0
    room: int | None = None
    noise: int | None = None
    snr_db: float = 60.0
    tilt_db: float = 0.0
    band_hz: tuple[float, float] | None = None
    opus_bits_per_s: int | None = None
    level_db: float = -26.0


class Caller:
    """Makes recordings sound as if their speaker had called, with noises from the training part of `nonspeech`."""

    def __init__(self, recipe: CallRecipe, sections: dict[str, Section]) -> None:
        self.recipe, self._sections = recipe, sections
        self._noises = sections["nonspeech"].part("train")
        self._rooms = [room(number) for number in (1, 2, 3, 4)]
        self._lines: dict[tuple[str, int], Line] = {}

    def line(self, speaker: str, version: int) -> Line:
        """Always the same for a speaker and version."""
        if (speaker, version) not in self._lines:
            self._lines[speaker, version] = self._draw(_rng(self.recipe.seed, speaker, version)) if version else Line()
        return self._lines[speaker, version]

    def _draw(self, rng: np.random.Generator) -> Line:
        recipe, chance = self.recipe, rng.random(5)
        return Line(
            speed=float(rng.uniform(*recipe.speed)),
            room=int(rng.integers(len(self._rooms))) if chance[0] < recipe.room else None,
            noise=int(rng.integers(len(self._noises))) if chance[1] < recipe.noise else None,
            snr_db=float(rng.uniform(*recipe.snr_db) if chance[1] < recipe.noise else rng.uniform(35, 70)),
            tilt_db=float(rng.normal() * recipe.tilt_db),
            band_hz=(float(rng.uniform(150, 400)), float(rng.uniform(3200, 3800)))
            if chance[2] < recipe.telephone
            else None,
            opus_bits_per_s=int(rng.uniform(*recipe.opus_bits_per_s)) if chance[3] < recipe.opus else None,
            level_db=float(rng.uniform(*recipe.level_db)),
        )

    def call(self, audio: Samples, item: Item, speech: Mask) -> Samples:
        """(samples,) at the line's speed and (samples // 320,) -> (samples,) as it arrives."""
        name = item.clip.speaker or item.clip.path
        line, rng = self.line(name, item.version), _rng(self.recipe.seed, item.clip.path, item.version)
        samples, audio = len(audio), np.pad(audio, (0, -len(audio) % EVEN_SAMPLES))
        stray_db = rng.normal() * self.recipe.clip_level_db if item.version else 0.0
        gain = 10 ** ((line.level_db + stray_db) / 20) / self._speaker_rms(item.section, name)
        wave = torch.from_numpy(audio * np.float32(gain))
        if line.room is not None or line.tilt_db:
            wave = self._coloured(wave, line)
        rms = 10 ** (line.level_db / 20)
        if line.noise is None:
            noise = rng.standard_normal(len(audio)).astype(np.float32)
        else:
            clip = self._noises[line.noise]
            first = int(rng.integers(max(1, clip.samples - len(audio))))
            noise = np.resize(self._sections["nonspeech"].audio(clip, first, len(audio)), len(audio))
            if not item.clip.speaker:
                noise = np.zeros_like(noise)
        noise *= np.float32(rms / (np.sqrt(np.mean(np.square(noise))) + 1e-6) * 10 ** (-line.snr_db / 20))
        wave = (wave + torch.from_numpy(noise)).clamp(-1, 1)
        if line.band_hz is not None:
            wave = telephone(wave[None], *line.band_hz)[0]
        if line.opus_bits_per_s is not None:
            wave = torch.from_numpy(opus_round_trip(wave.clamp(-1, 1).numpy(), line.opus_bits_per_s))
        result: Samples = wave.numpy()[:samples]
        return result

    def _coloured(self, wave: Tensor, line: Line) -> Tensor:
        """In the line's room, tilted by so many dB per octave around 1 kHz."""
        samples = len(wave) + EVEN_SAMPLES
        spectrum = torch.fft.rfft(wave, n=samples)
        octave = torch.log2((torch.arange(len(spectrum)) * (SAMPLE_RATE_HZ / samples)).clamp_min(60) / 1000)
        spectrum = spectrum * 10 ** (line.tilt_db * octave / 20)
        if line.room is not None:
            spectrum = spectrum * torch.fft.rfft(self._rooms[line.room], n=samples)
        coloured: Tensor = torch.fft.irfft(spectrum, n=samples)[: len(wave)]
        return coloured

    @functools.cache  # noqa: B019 (a caller lives as long as its bank is made)
    def _speaker_rms(self, section: str, speaker: str) -> float:
        """Level of a speaker's speech, over at most twelve recordings."""
        clips = [clip for clip in self._sections[section].clips if (clip.speaker or clip.path) == speaker]
        audio = np.concatenate([self._sections[section].audio(clip) for clip in clips[:: max(1, len(clips) // 12)]])
        frames = np.square(audio[: len(audio) // FRAME_SAMPLES * FRAME_SAMPLES]).reshape(-1, FRAME_SAMPLES).mean(1)
        return float(np.sqrt(frames[frames >= np.quantile(frames, 0.5)].mean()) + 1e-5)


def _rng(seed: int, name: str, version: int) -> np.random.Generator:
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return np.random.default_rng([seed, version, int.from_bytes(digest, "little")])


def room(number: int) -> Tensor:
    """An impulse response from its direct sound on, at most 0.5 s, at unit energy."""
    response, rate_hz = soundfile.read(data_root() / f"nonspeech/rooms/rir{number}.flac", dtype="float32")
    mono = soxr.resample(response if response.ndim == 1 else response[:, 0], rate_hz, SAMPLE_RATE_HZ)
    direct = mono[int(np.argmax(np.abs(mono))) :][: SAMPLE_RATE_HZ // 2]
    return torch.from_numpy(direct / np.sqrt(np.sum(np.square(direct))))
