"""What can be worked out before a trained network runs: the same numbers to rounding, in less time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from inference.causal import ConvBlock, SpeakerSoFar, SpectralStem
from inference.emotion_net import EmotionNet
from inference.features import RunningReference
from inference.frame_major import (
    BandsConv2d,
    QuickConvBlock,
    QuickHeadMeans,
    QuickReference,
    QuickSoFar,
    QuickStem,
    RowsLinear,
    TapsConv1d,
)
from inference.speaker_net import HeadMeans

Net = TypeVar("Net", bound=nn.Module)
_QUICK: dict[type[nn.Module], Callable[[Any], nn.Module]] = {
    RunningReference: QuickReference,
    SpectralStem: QuickStem,
    ConvBlock: QuickConvBlock,
    SpeakerSoFar: QuickSoFar,
    HeadMeans: lambda _: QuickHeadMeans(),
    nn.Conv2d: BandsConv2d,
    nn.Conv1d: TapsConv1d,
}
_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Linear)


def folded(net: Net) -> Net:
    """A copy of `net` for inference only: `without_norms`, and convolutions take what lies frame by frame in memory, as
    `Past.extend` leaves it. Its state_dict is not that of `net`."""
    net = without_norms(net)
    _replace(net)
    if isinstance(net, EmotionNet):
        for head in ("label_head", "arousal_head"):
            setattr(net, head, RowsLinear(getattr(net, head)))
    return net


def without_norms(net: Net) -> Net:
    """A copy of `net` for inference only whose normalisations are folded into the layers before them.

    A normalisation that is registered straight after a layer of its width must be applied straight to its output.
    """
    net = copy.deepcopy(net).eval().requires_grad_(False)
    for module in list(net.modules()):
        for layers, name, norms, norm_name in _neighbours(module):
            layer, norm = getattr(layers, name), getattr(norms, norm_name)
            if isinstance(layer, _LAYERS) and isinstance(norm, _BatchNorm) and len(layer.weight) == norm.num_features:
                _fold(layer, norm)
                setattr(norms, norm_name, nn.Identity())
    return net


def _replace(module: nn.Module) -> None:
    """Puts the layers that run faster in the place of those for which there are any."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv1d) and (child.groups > 1 or child.stride != (1,) or child.padding != (0,)):
            continue
        made = _QUICK.get(type(child))
        if made is None:
            _replace(child)
        else:
            setattr(module, name, made(child))


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
