"""Log-mel features, computed in torch for a whole batch of windows at once.

Both embedded networks begin with `LogMel`, so a checkpoint needs nothing but samples.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES = 400
HOP_SAMPLES = 160
FFT_SAMPLES = 512
MARGIN_SAMPLES = (WINDOW_SAMPLES - HOP_SAMPLES) // 2

POWER_FLOOR = 1e-8
"""Keeps the logarithm finite; at -80 dB it lies at the rounding noise of 16-bit audio."""

DYNAMIC_RANGE_DB = 60.0
"""What lies further below the loudest point of the window is raised to this distance."""

SPEECH_RANGE_DB = 25.0
"""Frames nearer than this to the loudest frame carry the weight of the window's reference level."""

SCALE_DB = 20.0
"""Divisor that brings normalised features to about unit spread."""


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
    """(batch, samples) in [-1, 1] at 16 kHz -> (batch, samples // 160, mels) in dB.

    Frame i looks 25 ms wide around the middle of samples 160 i to 160 (i + 1); the ends are mirrored.
    The sample count must be a multiple of 160. Silence gives the floor, never an infinity.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, mels: int, low_hz: float, high_hz: float) -> None:
        super().__init__()
        # Derived from the arguments, therefore not part of a checkpoint.
        self.register_buffer("window", torch.hann_window(WINDOW_SAMPLES, periodic=False), persistent=False)
        self.register_buffer("filters", mel_filters(mels, low_hz, high_hz), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        padded = functional.pad(audio.unsqueeze(1), (MARGIN_SAMPLES, MARGIN_SAMPLES), mode="reflect").squeeze(1)
        frames = padded.unfold(-1, WINDOW_SAMPLES, HOP_SAMPLES) * self.window
        power = torch.view_as_real(torch.fft.rfft(frames, n=FFT_SAMPLES)).square().sum(-1)
        return 10 * torch.log10(power @ self.filters + POWER_FLOOR)


def relative_to_speech(level_db: Tensor, *, per_band: bool) -> Tensor:
    """(batch, frames, mels) in dB -> the same, relative to the level of the window's loud frames.

    The reference is a mean in which loud frames (the speech) weigh about 1 and the rest about 0, so it
    depends neither on gain nor on how much silence the window reaches back over. One reference for the
    window keeps the long-term spectrum; one per band (`per_band`) also takes out the channel's colour.
    Each window is treated alone: the rest of the batch has no influence.
    """
    frame_db = level_db.amax(-1, keepdim=True)
    peak_db = frame_db.amax(1, keepdim=True)
    bounded_db = torch.maximum(level_db, peak_db - DYNAMIC_RANGE_DB)
    weight = torch.sigmoid((frame_db - peak_db + SPEECH_RANGE_DB) / 3)
    reference_db = (bounded_db * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True)
    if not per_band:
        reference_db = reference_db.mean(-1, keepdim=True)
    return (bounded_db - reference_db) / SCALE_DB
