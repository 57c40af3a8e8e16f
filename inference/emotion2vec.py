"""emotion2vec (Ma et al., 2023, arXiv:2312.15185) for inference: features and emotion logits of every 20 ms of a clip.

A convolutional encoder turns the normalised waveform into frames of 25 ms every 20 ms; transformer blocks whose
attention fades with distance (symmetric ALiBi: Press et al., 2021, arXiv:2108.12409) relate them to each other. The
head is linear: the mean of the logits of some frames is the logits of their mean, so any span of a clip can be scored.

A clip gives the same in a batch as alone: each is normalised by itself, and what pads it up to the longest is kept out
of the positional convolutions and of the attention.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

LAYERS = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))
"""Kernel and stride of the convolutions: together they look at 400 samples every 320."""
RECEPTIVE_SAMPLES = 400
HOP_SAMPLES = 320
EPS = 1e-5
"""Of every normalisation but those of the blocks."""


@dataclass(frozen=True, slots=True)
class Emotion2vecConfig:
    """What differs between the published models, and what tests make small. `prenet` blocks are those that the
    reference counts to its encoder of the audio, `blocks` come after them; `block_eps`: of their normalisations."""

    width: int
    heads: int
    prenet: int
    blocks: int
    labels: int
    block_eps: float
    channels: int = 512
    extra_tokens: int = 10
    position_layers: int = 5
    position_kernel: int = 19
    position_groups: int = 16


def frames_in(samples: int) -> int:
    """How many whole frames so many samples hold; 0 if they are too few for one."""
    return max(0, (samples - RECEPTIVE_SAMPLES) // HOP_SAMPLES + 1)


def normalised(wave: Tensor) -> Tensor:
    """A clip with mean 0 and variance 1 over its samples, the last dimension."""
    return functional.layer_norm(wave, wave.shape[-1:], eps=EPS)


class LocalEncoder(nn.Module):
    """(batch, samples) -> (batch, frames, channels): convolutions, each followed by a normalisation over channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = [1, *[channels] * len(LAYERS)]
        self.convs = nn.ModuleList(
            nn.Conv1d(width, channels, kernel, stride, bias=False)
            for width, (kernel, stride) in zip(widths, LAYERS, strict=False)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels, eps=EPS) for _ in LAYERS)

    def forward(self, wave: Tensor) -> Tensor:
        x = wave.unsqueeze(1)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = functional.gelu(norm(conv(x).transpose(1, 2))).transpose(1, 2)
        return x.transpose(1, 2)


class PositionalEncoder(nn.Module):
    """(batch, frames, width) both ways: where a frame stands among its neighbours, by grouped convolutions. `beyond`
    (batch, frames): which frames are padding; they are taken for zeros, as what lies beyond a clip's end is."""

    def __init__(self, config: Emotion2vecConfig) -> None:
        super().__init__()
        padding = config.position_kernel // 2
        self.convs = nn.ModuleList(
            nn.Conv1d(
                config.width, config.width, config.position_kernel, padding=padding, groups=config.position_groups
            )
            for _ in range(config.position_layers)
        )

    def forward(self, x: Tensor, beyond: Tensor | None) -> Tensor:
        for conv in self.convs:
            if beyond is not None:
                x = x.masked_fill(beyond.unsqueeze(2), 0.0)
            x = conv(x.transpose(1, 2)).transpose(1, 2)
            x = functional.gelu(functional.layer_norm(x, x.shape[-1:], eps=EPS))
        return x


def slopes(heads: int) -> list[float]:
    """How fast the attention of each head fades: 2^(-8/n), 2^(-16/n), ... for a power of two n; else those of the next
    smaller power of two and every other one of the next larger."""
    power = 2 ** int(math.log2(heads))
    own = [2 ** (-8 * (number + 1) / power) for number in range(power)]
    return own if power == heads else own + slopes(2 * power)[0::2][: heads - power]


