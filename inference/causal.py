"""The layers that the embedded networks are made of. None looks ahead; each takes the stream's `Past`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.past import Past

FRAME_SAMPLES = 320


def _joined(x: Tensor) -> Tensor:
    """(batch, channels, bands, frames) -> (batch, channels * bands, frames), frame by frame in memory."""
    return x.permute(0, 3, 1, 2).flatten(2).transpose(1, 2)


class SpectralStem(nn.Module):
    """(batch, 10 ms frames, mels) -> (batch, channels, 20 ms frames).

    Two small 2-D convolutions find local shapes in the spectrogram and quarter the frequency axis, the
    first also halves the frame rate; what is left of frequency is folded into the channels.
    """

    def __init__(self, mels: int, stem_channels: int, channels: int) -> None:
        super().__init__()
        if mels % 4:
            raise ValueError(f"mels must be a multiple of 4, got {mels}")
        half = stem_channels // 2
        self.first = nn.Conv2d(1, half, 3, stride=(2, 2), padding=(1, 0), bias=False)
        self.first_norm = nn.BatchNorm2d(half)
        self.second = nn.Conv2d(half, stem_channels, 3, stride=(2, 1), padding=(1, 0), bias=False)
        self.second_norm = nn.BatchNorm2d(stem_channels)
        self.fold = nn.Conv1d(stem_channels * (mels // 4), channels, 1, bias=False)
        self.fold_norm = nn.BatchNorm1d(channels)

    def forward(self, features: Tensor, past: Past) -> Tensor:
        x = past.extend(features.transpose(1, 2).unsqueeze(1), 1)
        x = functional.relu(self.first_norm(self.first(x)))
        x = functional.relu(self.second_norm(self.second(past.extend(x, 2))))
        return functional.relu(self.fold_norm(self.fold(_joined(x))))


class ConvBlock(nn.Module):
    """Residual dilated convolution over time: (batch, channels, frames) both ways. Dropout is of whole channels."""

    def __init__(self, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 3, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(channels)
        self.dropout = dropout
        self.context = 2 * dilation

    def forward(self, x: Tensor, past: Past) -> Tensor:
        y = functional.relu(self.norm(self.conv(past.extend(x, self.context))))
        return x + functional.dropout1d(y, self.dropout, self.training)


class RecurrentBlock(nn.Module):
    """Residual gated recurrent unit: (batch, channels, frames) both ways."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.gru = nn.GRU(channels, channels, batch_first=True)
        self.dropout = dropout

    def forward(self, x: Tensor, past: Past) -> Tensor:
        hidden = past.take(x, x.shape[1])
        y, _ = self.gru(x.transpose(1, 2), hidden.unsqueeze(0))
        y = y.transpose(1, 2)
        past.keep(past.last(y, 1))
        return x + functional.dropout(y, self.dropout, self.training)


class AttentiveBlock(nn.Module):
    """A causal conformer block (Gulati et al. 2020) without its first feed-forward: attention over the last `context`
    frames with a learned bias per distance, depthwise convolution, feed-forward. (batch, channels, frames) both ways.
    """

    def __init__(self, channels: int, heads: int, context: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(channels)
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.bias = nn.Parameter(torch.zeros(heads, context + 1))
        self.mix = nn.Linear(channels, channels)
        self.local = nn.Conv1d(channels, channels, kernel, groups=channels, bias=False)
        self.local_norm = nn.BatchNorm1d(channels)
        self.point = nn.Conv1d(channels, channels, 1)
        self.forward_norm = nn.LayerNorm(channels)
        self.wide = nn.Linear(channels, 2 * channels)
        self.narrow = nn.Linear(2 * channels, channels)
        self.dropout = dropout
        self._heads, self._context, self._kernel = heads, context, kernel

    def forward(self, x: Tensor, past: Past) -> Tensor:
        x = x + self._drop(self._attend(x, past))
        y = functional.silu(self.local_norm(self.local(past.extend(x, self._kernel - 1))))
        x = x + self._drop(self.point(y))
        y = self.narrow(functional.silu(self.wide(self.forward_norm(x.transpose(1, 2)))))
        return x + self._drop(y.transpose(1, 2))

    def _attend(self, x: Tensor, past: Past) -> Tensor:
        batch, channels, frames = x.shape
        normed = self.before_attention(x.transpose(1, 2))
        known = past.extend(torch.cat([normed, torch.ones_like(normed[..., :1])], dim=2).transpose(1, 2), self._context)
        valid = known[:, -1] > 0  # zeros where the stream had not begun
        both = self.key_value(known[:, :-1].transpose(1, 2))
        query = self.query(normed).reshape(batch, frames, self._heads, -1).transpose(1, 2)
        key, value = both.reshape(batch, frames + self._context, 2, self._heads, -1).permute(2, 0, 3, 1, 4)
        at = torch.arange(frames, device=x.device)[:, None] + self._context
        distance = at - torch.arange(frames + self._context, device=x.device)[None]
        near = (distance >= 0) & (distance <= self._context)
        bias = self.bias[:, distance.clamp(0, self._context)].masked_fill(~near, -torch.inf)
        mask = bias[None] + torch.where(valid, 0.0, -torch.inf)[:, None, None]
        y = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        mixed: Tensor = self.mix(y.transpose(1, 2).reshape(batch, frames, channels)).transpose(1, 2)
        return mixed

    def _drop(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.dropout, self.training)


class DenseBlock(nn.Module):
    """A densely connected layer (CAM++, Wang et al. 2023): (batch, channels, frames) -> (batch, channels + growth,
    frames)."""

    def __init__(self, channels: int, bottleneck: int, growth: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)
        self.narrow = nn.Conv1d(channels, bottleneck, 1, bias=False)
        self.narrow_norm = nn.BatchNorm1d(bottleneck)
        self.conv = nn.Conv1d(bottleneck, growth, 3, dilation=dilation, bias=False)
        self._context = 2 * dilation

    def forward(self, x: Tensor, past: Past) -> Tensor:
        y = functional.relu(self.narrow_norm(self.narrow(functional.relu(self.norm(x)))))
        return torch.cat([x, self.conv(past.extend(y, self._context))], dim=1)


class ScaledBlock(nn.Module):
    """Residual convolution in `scales` groups, each of which also hears the one before (Res2Net; ECAPA-TDNN,
    Desplanques et al. 2020): (batch, channels, frames) both ways."""

    def __init__(self, channels: int, scales: int, dilation: int) -> None:
        super().__init__()
        width = channels // scales
        self.before = nn.Conv1d(channels, channels, 1, bias=False)
        self.before_norm = nn.BatchNorm1d(channels)
        self.convs = nn.ModuleList(nn.Conv1d(width, width, 3, dilation=dilation, bias=False) for _ in range(scales - 1))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(scales - 1))
        self.after = nn.Conv1d(channels, channels, 1, bias=False)
        self.after_norm = nn.BatchNorm1d(channels)
        self._context = 2 * dilation

    def forward(self, x: Tensor, past: Past) -> Tensor:
        first, *groups = functional.relu(self.before_norm(self.before(x))).chunk(len(self.convs) + 1, dim=1)
        kept, y = [first], torch.zeros_like(first)
        for group, conv, norm in zip(groups, self.convs, self.norms, strict=True):
            y = functional.relu(norm(conv(past.extend(group + y, self._context))))
            kept.append(y)
        return x + functional.relu(self.after_norm(self.after(torch.cat(kept, dim=1))))


