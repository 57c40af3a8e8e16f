"""The layers of the embedded networks as they run in the server: the same numbers to rounding, in less time.

Each stands in for a layer of `inference/causal.py` or `inference/features.py` and takes and gives the same shapes, but
(batch, channels, frames) lies as (frames, batch, channels) in memory: then a frame of all streams is one block, a tap
of a convolution is a range of rows, and a running sum is a matrix product. Without gradients, and with a state only.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from inference.causal import ConvBlock, SpeakerSoFar, SpectralStem
from inference.features import LOUDNESS_DB, RANGE_DB, SCALE_DB, RunningReference
from inference.past import Past
from inference.speaker_net import HeadMeans


def rows_of(x: Tensor) -> Tensor:
    """(batch, channels, frames) -> (frames * batch, channels), without a copy if it lies like that."""
    return x.permute(2, 0, 1).reshape(-1, x.shape[1])


def streams_of(rows: Tensor, batch: int) -> Tensor:
    """(frames * batch, channels) -> (batch, channels, frames), without a copy."""
    return rows.view(-1, batch, rows.shape[1]).permute(1, 2, 0)


@lru_cache(maxsize=256)
def fading(frames: int, fade: float, device: torch.device) -> Tensor:
    """(frames, 1 + frames): makes of what was summed before, and of the new frames, fading sums up to each frame."""
    age = torch.arange(1, frames + 1, device=device, dtype=torch.float32)[:, None]
    since = age - torch.arange(frames + 1, device=device, dtype=torch.float32)
    return torch.exp(since * fade).tril_(1)


def _bias(layer: nn.Conv1d) -> Tensor:
    return layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias


def affine(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    """Scale and shift of a trained normalisation, (channels,) each."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = torch.rsqrt(norm.running_var + norm.eps)
    shift = -norm.running_mean * scale
    return (scale * norm.weight, shift * norm.weight + norm.bias) if norm.affine else (scale, shift)


class TapsConv1d(nn.Module):
    """A convolution as a matrix product per tap: (batch, channels, frames) both ways."""

    def __init__(self, conv: nn.Conv1d) -> None:
        super().__init__()
        self.weight = nn.Parameter(conv.weight.permute(2, 1, 0).contiguous(), requires_grad=False)
        self.bias = conv.bias
        self._steps = [tap * conv.dilation[0] for tap in range(conv.kernel_size[0])]

    def forward(self, x: Tensor) -> Tensor:
        batch, rows = x.shape[0], rows_of(x)
        count = (x.shape[2] - self._steps[-1]) * batch
        taps = [rows[step * batch : step * batch + count] for step in self._steps]
        y = taps[0] @ self.weight[0] if self.bias is None else torch.addmm(self.bias, taps[0], self.weight[0])
        for tap, weight in zip(taps[1:], self.weight[1:], strict=True):
            y.addmm_(tap, weight)
        return streams_of(y, batch)


class RowsLinear(nn.Module):
    """A linear layer with few outputs: (batch, frames, channels) both ways."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.weight = layer.weight
        self.bias = nn.Parameter(layer.bias[:, None], requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.addmm(self.bias, self.weight, rows_of(x.transpose(1, 2)).T)
        return y.view(len(y), x.shape[1], x.shape[0]).permute(2, 1, 0)


class BandsConv2d(nn.Module):
    """A convolution over (batch, channels, bands, frames) that lies as (batch, frames, bands, channels)."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight = nn.Parameter(_channels_last(conv.weight.transpose(2, 3)), requires_grad=False)
        self.bias = conv.bias
        self._stride, self._padding = conv.stride[::-1], tuple(conv.padding)[::-1]

    def forward(self, x: Tensor) -> Tensor:
        x = _channels_last(x.transpose(2, 3))
        y = functional.conv2d(x, self.weight, self.bias, self._stride, self._padding)  # type: ignore[arg-type]
        return y.transpose(2, 3)


def _channels_last(x: Tensor) -> Tensor:
    """`x` (batch, channels, rows, columns) with the channels last in memory; for a single one, its strides say so too:
    by them the layout of a convolution's result is chosen."""
    x = x.contiguous(memory_format=torch.channels_last)
    _, channels, rows, columns = x.shape
    return x if channels > 1 else x.as_strided(x.shape, (rows * columns, 1, columns, 1))


class QuickStem(nn.Module):
    """`SpectralStem`, its normalisations folded in already."""

    def __init__(self, stem: SpectralStem) -> None:
        super().__init__()
        self.first, self.second = BandsConv2d(stem.first), BandsConv2d(stem.second)
        channels, joined = stem.fold.weight.shape[:2]
        bands_last = stem.fold.weight.view(channels, stem.second.out_channels, -1)
        weight = bands_last.transpose(1, 2).reshape(channels, joined).T.contiguous()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = _bias(stem.fold)

    def forward(self, features: Tensor, past: Past) -> Tensor:
        x = self.first(past.extend(features.transpose(1, 2).unsqueeze(1), 1)).relu_()
        x = self.second(past.extend(x, 2)).relu_()
        rows = x.permute(0, 3, 2, 1).reshape(-1, len(self.weight))
        y = torch.addmm(self.bias, rows, self.weight).relu_().view(x.shape[0], -1, self.weight.shape[1])
        return y.transpose(0, 1).contiguous().permute(1, 2, 0)


