"""Log-mel features of streams, computed in torch for a whole batch at once, each frame once.

Both embedded networks begin with `LogMel` and `RunningReference`, so a checkpoint needs nothing but samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from inference.past import Past

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES = 400
HOP_SAMPLES = 160
FFT_SAMPLES = 512
HISTORY_SAMPLES = WINDOW_SAMPLES - HOP_SAMPLES
"""How far the first frame of a stretch looks back beyond it."""

SPECTRA_AT_ONCE = 800
"""More no longer fit the processor's caches, and take longer."""

MELS_AT_ONCE = 16
"""As many as are summed up in one matrix product."""

POWER_FLOOR = 1e-8
"""Keeps the logarithm finite; at -80 dB it lies at the rounding noise of 16-bit audio."""

LOUDNESS_DB = 30.0
"""A frame that is this much louder weighs ten times as much in the reference: speech counts, pauses hardly do."""

RANGE_DB = 45.0
"""Features lie at most this far from the reference."""

SCALE_DB = 15.0
"""Divisor that brings features to about unit spread."""


def mel_filters(mels: int, low_hz: float, high_hz: float) -> Tensor:
    """Triangular filters, (FFT bins, mels), spaced evenly on the mel scale 1127 ln(1 + f / 700)."""
    if not 0 <= low_hz < high_hz <= SAMPLE_RATE_HZ / 2:
        raise ValueError(f"mel band must lie within 0..{SAMPLE_RATE_HZ // 2} Hz, got {low_hz}..{high_hz}")
    bins_hz = torch.arange(FFT_SAMPLES // 2 + 1, dtype=torch.float64) * SAMPLE_RATE_HZ / FFT_SAMPLES
    bins = 1127 * torch.log1p(bins_hz / 700)
    ends = 1127 * torch.log1p(torch.tensor([low_hz, high_hz], dtype=torch.float64) / 700)
    corners = torch.linspace(float(ends[0]), float(ends[1]), mels + 2, dtype=torch.float64)
    rising = (bins[:, None] - corners[None, :-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[None, 2:] - bins[:, None]) / (corners[2:] - corners[1:-1])
    return torch.minimum(rising, falling).clamp_min(0).float()


class LogMel(nn.Module):
    """(batch, HISTORY_SAMPLES + n * 160) in [-1, 1] at 16 kHz -> (batch, n, mels) in dB, which lies as (n, batch, mels)
    in memory.

    Frame i looks 25 ms wide back from the end of its 10 ms. Silence gives the floor, never an infinity.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, mels: int, low_hz: float, high_hz: float) -> None:
        super().__init__()
        # Derived from the arguments, therefore not part of a checkpoint.
        self.register_buffer("window", torch.hann_window(WINDOW_SAMPLES, periodic=False), persistent=False)
        self.register_buffer("filters", mel_filters(mels, low_hz, high_hz), persistent=False)
        self._bands = list(_bands(self.filters))

    @torch.no_grad()
    def forward(self, audio: Tensor) -> Tensor:
        windows = audio.unfold(-1, WINDOW_SAMPLES, HOP_SAMPLES).transpose(0, 1)
        levels = audio.new_empty(*windows.shape[:2], self.filters.shape[1])
        steps = max(1, SPECTRA_AT_ONCE // max(1, len(audio)))
        padded = audio.new_empty(min(steps, len(windows)), len(audio), FFT_SAMPLES)
        padded[..., WINDOW_SAMPLES:] = 0
        for some, out in zip(windows.split(steps), levels.split(steps), strict=True):  # type: ignore[no-untyped-call]
            frames = padded[: len(some)]
            torch.mul(some, self.window, out=frames[..., :WINDOW_SAMPLES])
            self._powers(frames.flatten(0, 1), out.flatten(0, 1))
        return levels.add_(POWER_FLOOR).log10_().mul_(10).transpose(0, 1)

    def _powers(self, frames: Tensor, out: Tensor) -> None:
        """Windowed frames (n, FFT_SAMPLES) -> their mel powers, into `out` (n, mels)."""
        squares = torch.view_as_real(torch.fft.rfft(frames))[:, : self._bands[-1][1]].square_()
        powers = squares[..., 0] + squares[..., 1]
        for low, high, mels in self._bands:
            torch.mm(powers[:, low:high], self.filters[low:high, mels], out=out[:, mels])


def _bands(filters: Tensor) -> Iterator[tuple[int, int, slice]]:
    """Mels in groups, each with the bins [first, last) that any of them takes in: most filters are narrow."""
    for mel in range(0, filters.shape[1], MELS_AT_ONCE):
        mels = slice(mel, min(mel + MELS_AT_ONCE, filters.shape[1]))
        bins = filters[:, mels].sum(1).nonzero().flatten().tolist()
        yield (bins[0], bins[-1] + 1, mels) if bins else (0, 1, mels)


class RunningReference(nn.Module):
    """(batch, frames, mels) in dB -> the same relative to what the stream sounded like so far.

    The reference is a level and, per band, a shape: the means of the past frames, weighted by loudness and fading with
    `memory_s`. The shape begins at that of the training data, which counts like `prior_s` seconds of speech (Kaldi's
    online cepstral mean normalisation does alike). Gain thus falls out at once, the channel's colour soon (with a
    large `prior_s`: never), and a voice is heard relative to itself. No frame depends on later ones.
    """

    prior: Tensor

    def __init__(self, mels: int, memory_s: float, prior_s: float) -> None:
        super().__init__()
        self.register_buffer("prior", torch.zeros(mels))
        rate = SAMPLE_RATE_HZ / HOP_SAMPLES
        self._fade = -1 / (memory_s * rate)
        self._prior_frames = prior_s * rate

    @property
    def size(self) -> int:
        """How many numbers of the state are the reference's; they come first in both networks."""
        return len(self.prior) + 3

    def sums(self, level_db: Tensor, past: Past) -> Tensor:
        """Fading sums up to each frame, (batch, frames, mels + 3): of the weighted shapes, of the weighted levels, of
        the weights and of their squares."""
        level = level_db.mean(-1, keepdim=True)
        weight = torch.exp(level_db.amax(-1, keepdim=True) * (math.log(10) / LOUDNESS_DB))
        now = torch.cat([(level_db - level) * weight, level * weight, weight, weight.square()], dim=-1)
        age = torch.arange(1, level_db.shape[1] + 1, device=level_db.device, dtype=level_db.dtype)[:, None]
        before = past.take(level_db, now.shape[-1])
        faded: Tensor = (before[:, None] + (now * torch.exp(-age * self._fade)).cumsum(1)) * torch.exp(age * self._fade)
        past.keep(past.last(faded.transpose(1, 2), 1))
        return faded

    def forward(self, level_db: Tensor, past: Past) -> Tensor:
        sums = self.sums(level_db, past)
        shapes, level, weight, squares = sums.split([level_db.shape[-1], 1, 1, 1], dim=-1)  # type: ignore[no-untyped-call]
        # Kish's effective sample size: how many equally loud frames the weighted mean is worth.
        counted = weight.square() / squares
        shape = (shapes / weight * counted + self.prior * self._prior_frames) / (counted + self._prior_frames)
        relative: Tensor = (level_db - level / weight - shape).clamp(-RANGE_DB, RANGE_DB) / SCALE_DB
        return relative
