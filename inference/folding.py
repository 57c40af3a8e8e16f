"""What can be worked out before a trained network runs: the same numbers to rounding, in less time."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

Net = TypeVar("Net", bound=nn.Module)
_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Linear)


def folded(net: Net) -> Net:
    """A copy of `net` for inference only: normalisations are folded into the layers before them, convolutions take
    what lies frame by frame in memory, as `Past.extend` leaves it. Its state_dict is not that of `net`.

    A normalisation that is registered straight after a layer of its width must be applied straight to its output.
    """
    net = copy.deepcopy(net).eval().requires_grad_(False)
    for module in list(net.modules()):
        for layers, name, norms, norm_name in _neighbours(module):
            layer, norm = getattr(layers, name), getattr(norms, norm_name)
            if isinstance(layer, _LAYERS) and isinstance(norm, _BatchNorm) and len(layer.weight) == norm.num_features:
                _fold(layer, norm)
                setattr(norms, norm_name, nn.Identity())
    for module in list(net.modules()):
        for name, layer in list(module.named_children()):
            if isinstance(layer, nn.Conv2d):
                setattr(module, name, _FrameMajorConv2d(layer))
            elif isinstance(layer, nn.Conv1d) and layer.groups == 1 and layer.stride == (1,) and layer.padding == (0,):
                setattr(module, name, _TapsConv1d(layer))
    return net


def _neighbours(module: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module, str]]:
    """Children registered one after the other, and the members of lists registered one after the other."""
    for (name, child), (next_name, following) in pairwise(list(module.named_children())):
        if isinstance(child, nn.ModuleList) and isinstance(following, nn.ModuleList):
            yield from ((child, str(i), following, str(i)) for i in range(min(len(child), len(following))))
        else:
            yield module, name, module, next_name


def _fold(layer: nn.Conv1d | nn.Conv2d | nn.Linear, norm: _BatchNorm) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale, shift = torch.rsqrt(norm.running_var + norm.eps), -norm.running_mean
    if norm.affine:
        scale = scale * norm.weight
    shift = (shift if layer.bias is None else shift + layer.bias) * scale
    if norm.affine:
        shift = shift + norm.bias
    weight = layer.weight * scale.reshape(-1, *[1] * (layer.weight.ndim - 1))
    layer.weight, layer.bias = (nn.Parameter(part.detach(), requires_grad=False) for part in (weight, shift))


class _TapsConv1d(nn.Module):
    """A convolution as one matrix product: (batch, channels, frames) both ways."""

    def __init__(self, conv: nn.Conv1d) -> None:
        super().__init__()
        self.weight = nn.Parameter(conv.weight.permute(0, 2, 1).flatten(1).contiguous(), requires_grad=False)
        self.bias = conv.bias
        self._steps = [tap * conv.dilation[0] for tap in range(conv.kernel_size[0])]

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2)
        frames = x.shape[1] - self._steps[-1]
        taps = [x[:, step : step + frames] for step in self._steps]
        x = torch.cat(taps, dim=2) if len(taps) > 1 else x.contiguous()
        return functional.linear(x, self.weight, self.bias).transpose(1, 2)


class _FrameMajorConv2d(nn.Module):
    """A convolution over (batch, channels, bands, frames) that lies as (batch, frames, bands, channels)."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        weight = conv.weight.transpose(2, 3).contiguous(memory_format=torch.channels_last)
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = conv.bias
        self._stride, self._padding = conv.stride[::-1], tuple(conv.padding)[::-1]

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(2, 3).contiguous(memory_format=torch.channels_last)
        y = functional.conv2d(x, self.weight, self.bias, self._stride, self._padding)  # type: ignore[arg-type]
        return y.transpose(2, 3)
