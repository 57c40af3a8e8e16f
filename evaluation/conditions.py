"""What a line and a room do to a recording before it reaches the models."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import soxr
from numpy.typing import NDArray

from vad.grid import FRAME_SAMPLES, SAMPLE_RATE_HZ
from vad.pcm import Encoding, PcmDecoder, Samples

TELEPHONE_RATE_HZ = 8_000
TELEPHONE_BAND_HZ = (300.0, 3400.0)
LOUD_WITHIN_DB = 20.0
"""Frames this close to the loudest ones count as speech when its level is measured."""


def clean(samples: Samples, _seed: int) -> Samples:
    return samples


def telephone(samples: Samples, _seed: int = 0) -> Samples:
    """The same length and rate, after a line of 300-3400 Hz at 8 kHz with 8-bit mu-law."""
    narrow = mulaw(narrowband(samples))
    wide: Samples = soxr.resample(narrow, TELEPHONE_RATE_HZ, SAMPLE_RATE_HZ).astype(np.float32)
    return np.pad(wide, (0, max(0, len(samples) - len(wide))))[: len(samples)]


def noise10(samples: Samples, seed: int) -> Samples:
    """Pink noise added, 10 dB below the speech."""
    noise = pink_noise(len(samples), np.random.default_rng(seed))
    return np.clip(samples + noise * np.float32(speech_rms(samples) * 10 ** (-10 / 20)), -1, 1)


CONDITIONS: dict[str, Callable[[Samples, int], Samples]] = {
    "clean": clean,
    "telephone": telephone,
    "noise10": noise10,
}


def narrowband(samples: Samples) -> Samples:
    """16 kHz -> 8 kHz, without what lies outside the telephone band; its edges fall off over 100 Hz."""
    narrow: Samples = soxr.resample(samples, SAMPLE_RATE_HZ, TELEPHONE_RATE_HZ).astype(np.float32)
    size = _quick(len(narrow) + TELEPHONE_RATE_HZ // 10)  # room, so that the two ends do not touch
    spectrum = np.fft.rfft(narrow, size)
    hz = np.fft.rfftfreq(size, 1 / TELEPHONE_RATE_HZ)
    low, high = TELEPHONE_BAND_HZ
    gain = np.clip((hz - low + 50) / 100, 0, 1) * np.clip((high + 50 - hz) / 100, 0, 1)
    filtered: NDArray[np.float64] = np.fft.irfft(spectrum * gain, size)[: len(narrow)]
    return filtered.astype(np.float32)


def mulaw(samples: Samples) -> Samples:
    """What is left of samples in [-1, 1] after 8-bit mu-law: the nearest of its values (ITU-T G.711)."""
    values = _mulaw_values()
    coded: Samples = values[np.searchsorted((values[1:] + values[:-1]) / 2, samples)]
    return coded


@lru_cache(maxsize=1)
def _mulaw_values() -> Samples:
    return np.unique(PcmDecoder(Encoding.MULAW, 1).feed(bytes(range(256)))[0])


def pink_noise(samples: int, rng: np.random.Generator) -> Samples:
    """Noise of unit RMS whose power falls by 3 dB per octave above 20 Hz."""
    if not samples:
        return np.zeros(0, np.float32)
    size = _quick(samples)
    spectrum = np.fft.rfft(rng.standard_normal(size))
    hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    noise = np.fft.irfft(spectrum * (hz >= 20) / np.sqrt(np.maximum(hz, 20)), size)[:samples]
    return np.asarray(noise / (np.sqrt(np.mean(np.square(noise))) + 1e-12), np.float32)


def _quick(size: int) -> int:
    """The power of two from `size` on: lengths with large prime factors take the Fourier transform minutes."""
    return 1 << max(size - 1, 1).bit_length()


def frame_energies(samples: Samples) -> NDArray[np.float64]:
    """Mean square per whole frame of 20 ms."""
    frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return np.asarray(np.mean(np.square(frames, dtype=np.float64), axis=1))


def speech_rms(samples: Samples) -> float:
    """The RMS of the frames within 20 dB of the loud ones (their 95th percentile)."""
    energies = frame_energies(samples)
    if not len(energies):
        return 0.0
    return float(np.sqrt(energies[energies >= np.quantile(energies, 0.95) * 10 ** (-LOUD_WITHIN_DB / 10)].mean()))
