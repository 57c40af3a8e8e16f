"""Undertone's own small speaker network: a stretch of a stream in, per 20 ms what makes up an embedding of any span."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.causal import FRAME_SAMPLES, ConvBlock, DenseBlock, ResidualStem, ScaledBlock, SpectralStem
from inference.features import HISTORY_SAMPLES, LogMel, RunningReference
from inference.past import Past

WINDOW_SAMPLES = 24_000
__all__ = ["FRAME_SAMPLES", "HISTORY_SAMPLES", "WINDOW_SAMPLES", "SpeakerNet", "SpeakerNetConfig"]


@dataclass(frozen=True, slots=True)
class SpeakerNetConfig:
    """Shape of a `SpeakerNet`; every field is stored in the checkpoint.

    `blocks`: one letter each, in order, with the next of `dilations`: `c` convolution, `d` dense (CAM++), `e` in
    scales (ECAPA). `values` per frame are pooled by `heads` attention weights.
    """

    embedding: int = 160
    mels: int = 48
    low_hz: float = 60.0
    high_hz: float = 4000.0
    memory_s: float = 30.0
    prior_s: float = 4.0
    residual_stem: bool = False
    stem_channels: int = 24
    channels: int = 128
    blocks: str = "cccc"
    dilations: tuple[int, ...] = (1, 2, 3, 4)
    values: int = 256
    heads: int = 16


class HeadMeans(nn.Module):
    """Weights (batch, frames, heads), and values (batch, frames, channels), of which each head has its share ->
    (batch, channels): sums over the frames."""

    def forward(self, weight: Tensor, values: Tensor) -> Tensor:
        grouped = values.unflatten(2, (weight.shape[2], -1))  # type: ignore[no-untyped-call]
        return torch.einsum("bfh,bfhc->bhc", weight, grouped).flatten(1)


class SpeakerNet(nn.Module):
    """Audio in [-1, 1] at 16 kHz -> values and attention logits per 20 ms; any span of those -> an embedding of unit
    length. Embeddings are compared by dot product.

    A frame depends on the half second before it; but for level and colour, which are relative to the stream so far.
    """

    def __init__(self, config: SpeakerNetConfig) -> None:
        super().__init__()
        if config.values % config.heads:
            raise ValueError(f"values must be a multiple of heads, got {config.values} and {config.heads}")
        self.config = config
        self.log_mel = LogMel(config.mels, config.low_hz, config.high_hz)
        self.reference = RunningReference(config.mels, config.memory_s, config.prior_s)
        stem = ResidualStem if config.residual_stem else SpectralStem
        self.stem = stem(config.mels, config.stem_channels, config.channels)
        channels = config.channels
        blocks: list[nn.Module] = []
        for kind, dilation in zip(config.blocks, config.dilations, strict=True):
            if kind == "c":
                blocks.append(ConvBlock(channels, dilation, 0.0))
            elif kind == "d":
                blocks.append(DenseBlock(channels, 64, 32, dilation))
                channels += 32
            else:
                blocks.append(ScaledBlock(channels, 4, dilation))
        self.blocks = nn.ModuleList(blocks)
        self.values = nn.Conv1d(channels, config.values, 1, bias=False)
        self.values_norm = nn.BatchNorm1d(config.values)
        self.attention = nn.Conv1d(config.values, config.heads, 1)
        self.head_means = HeadMeans()
        self.pool_norm = nn.BatchNorm1d(2 * config.values)
        self.project = nn.Linear(2 * config.values, config.embedding, bias=False)
        self.embed_norm = nn.BatchNorm1d(config.embedding, affine=False)

    def trunk(self, features: Tensor, past: Past) -> tuple[Tensor, Tensor]:
        """(batch, 10 ms frames, mels), relative to the reference -> values (batch, 20 ms frames, values) and attention
        logits (batch, 20 ms frames, heads); so that training can mask features in between."""
        x = self.stem(features, past)
        for block in self.blocks:
            x = block(x, past)
        values = functional.relu(self.values_norm(self.values(x)), inplace=True)
        return values.transpose(1, 2), self.attention(values).transpose(1, 2)

    def frames(
        self, audio: Tensor, state: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The next stretch of each stream: (batch, HISTORY_SAMPLES + frames * 320), which begins with the samples
        before it (zeros at the start) -> values (batch, frames, values), attention logits (batch, frames, heads), and
        the state to be given with the next stretch. `lengths`: see Past."""
        past = Past(state, lengths, (audio.shape[1] - HISTORY_SAMPLES) // FRAME_SAMPLES)
        values, logits = self.trunk(self.reference(self.log_mel(audio), past), past)
        return values, logits, past.state()

    def embed(self, values: Tensor, logits: Tensor, mask: Tensor) -> Tensor:
        """What `frames` gave for a span, and which of its frames are speech of the one voice, (batch, frames) bool, at
        least one -> (batch, embedding): each head's attention-weighted mean and standard deviation (Okabe et al. 2018)
        of its share of the values, projected."""
        weight = logits.masked_fill(~mask[..., None], -torch.inf).softmax(1)
        mean = self.head_means(weight, values)
        variance = self.head_means(weight, values.square()) - mean.square()
        pooled = torch.cat([mean, variance.clamp_min(1e-4).sqrt()], dim=1)
        return functional.normalize(self.embed_norm(self.project(self.pool_norm(pooled))), dim=1)

    def forward(self, audio: Tensor, mask: Tensor | None = None) -> Tensor:
        """Whole recordings (batch, frames * 320), and which frames count (None: all) -> (batch, embedding)."""
        values, logits, _ = self.frames(functional.pad(audio, (HISTORY_SAMPLES, 0)))
        return self.embed(values, logits, torch.ones_like(logits[..., 0], dtype=torch.bool) if mask is None else mask)