class QuickConvBlock(nn.Module):
    """`ConvBlock`, its normalisation folded in already."""

    def __init__(self, block: ConvBlock) -> None:
        super().__init__()
        self.conv = TapsConv1d(block.conv)
        self._context = block.context

    def forward(self, x: Tensor, past: Past) -> Tensor:
        y: Tensor = self.conv(past.extend(x, self._context))
        return y.relu_().add_(x)


class QuickReference(RunningReference):
    """`RunningReference` for stretches of a few seconds at most."""

    def __init__(self, reference: RunningReference) -> None:
        super().__init__(len(reference.prior), 1.0, 1.0)
        self.prior.copy_(reference.prior)
        self._fade, self._prior_frames = reference._fade, reference._prior_frames

    def forward(self, level_db: Tensor, past: Past) -> Tensor:
        x = level_db.transpose(0, 1)
        frames, batch, mels = x.shape
        now = x.new_empty(1 + frames, batch, mels + 3)
        now[0] = past.take(x.transpose(0, 1), mels + 3)
        shape, level, weight, square = now[1:].split([mels, 1, 1, 1], dim=2)  # type: ignore[no-untyped-call]
        mean = x.mean(2, keepdim=True)
        torch.exp(x.amax(2, keepdim=True).mul_(math.log(10) / LOUDNESS_DB), out=weight)
        torch.mul(weight, weight, out=square)
        torch.mul(mean, weight, out=level)
        torch.mul(x - mean, weight, out=shape)
        sums = (fading(frames, self._fade, x.device) @ now.view(1 + frames, -1)).view(frames, batch, -1)
        past.keep(past.last(sums.permute(1, 2, 0), 1))
        shape, level, weight, square = sums.split([mels, 1, 1, 1], dim=2)  # type: ignore[no-untyped-call]
        counted = weight.square().div_(square)
        total = (counted + self._prior_frames).mul_(weight)
        relative = torch.addcmul(x - level / weight, shape, counted / total, value=-1)
        relative.addcmul_(self.prior, weight / total, value=-self._prior_frames)
        return relative.clamp_(-RANGE_DB, RANGE_DB).div_(SCALE_DB).transpose(0, 1)


class QuickSoFar(nn.Module):
    """`SpeakerSoFar` for stretches of a few seconds at most."""

    scale: Tensor
    shift: Tensor

    def __init__(self, layer: SpeakerSoFar) -> None:
        super().__init__()
        for name, value in zip(("scale", "shift"), affine(layer.norm), strict=True):
            self.register_buffer(name, value)
        self.gate = nn.Parameter(layer.gate.weight[0].contiguous(), requires_grad=False)
        self.gate_bias = _bias(layer.gate)
        self.point = TapsConv1d(layer.point)
        self._fade, self._prior = layer._fade, layer._prior

    def forward(self, x: Tensor, past: Past) -> Tensor:
        batch, channels, frames = x.shape
        normed = torch.addcmul(self.shift, rows_of(x), self.scale).view(frames, batch, channels)
        now = normed.new_empty(1 + frames, batch, 2 * channels + 1)
        now[0] = past.take(x, 2 * channels + 1)
        first, second, weight = now[1:].split([channels, channels, 1], dim=2)  # type: ignore[no-untyped-call]
        torch.sigmoid(normed @ self.gate + self.gate_bias, out=weight)
        torch.mul(normed, weight, out=first)
        torch.mul(normed, first, out=second)
        sums = (fading(frames, self._fade, x.device) @ now.view(1 + frames, -1)).view(frames, batch, -1)
        past.keep(past.last(sums.permute(1, 2, 0), 1))
        first, second, counted = sums.split([channels, channels, 1], dim=2)  # type: ignore[no-untyped-call]
        share = (counted + self._prior).reciprocal_()
        mean = first * share
        spread = (second + self._prior).mul_(share).addcmul_(mean, mean, value=-1)
        compared = (normed - mean).mul_(spread.clamp_min_(0.05).rsqrt_())
        y: Tensor = self.point(compared.permute(1, 2, 0))
        return y.add_(normed.permute(1, 2, 0))


class QuickHeadMeans(HeadMeans):
    """`HeadMeans` as one matrix product per stream: each head weighs all channels, and what is its own is kept."""

    def forward(self, weight: Tensor, values: Tensor) -> Tensor:
        heads = weight.shape[2]
        every = weight.transpose(1, 2) @ values
        return every.view(values.shape[0], heads, heads, -1).diagonal(dim1=1, dim2=2).transpose(1, 2).flatten(1)
