"""ERes2NetV2 (Chen et al., 2024, arXiv:2406.02167) for inference: the voice of a short clip as one vector.

A residual network over the spectrum whose blocks pass part of their channels on from one convolution to the next, so
that each part sees further than the one before; in the last two stages what is passed on and what is there are weighed
against each other (attentional feature fusion), and so are the last two stages at the end. Then come mean and deviation
over time. Its input is that of CAM++ (`inference/campplus.py`). There is no padding of clips: those of a batch have the
same length. Vectors are compared by their cosine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

CEILING = 20.0
"""Activations of the blocks are cut off there."""
FUSION_RATIO = 4
"""So many channels that are fused share one of what decides how."""
VARIANCE_FLOOR = 1e-8
STAGES = 4


@dataclass(frozen=True, slots=True)
class Eres2netv2Config:
    """The published network `speech_eres2netv2_sv_zh-cn_16k-common` has these values; tests make them small. `stem`:
    channels before the first stage; `channels`: after it; `parts`: of a block, so many channels wide (`width`) in the
    first stage. Each stage is twice as wide as the one before."""

    embedding: int = 192
    mels: int = 80
    stem: int = 64
    channels: int = 128
    width: int = 26
    parts: int = 2
    blocks: tuple[int, ...] = (3, 4, 6, 3)


def clipped(x: Tensor) -> Tensor:
    """In place."""
    return x.clamp_(0.0, CEILING)


class Fusion(nn.Module):
    """Two maps of the same shape (batch, channels, bands, frames) -> one: their sum, leant towards one or the other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2 * channels, channels // FUSION_RATIO, 1)
        self.bn1 = nn.BatchNorm2d(channels // FUSION_RATIO)
        self.conv2 = nn.Conv2d(channels // FUSION_RATIO, channels, 1)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        inner = functional.silu(self.bn1(self.conv1(torch.cat([x, other], dim=1))), inplace=True)
        leaning = torch.tanh(self.bn2(self.conv2(inner)))
        return x + other + leaning * (x - other)


class Block(nn.Module):
    """(batch, channels, bands, frames) -> (batch, out, bands, frames), `stride` that of bands and frames."""

    def __init__(self, channels: int, out: int, config: Eres2netv2Config, width: int, stride: int, fused: bool) -> None:
        super().__init__()
        self.parts = config.parts
        self.conv1 = nn.Conv2d(channels, width * config.parts, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(width * config.parts)
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, 1, 1, bias=False) for _ in range(config.parts))
        self.bns = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(config.parts))
        self.fusions = nn.ModuleList(Fusion(width) for _ in range(config.parts - 1 if fused else 0))
        self.conv3 = nn.Conv2d(width * config.parts, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.shortcut = nn.Sequential()
        if stride > 1 or channels != out:
            self.shortcut.append(nn.Conv2d(channels, out, 1, stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        passed = torch.cat(list(self._passed_on(clipped(self.bn1(self.conv1(x))))), dim=1)
        return clipped(self.bn3(self.conv3(passed)) + self.shortcut(x))

    def _passed_on(self, x: Tensor) -> Iterator[Tensor]:
        """Each part after its convolution, which sees what came out of the one before."""
        before: Tensor | None = None
        for number, part in enumerate(x.chunk(self.parts, dim=1)):
            if before is None:
                joined = part
            elif self.fusions:
                joined = self.fusions[number - 1](before, part)
            else:
                joined = before + part
            before = clipped(self.bns[number](self.convs[number](joined)))
            yield before


class Eres2netv2(nn.Module):
    """(batch, frames, mels) -> (batch, embedding), not of unit length. At least nine frames: of fewer, one is left
    after the strides, which has no deviation."""

    def __init__(self, config: Eres2netv2Config = Eres2netv2Config()) -> None:
        super().__init__()
        self.config = config
        channels = config.stem
        self.conv1 = nn.Conv2d(1, channels, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.stages = nn.ModuleList()
        for stage, count in enumerate(config.blocks):
            out, width = config.channels << stage, config.width << stage
            blocks = nn.Sequential()
            for number in range(count):
                stride = 2 if stage and not number else 1
                blocks.append(Block(channels, out, config, width, stride, fused=stage >= STAGES // 2))
                channels = out
            self.stages.append(blocks)
        self.down = nn.Conv2d(channels // 2, channels, 3, 2, 1, bias=False)
        self.fusion = Fusion(channels)
        self.dense = nn.Linear(2 * channels * (config.mels // 8), config.embedding)

    def forward(self, features: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(features.mT.unsqueeze(1))), inplace=True)
        first, second, third, fourth = self.stages
        before = third(second(first(x)))
        x = self.fusion(fourth(before), self.down(before)).flatten(1, 2)
        variance, mean = torch.var_mean(x, dim=2, correction=1)
        embedding: Tensor = self.dense(torch.cat([mean, torch.sqrt(variance + VARIANCE_FLOOR)], dim=1))
        return embedding
