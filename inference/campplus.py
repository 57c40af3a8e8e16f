"""CAM++ (Wang et al., 2023, arXiv:2303.00332) for inference: the voice of a clip as one vector.

A small residual network over the spectrum comes first, then densely connected layers in time whose outputs are weighed
by what the whole clip and the second around them are like (context-aware masking), then mean and deviation over time.
Its input is Kaldi's filter bank of the clip, less its own mean (`inference/kaldi.py`). There is no padding: clips of a
batch have the same length. Vectors are compared by their cosine.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

SEGMENT_FRAMES = 100
"""What lies around a frame, as context-aware masking counts: the segment of so many frames (of 20 ms) that it is in."""


@dataclass(frozen=True, slots=True)
class CampplusConfig:
    """The published networks have these values; tests make them small. `layers`: of the dense blocks; `dilations`: of
    theirs in time."""

    embedding: int = 192
    mels: int = 80
    head_channels: int = 32
    first_channels: int = 128
    growth: int = 32
    bottleneck: int = 128
    layers: tuple[int, ...] = (12, 24, 16)
    dilations: tuple[int, ...] = (1, 2, 2)


class ResidualBlock(nn.Module):
    """Two convolutions over (batch, channels, bands, frames) beside a shortcut; `stride` is that of the bands."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, (stride, 1), 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride > 1:
            self.shortcut.append(nn.Conv2d(channels, channels, 1, (stride, 1), bias=False))
            self.shortcut.append(nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        return functional.relu(self.bn2(self.conv2(y)) + self.shortcut(x), inplace=True)


class Head(nn.Module):
    """(batch, mels, frames) -> (batch, channels * mels / 8, frames)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.layer1 = nn.Sequential(ResidualBlock(channels, 2), ResidualBlock(channels, 1))
        self.layer2 = nn.Sequential(ResidualBlock(channels, 2), ResidualBlock(channels, 1))
        self.conv2 = nn.Conv2d(channels, channels, 3, (2, 1), 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, features: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(features.unsqueeze(1))), inplace=True)
        x = self.layer2(self.layer1(x))
        return functional.relu(self.bn2(self.conv2(x)), inplace=True).flatten(1, 2)


def around(x: Tensor) -> Tensor:
    """Of (batch, channels, frames), per frame the mean of the segment that it is in; the last may be short."""
    means = functional.avg_pool1d(x, SEGMENT_FRAMES, SEGMENT_FRAMES, ceil_mode=True)
    return means.repeat_interleave(SEGMENT_FRAMES, dim=2)[:, :, : x.shape[2]]


class MaskedLayer(nn.Module):
    """(batch, channels, frames) -> (batch, growth, frames): a bottleneck, then a convolution in time whose output is
    masked by its context."""

    def __init__(self, channels: int, config: CampplusConfig, dilation: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm1d(channels)
        self.bottleneck = nn.Conv1d(channels, config.bottleneck, 1, bias=False)
        self.bn2 = nn.BatchNorm1d(config.bottleneck)
        self.local = nn.Conv1d(config.bottleneck, config.growth, 3, padding=dilation, dilation=dilation, bias=False)
        self.mask1 = nn.Conv1d(config.bottleneck, config.bottleneck // 2, 1)
        self.mask2 = nn.Conv1d(config.bottleneck // 2, config.growth, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn2(self.bottleneck(functional.relu(self.bn1(x)))))
        context = functional.relu(self.mask1(x.mean(2, keepdim=True) + around(x)))
        out: Tensor = self.local(x) * torch.sigmoid(self.mask2(context))
        return out


class DenseBlock(nn.Module):
    """Layers each of which sees its block's input and all layers before it; then a transition to half the channels."""

    def __init__(self, channels: int, layers: int, config: CampplusConfig, dilation: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            MaskedLayer(channels + number * config.growth, config, dilation) for number in range(layers)
        )
        self.channels = channels + layers * config.growth
        self.bn = nn.BatchNorm1d(self.channels)
        self.transition = nn.Conv1d(self.channels, self.channels // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.cat([x, layer(x)], dim=1)
        out: Tensor = self.transition(functional.relu(self.bn(x)))
        return out


class Campplus(nn.Module):
    """(batch, frames, mels) -> (batch, embedding), not of unit length."""

    def __init__(self, config: CampplusConfig = CampplusConfig()) -> None:
        super().__init__()
        self.config = config
        self.head = Head(config.head_channels)
        self.tdnn = nn.Conv1d(
            config.head_channels * (config.mels // 8), config.first_channels, 5, stride=2, padding=2, bias=False
        )
        self.tdnn_bn = nn.BatchNorm1d(config.first_channels)
        channels = config.first_channels
        self.blocks = nn.ModuleList()
        for layers, dilation in zip(config.layers, config.dilations, strict=True):
            self.blocks.append(DenseBlock(channels, layers, config, dilation))
            channels = (channels + layers * config.growth) // 2
        self.out_bn = nn.BatchNorm1d(channels)
        self.dense = nn.Conv1d(2 * channels, config.embedding, 1, bias=False)
        self.dense_bn = nn.BatchNorm1d(config.embedding, affine=False)

    def forward(self, features: Tensor) -> Tensor:
        x = self.head(features.transpose(1, 2))
        x = functional.relu(self.tdnn_bn(self.tdnn(x)))
        for block in self.blocks:
            x = block(x)
        x = functional.relu(self.out_bn(x))
        statistics = torch.cat([x.mean(2), x.std(2, unbiased=True)], dim=1)
        embedding: Tensor = self.dense_bn(self.dense(statistics.unsqueeze(2)).squeeze(2))
        return embedding
