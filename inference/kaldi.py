"""Kaldi's log mel filter bank in torch, for many clips of one length at once and on any device.

Follows `compute-fbank-feats` of Kaldi (Povey et al., 2011) with its defaults, but without dither: 25 ms every 10 ms,
whole frames only; less its mean, pre-emphasised by 0.97, under the window hann^0.85; power spectrum of 512 points;
triangles on the mel scale 1127 ln(1 + f / 700) from 20 Hz up; natural logarithm.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.features import FFT_SAMPLES, HOP_SAMPLES, SAMPLE_RATE_HZ, WINDOW_SAMPLES, mel_filters

PREEMPHASIS = 0.97
LOW_HZ = 20.0
FLOOR = torch.finfo(torch.float32).eps


class KaldiFbank(nn.Module):
    """(batch, samples) at 16 kHz in [-1, 1] -> (batch, 1 + (samples - 400) // 160, mels)."""

    window: Tensor
    filters: Tensor

    def __init__(self, mels: int = 80) -> None:
        super().__init__()
        hann = torch.hann_window(WINDOW_SAMPLES, periodic=False, dtype=torch.float64)
        self.register_buffer("window", hann.pow(0.85).float(), persistent=False)
        self.register_buffer("filters", mel_filters(mels, LOW_HZ, SAMPLE_RATE_HZ / 2), persistent=False)

    @torch.no_grad()
    def forward(self, wave: Tensor) -> Tensor:
        frames = wave.unfold(1, WINDOW_SAMPLES, HOP_SAMPLES)
        frames = frames - frames.mean(2, keepdim=True)
        before = functional.pad(frames, (1, 0), mode="replicate")[:, :, :-1]
        spectrum = torch.fft.rfft((frames - PREEMPHASIS * before) * self.window, FFT_SAMPLES)
        power = spectrum.real.square() + spectrum.imag.square()
        out: Tensor = (power @ self.filters).clamp_min(FLOOR).log()
        return out


def centred(features: Tensor) -> Tensor:
    """(batch, frames, mels), each band less its mean over the clip."""
    return features - features.mean(1, keepdim=True)
