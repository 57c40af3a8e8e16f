"""What a recording's audio is like: level, clipping, noise, bandwidth; measured as it passes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from vad.grid import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ
from vad.pcm import Samples
from workbench.media import Recording
from workbench.results import AudioFacts
from workbench.sentences import Sentence, say

SPECTRUM_SAMPLES = 512
HZ = np.fft.rfftfreq(SPECTRUM_SAMPLES, 1 / SAMPLE_RATE_HZ)
FLOOR_DBFS = -120.0
LEAST_PAUSE_FRAMES = 5
WIDEST_HZ = SAMPLE_RATE_HZ / 2
CLIFF_DB = 25.0
"""By so much the spectrum must fall at once, and stay there, to count as the end of the band. Of 536 recordings with
all their band none falls by more than 24 dB; of the same through a telephone, in 16 bits, none by less than 25.6
(`python -m benchmarks.bands`)."""
CLIFFS_HZ = np.arange(2500.0, 7300.0, 125.0)
"""Where an end is looked for: below, vowels fall off as steeply."""
TELEPHONE_HZ = 4_000.0
CLIPPED_SHARE = 0.001
QUIET_DBFS = -45.0
NOISY_DB = 10.0
LITTLE_SPEECH_S = 1.0
MISSING_S = 0.5
"""A file may declare so much more than it holds: encoders pad."""


class Meter:
    """Hears a recording's mono mix at 16 kHz, piece by piece, and keeps a number per frame and a mean spectrum."""

    def __init__(self) -> None:
        self.samples = 0
        self.peak = 0.0
        self._energies: list[NDArray[np.float32]] = []
        self._powers = np.zeros(len(HZ))
        self._window = np.hanning(SPECTRUM_SAMPLES).astype(np.float32)

    def feed(self, samples: Samples) -> None:
        """(n,): whole frames, but for the last piece, of which a part of a frame is left out."""
        self.samples += len(samples)
        if len(samples):
            self.peak = max(self.peak, float(samples.max()), -float(samples.min()))
        frames = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        self._energies.append(np.einsum("ij,ij->i", frames, frames) / np.float32(FRAME_SAMPLES))
        whole = samples[: len(samples) // SPECTRUM_SAMPLES * SPECTRUM_SAMPLES].reshape(-1, SPECTRUM_SAMPLES)
        self._powers += np.square(np.abs(np.fft.rfft(whole * self._window))).sum(axis=0)

    @property
    def energies(self) -> NDArray[np.float32]:
        """Mean square per frame, (frames,)."""
        return np.concatenate(self._energies) if self._energies else np.zeros(0, np.float32)

    @property
    def cliff(self) -> tuple[float, float]:
        """Where the spectrum falls most, in Hz, and by how much, in dB."""
        most = float(self._powers.max())
        if most <= 0:
            return WIDEST_HZ, 0.0
        levels = 10 * np.log10(self._powers / most + 1e-20)
        falls = [_fall_db(levels, at) for at in CLIFFS_HZ]
        steepest = int(np.argmax(falls))
        return float(CLIFFS_HZ[steepest]), falls[steepest]

    @property
    def band_limit_hz(self) -> float:
        """Where the spectrum ends, as if cut off; WIDEST_HZ where it does not."""
        at_hz, fall_db = self.cliff
        return at_hz if fall_db >= CLIFF_DB else WIDEST_HZ


def _fall_db(levels: NDArray[np.float64], at_hz: float) -> float:
    """From the mean below a frequency to nearly the highest above it."""
    below = levels[(at_hz - 700 <= HZ) & (at_hz - 50 > HZ)]
    above = np.sort(levels[(at_hz + 250 <= HZ) & (HZ < WIDEST_HZ - 100)])
    return float(below.mean() - above[int(0.9 * len(above))])


def snr_db(energies: NDArray[np.float32], speech: NDArray[np.bool_]) -> float | None:
    """The mean energy of the speech frames against the median of the others; None without any pause that holds
    something. Silence that was made, all zero, is no room's noise."""
    pauses = energies[~speech & (energies > 0)]
    if len(pauses) < LEAST_PAUSE_FRAMES or not speech.any():
        return None
    noise = max(float(np.median(pauses)), 1e-10)
    return 10 * math.log10(max(float(energies[speech].mean()) - noise, 1e-10) / noise)


def dbfs(energy: float) -> float:
    """Of a mean square, or a square."""
    return max(FLOOR_DBFS, 10 * math.log10(energy)) if energy > 0 else FLOOR_DBFS


def facts(recording: Recording, meter: Meter, speech: NDArray[np.bool_]) -> AudioFacts:
    """What is known once all has been decoded. `speech`, (frames,): where anyone speaks, on any channel."""
    energies = meter.energies
    speech = speech[: len(energies)]
    duration_s = meter.samples / SAMPLE_RATE_HZ
    speech_s = float(np.count_nonzero(speech)) * FRAME_S
    heard = energies[speech] if speech.any() else energies
    snr = snr_db(energies, speech)
    limit_hz = min(meter.band_limit_hz, recording.rate_hz / 2)
    measured = AudioFacts(
        duration_s=round(duration_s, 3),
        rate_hz=recording.rate_hz,
        channels=recording.channels,
        codec=recording.codec,
        container=recording.container,
        level_dbfs=round(dbfs(float(heard.mean()) if len(heard) else 0.0), 1),
        peak_dbfs=round(dbfs(meter.peak**2), 1) + 0.0,  # which makes 0 of -0
        clipped_share=round(recording.full_scale / max(1, recording.values), 6),
        snr_db=None if snr is None else round(snr, 1),
        speech_s=round(speech_s, 2),
        speech_share=round(min(1.0, speech_s / duration_s), 4) if duration_s else 0.0,
        band_limit_hz=limit_hz,
        telephone=limit_hz <= TELEPHONE_HZ,
    )
    return replace(measured, remarks=[*_missing(recording, duration_s), *_remarks(measured)])


def _missing(recording: Recording, duration_s: float) -> Iterator[Sentence]:
    declared_s = recording.declared_s
    if recording.damage is not None:
        yield say("audio.damaged", decoded_s=round(recording.decoded_s, 1))
    elif declared_s is not None and declared_s - duration_s > max(MISSING_S, 0.02 * declared_s):
        yield say("audio.cut_off", missing_s=round(declared_s - duration_s, 1), declared_s=round(declared_s, 1))
    elif not recording.ends_properly:
        yield say("audio.end_missing")


def _remarks(measured: AudioFacts) -> Iterator[Sentence]:
    if measured.clipped_share > CLIPPED_SHARE:
        yield say("audio.clipped", percent=round(100 * measured.clipped_share, 1))
    if measured.snr_db is not None and measured.snr_db < NOISY_DB:
        yield say("audio.noisy", snr_db=measured.snr_db)
    if measured.level_dbfs < QUIET_DBFS:
        yield say("audio.quiet", level_dbfs=-measured.level_dbfs)
    if 0 < measured.speech_s < LITTLE_SPEECH_S:
        yield say("audio.little_speech", speech_s=measured.speech_s)
    limit_hz, rate_hz = round(measured.band_limit_hz), measured.rate_hz
    if measured.telephone and rate_hz / 2 > TELEPHONE_HZ:
        yield say("audio.upsampled", band_limit_hz=limit_hz, rate_hz=rate_hz)
    elif measured.telephone:
        yield say("audio.telephone", band_limit_hz=limit_hz)
    elif limit_hz < min(WIDEST_HZ, rate_hz / 2):
        yield say("audio.narrow", band_limit_hz=limit_hz, rate_hz=rate_hz)