class Attention(nn.Module):
    """Attention with a `bias` (batch or 1, heads, frames, frames) on its logits."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        q, k, v = self.split(x)
        return self.merge(q, k, v, bias)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of (batch, frames, width), each (batch, heads, frames, width / heads)."""
        batch, frames, width = x.shape
        q, k, v = self.qkv(x).view(batch, frames, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        return q, k, v

    def merge(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        """(batch, queries, width): what the queries find; `bias`: (batch or 1, heads, queries, keys)."""
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        out: Tensor = self.proj(y.transpose(1, 2).flatten(2))
        return out


class Block(nn.Module):
    """A transformer block that normalises after its parts, and adds up before the normalisation of each."""

    def __init__(self, width: int, heads: int, eps: float) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)
        self.norm2 = nn.LayerNorm(width, eps=eps)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        return self.finish(x, self.attention(x, bias))

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """The rest of the block, after the attention of `x`."""
        x = self.norm1(x + attended)
        out: Tensor = self.norm2(x + self.fc2(functional.gelu(self.fc1(x))))
        return out


class Emotion2vec(nn.Module):
    """The network with its head for emotions. In eval mode it is deterministic: there is no dropout in it."""

    def __init__(self, config: Emotion2vecConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.local: nn.Module = LocalEncoder(config.channels)
        self.project_norm = nn.LayerNorm(config.channels, eps=EPS)
        self.project = nn.Linear(config.channels, width)
        self.positions = PositionalEncoder(config)
        self.extra_tokens = nn.Parameter(torch.zeros(config.extra_tokens, width))
        self.alibi_scale = nn.Parameter(torch.ones(config.heads))
        self.norm = nn.LayerNorm(width, eps=config.block_eps)
        self.blocks = nn.ModuleList(
            Block(width, config.heads, config.block_eps) for _ in range(config.prenet + config.blocks)
        )
        self.head = nn.Linear(width, config.labels)
        self._slopes = slopes(config.heads)

    def forward(self, wave: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Features (batch, frames, width) and logits (batch, frames, labels).

        `wave`: (batch, samples) at 16 kHz, each clip `normalised` before it was padded. `lengths`: (batch,) how many
        samples each clip has (None: all); frames beyond those of a clip hold nothing of use.
        """
        local = self.local(wave)
        beyond = None
        if lengths is not None:
            own = (lengths - RECEPTIVE_SAMPLES).div(HOP_SAMPLES, rounding_mode="floor") + 1
            beyond = torch.arange(local.shape[1], device=wave.device) >= own.unsqueeze(1)
        features = self.relate(local, beyond)
        return features, self.head(features)

    def relate(self, local: Tensor, beyond: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """Features (batch, frames, width) of what the local encoder gave, (batch, frames, channels). `bias`: that of so
        many frames, if it is at hand."""
        x = self.project(self.project_norm(local))
        x = x + self.positions(x, beyond)
        x = torch.cat([self.extra_tokens.expand(len(x), -1, -1), x], dim=1)
        if bias is None:
            bias = self.bias(local.shape[1], beyond).to(x.dtype)
        x = self.norm(x)
        for block in self.blocks:
            x = block(x, bias)
        out: Tensor = x[:, self.config.extra_tokens :]
        return out

    def bias(self, frames: int, beyond: Tensor | None) -> Tensor:
        """What is added to the logits of attention, (batch or 1, heads, tokens, tokens): less the further apart frames
        are, nothing for the extra tokens, and minus infinity towards padding."""
        scale = self.alibi_scale.clamp_min(0)
        at = torch.arange(frames, device=scale.device)
        apart = (at[:, None] - at).abs()
        fading = scale.new_tensor(self._slopes) * scale
        extra = self.config.extra_tokens
        bias = functional.pad(-apart * fading[:, None, None], (extra, 0, extra, 0))[None]
        if beyond is not None and bool(beyond.any()):
            hidden = functional.pad(beyond, (extra, 0))[:, None, None]
            bias = bias.masked_fill(hidden, -torch.inf)
        return bias
