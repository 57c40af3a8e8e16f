"""CAM++ laid out for speed: the same numbers to rounding.

Normalisations are folded into the layers before them. The dense blocks work on rows, one per frame: what their layers
add is written beside what is there, so nothing is joined again; each of their convolutions is one matrix product for
all its taps, which are added up shifted.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.campplus import SEGMENT_FRAMES, Campplus, DenseBlock, MaskedLayer
from inference.folding import without_norms


class Affine:
    """What is left of a normalisation that follows no layer, for rows: relu(x * scale + shift)."""

    def __init__(self, norm: nn.BatchNorm1d) -> None:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        self._scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        self._shift = norm.bias - norm.running_mean * self._scale

    def __call__(self, x: Tensor) -> Tensor:
        """(..., channels) -> the same, contiguous."""
        return torch.addcmul(self._shift, x, self._scale).relu_()


class RowsLayer:
    """A MaskedLayer on rows."""

    def __init__(self, layer: MaskedLayer) -> None:
        self.channels = layer.bottleneck.in_channels
        self.growth = layer.local.out_channels
        self._affine = Affine(layer.bn1)
        self._dilation = layer.local.dilation[0]
        assert layer.bottleneck.bias is not None
        self._bias, self._weight = layer.bottleneck.bias, layer.bottleneck.weight[:, :, 0].T.contiguous()
        self._taps = layer.local.weight.permute(1, 2, 0).flatten(1).contiguous()
        self._masks = [(mask.weight[:, :, 0], mask.bias) for mask in (layer.mask1, layer.mask2)]

    def __call__(self, x: Tensor) -> Tensor:
        """(batch, frames, channels) -> (batch, frames, growth)."""
        batch, frames, _ = x.shape
        rows = torch.addmm(self._bias, self._affine(x).flatten(0, 1), self._weight).relu_()
        taps = (rows @ self._taps).view(batch, frames, 3, self.growth)
        out, reach = taps[:, :, 1], self._dilation
        out[:, reach:] += taps[:, : frames - reach, 0]
        out[:, : frames - reach] += taps[:, reach:, 2]
        return out * self._mask(rows.view(batch, frames, -1))

    def _mask(self, x: Tensor) -> Tensor:
        """(batch, frames or 1, growth); 1 where all frames lie in one segment."""
        frames = x.shape[1]
        mean = x.mean(1, keepdim=True)
        if frames <= SEGMENT_FRAMES:
            context = 2 * mean
        else:
            segments = torch.split(x, SEGMENT_FRAMES, dim=1)
            context = torch.cat([segment.mean(1, keepdim=True) for segment in segments], dim=1) + mean
        (first, first_bias), (second, second_bias) = self._masks
        mask = functional.linear(functional.linear(context, first, first_bias).relu_(), second, second_bias).sigmoid_()
        if frames <= SEGMENT_FRAMES:
            return mask
        return mask.repeat_interleave(SEGMENT_FRAMES, dim=1)[:, :frames]


class RowsBlock:
    """A DenseBlock on rows."""

    def __init__(self, block: DenseBlock) -> None:
        self._layers = [RowsLayer(layer) for layer in block.layers if isinstance(layer, MaskedLayer)]
        self._channels = block.channels
        self._affine = Affine(block.bn)
        self._transition = block.transition.weight[:, :, 0].T.contiguous()

    def __call__(self, x: Tensor) -> Tensor:
        """(batch, frames, channels) -> (batch, frames, other channels)."""
        joined = x.new_empty(*x.shape[:2], self._channels)
        joined[:, :, : x.shape[2]] = x
        for layer in self._layers:
            end = layer.channels + layer.growth
            joined[:, :, layer.channels : end] = layer(joined[:, :, : layer.channels])
        return self._affine(joined) @ self._transition


class RowsCampplus:
    """(batch, frames, mels) -> (batch, embedding), as `Campplus`, of which it takes the weights."""

    def __init__(self, net: Campplus) -> None:
        folded = without_norms(net)
        self.config = net.config
        self._head = folded.head
        for conv in self._head.modules():
            if isinstance(conv, nn.Conv2d):
                conv.weight.data = conv.weight.data.contiguous(memory_format=torch.channels_last)
        self._tdnn = folded.tdnn
        self._blocks = [RowsBlock(block) for block in folded.blocks if isinstance(block, DenseBlock)]
        self._affine = Affine(folded.out_bn)
        self._dense = folded.dense

    def __call__(self, features: Tensor) -> Tensor:
        x = functional.relu(self._tdnn(self._head(features.transpose(1, 2)))).transpose(1, 2)
        for block in self._blocks:
            x = block(x)
        std, mean = torch.std_mean(self._affine(x), dim=1, correction=1)
        embedding: Tensor = self._dense(torch.cat([mean, std], dim=1).unsqueeze(2)).squeeze(2)
        return embedding
