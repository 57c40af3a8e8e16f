"""emotion2vec's transformer in whole numbers of 8 bits, on a CPU.

Weights are rounded once, each output of a layer by a factor of its own; what goes into a layer is rounded as it comes,
by its own range (dynamic quantisation). Convolutions, normalisations and the attention itself stay as they are. How far
the scores then are from exact: `python -m benchmarks.models`.
"""

from __future__ import annotations

import copy
import warnings

import torch
from torch import Tensor, nn

from inference.emotion2vec import Block, Emotion2vec

LARGEST = 127


class Int8Linear(nn.Module):
    """A linear layer, (..., in) -> (..., out)."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        weight = layer.weight.detach().float()
        scales = (weight.abs().amax(1).clamp_min(1e-12) / LARGEST).double()
        zeros = torch.zeros(len(weight), dtype=torch.long)
        with warnings.catch_warnings():  # that such tensors will go; torch is pinned, and nothing takes their place yet
            warnings.simplefilter("ignore", UserWarning)
            rounded = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
        bias = layer.bias.detach().float().clone()  # not of the checkpoint's file, which would stay in memory with it
        self._packed = torch.ops.quantized.linear_prepack(rounded, bias)

    def forward(self, x: Tensor) -> Tensor:
        # What goes in has 7 bits: processors without VNNI add up pairs of products in 16, which 8 would overflow.
        out: Tensor = torch.ops.quantized.linear_dynamic(x, self._packed, True)
        return out


def int8(net: Emotion2vec) -> Emotion2vec:
    """A copy for inference on a CPU, whose state_dict is not that of `net`."""
    rounded: dict[int, object] = {}
    """What stands in the copy for a layer, by the layer's id: so most of the weights are never copied."""
    for block in net.blocks:
        assert isinstance(block, Block)
        for layer in (block.attention.qkv, block.attention.proj, block.fc1, block.fc2):
            rounded[id(layer)] = Int8Linear(layer)
    return copy.deepcopy(net, rounded)
