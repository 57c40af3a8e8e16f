"""Undertone's own small speaker network: a stretch of one voice in, one embedding out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.features import HOP_SAMPLES, LogMel, relative_to_speech
from inference.temporal import DilatedBlock, SpectralStem

WINDOW_SAMPLES = 24_000
MINIMUM_SAMPLES = 8_000


@dataclass(frozen=True, slots=True)
class SpeakerNetConfig:
    """Shape of a `SpeakerNet`; every field is stored in the checkpoint."""

    embedding: int = 128
    mels: int = 48
    low_hz: float = 60.0
    high_hz: float = 4000.0
    stem_channels: int = 24
    channels: int = 128
    dilations: tuple[int, ...] = (1, 2, 3, 1, 2, 3)
    pooled: int = 256
    dropout: float = 0.0


class AttentiveStatistics(nn.Module):
    """Attention-weighted mean and standard deviation over time (Okabe et al. 2018), one weight per channel
    and frame: (batch, channels, frames) -> (batch, 2 channels)."""

    def __init__(self, channels: int, bottleneck: int = 64) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            nn.Conv1d(channels, bottleneck, 1), nn.Tanh(), nn.Conv1d(bottleneck, channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.softmax(self.attention(x), dim=2)
        mean = (weight * x).sum(2)
        variance = (weight * x.square()).sum(2) - mean.square()
        return torch.cat([mean, variance.clamp_min(1e-5).sqrt()], dim=1)


class SpeakerNet(nn.Module):
    """Audio (batch, samples) in [-1, 1] at 16 kHz -> embeddings (batch, embedding) of unit length, which are
    compared by dot product.

    At least 8,000 samples; a rest that does not fill 320 is dropped. The audio should be speech of one
    person; shorter speech is repeated by the caller, not padded with silence.
    """

    def __init__(self, config: SpeakerNetConfig) -> None:
        super().__init__()
        self.config = config
        self.log_mel = LogMel(config.mels, config.low_hz, config.high_hz)
        self.stem = SpectralStem(config.mels, config.stem_channels, config.channels)
        self.blocks = nn.ModuleList(
            DilatedBlock(config.channels, dilation, config.dropout) for dilation in config.dilations
        )
        self.gather = nn.Sequential(
            nn.Conv1d(config.channels * len(config.dilations) // 2, config.pooled, 1, bias=False),
            nn.BatchNorm1d(config.pooled),
            nn.ReLU(),
        )
        self.pool = AttentiveStatistics(config.pooled)
        self.pool_norm = nn.BatchNorm1d(2 * config.pooled)
        self.project = nn.Linear(2 * config.pooled, config.embedding, bias=False)
        self.embed_norm = nn.BatchNorm1d(config.embedding, affine=False)

    def features(self, audio: Tensor) -> Tensor:
        """(batch, samples) -> (batch, 10 ms frames, mels), normalised: what `embed` takes."""
        if audio.shape[-1] < MINIMUM_SAMPLES:
            raise ValueError(f"a speaker window needs at least {MINIMUM_SAMPLES} samples, got {audio.shape[-1]}")
        whole = audio[:, : audio.shape[-1] // (2 * HOP_SAMPLES) * (2 * HOP_SAMPLES)]
        return relative_to_speech(self.log_mel(whole), per_band=True)

    def embed(self, features: Tensor) -> Tensor:
        """The network without its front end, so that training can mask features in between."""
        x = self.stem(features)
        kept = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number % 2:
                kept.append(x)
        pooled = self.pool_norm(self.pool(self.gather(torch.cat(kept, dim=1))))
        return functional.normalize(self.embed_norm(self.project(pooled)), dim=1)

    def forward(self, audio: Tensor) -> Tensor:
        return self.embed(self.features(audio))