class SpeakerSoFar(nn.Module):
    """Adds to each frame what it is relative to the stream so far: (batch, channels, frames) both ways.

    The stream so far is a running mean and spread per channel; a learned gate says which frames count (speech), and
    they fade with `memory_s`. Both begin at 0 and 1, which count like `prior_s` seconds.
    """

    def __init__(self, channels: int, memory_s: float, prior_s: float) -> None:
        super().__init__()
        self.gate = nn.Conv1d(channels, 1, 1)
        self.norm = nn.BatchNorm1d(channels)
        self.point = nn.Conv1d(channels, channels, 1, bias=False)
        rate = 50
        self._fade, self._prior = -1 / (memory_s * rate), prior_s * rate

    def forward(self, x: Tensor, past: Past) -> Tensor:
        x = self.norm(x)
        weight = torch.sigmoid(self.gate(x))
        now = torch.cat([x * weight, x.square() * weight, weight], dim=1)
        age = torch.arange(1, x.shape[-1] + 1, device=x.device, dtype=x.dtype)
        before = past.take(x, now.shape[1], 1)
        sums = (before + (now * torch.exp(-age * self._fade)).cumsum(-1)) * torch.exp(age * self._fade)
        past.keep(past.last(sums, 1))
        first, second, counted = sums.split([x.shape[1], x.shape[1], 1], dim=1)  # type: ignore[no-untyped-call]
        mean = first / (counted + self._prior)
        spread = (second + self._prior) / (counted + self._prior) - mean.square()
        compared: Tensor = x + self.point((x - mean) * torch.rsqrt(spread.clamp_min(0.05)))
        return compared


class SpectralBlock(nn.Module):
    """Residual pair of 2-D convolutions: (batch, channels, bands, frames) -> (batch, outputs, bands / stride,
    frames)."""

    def __init__(self, channels: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, outputs, 3, stride=(stride, 1), padding=(1, 0), bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=(1, 0), bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(channels, outputs, 1, stride=(stride, 1), bias=False)
        self.shortcut_norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor, past: Past) -> Tensor:
        y = functional.relu(self.first_norm(self.first(past.extend(x, 2))))
        y = self.second_norm(self.second(past.extend(y, 2)))
        return functional.relu(y + self.shortcut_norm(self.shortcut(x)))


class ResidualStem(nn.Module):
    """A thin residual network: (batch, 10 ms frames, mels) -> (batch, channels, 20 ms frames)."""

    def __init__(self, mels: int, stem_channels: int, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, stem_channels // 2, 3, stride=(2, 2), padding=(1, 0), bias=False)
        self.first_norm = nn.BatchNorm2d(stem_channels // 2)
        self.blocks = nn.ModuleList(
            [SpectralBlock(stem_channels // 2, stem_channels, 2), SpectralBlock(stem_channels, 2 * stem_channels, 2)]
        )
        self.fold = nn.Conv1d(2 * stem_channels * (mels // 8), channels, 1, bias=False)
        self.fold_norm = nn.BatchNorm1d(channels)

    def forward(self, features: Tensor, past: Past) -> Tensor:
        x = past.extend(features.transpose(1, 2).unsqueeze(1), 1)
        x = functional.relu(self.first_norm(self.first(x)))
        for block in self.blocks:
            x = block(x, past)
        return functional.relu(self.fold_norm(self.fold(_joined(x))))
