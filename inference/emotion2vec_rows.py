"""emotion2vec's convolutions laid out for speed on a CPU: the same numbers to rounding.

Frames lie as rows, (batch, frames, channels), from the first layer to the last, so that nothing is turned round between
a convolution and the normalisation over channels that follows it. A strided convolution is then one or two matrix
products over rows that lie side by side already; one in groups is a product per group.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.emotion2vec import EPS, Emotion2vec, LocalEncoder, PositionalEncoder


class RowsLocalEncoder(nn.Module):
    """`LocalEncoder`, of which it takes the weights."""

    def __init__(self, encoder: LocalEncoder) -> None:
        super().__init__()
        first, *rest = _convolutions(encoder)
        self.norms = encoder.norms
        self._kernel, self._stride = first.kernel_size[0], first.stride[0]
        self.first = _constant(first.weight[:, 0].T)
        # The first two taps of a stride of two lie side by side; a third begins the next pair.
        self.pairs = nn.ParameterList(_constant(conv.weight[:, :, :2].permute(2, 1, 0).flatten(0, 1)) for conv in rest)
        self.thirds = nn.ParameterList(_constant(conv.weight[:, :, 2:].permute(2, 1, 0).flatten(0, 1)) for conv in rest)

    def forward(self, wave: Tensor) -> Tensor:
        x = self._normed(wave.unfold(1, self._kernel, self._stride) @ self.first, 0)
        for number, (pair, third) in enumerate(zip(self.pairs, self.thirds, strict=True), start=1):
            x = self._normed(_strided(x, pair, third), number)
        return x

    def _normed(self, x: Tensor, number: int) -> Tensor:
        return functional.gelu(self.norms[number](x))


def _strided(x: Tensor, pair: Tensor, third: Tensor) -> Tensor:
    """A convolution with a stride of two over rows (batch, frames, channels): taps 0 and 1, and 2 if there is one."""
    batch, frames, channels = x.shape
    count = (frames - 2 - len(third) // channels) // 2 + 1
    side_by_side = x.as_strided((batch, count, 2 * channels), (frames * channels, 2 * channels, 1))
    y = side_by_side @ pair
    if not len(third):
        return y
    after = x[:, 2 : 2 * count + 1 : 2]
    if batch == 1:
        return torch.addmm(y[0], after[0], third).unsqueeze(0)
    return torch.baddbmm(y, after, third.expand(batch, -1, -1))


class RowsPositionalEncoder(nn.Module):
    """`PositionalEncoder`, of which it takes the weights."""

    def __init__(self, encoder: PositionalEncoder) -> None:
        super().__init__()
        convs = _convolutions(encoder)
        self._groups, self._kernel = convs[0].groups, convs[0].kernel_size[0]
        taps = [conv.weight.view(self._groups, -1, *conv.weight.shape[1:]) for conv in convs]
        self.weights = nn.ParameterList(_constant(tap.permute(0, 2, 3, 1).flatten(1, 2)) for tap in taps)
        self.biases = nn.ParameterList(_constant(conv.bias) for conv in convs if conv.bias is not None)

    def forward(self, x: Tensor, beyond: Tensor | None) -> Tensor:
        reach = self._kernel // 2
        for weight, bias in zip(self.weights, self.biases, strict=True):
            if beyond is not None:
                x = x.masked_fill(beyond.unsqueeze(2), 0.0)
            batch, frames, width = x.shape
            padded = functional.pad(x, (0, 0, reach, reach)).view(batch, frames + 2 * reach, self._groups, -1)
            taps = padded.unfold(1, self._kernel, 1)  # (batch, frames, groups, width / groups, taps)
            rows = taps.permute(2, 0, 1, 3, 4).reshape(self._groups, batch * frames, -1)
            y = (rows @ weight).view(self._groups, batch, frames, -1).permute(1, 2, 0, 3).reshape(batch, frames, width)
            x = functional.gelu(functional.layer_norm(y.add_(bias), (width,), eps=EPS))
        return x


def in_rows(net: Emotion2vec) -> Emotion2vec:
    """A copy for inference on a CPU, whose state_dict is not that of `net`."""
    net = copy.deepcopy(net)
    for name, encoder in (("local", RowsLocalEncoder(net.local)), ("positions", RowsPositionalEncoder(net.positions))):
        setattr(net, name, encoder)
    return net


def _convolutions(encoder: LocalEncoder | PositionalEncoder) -> list[nn.Conv1d]:
    return [conv for conv in encoder.convs if isinstance(conv, nn.Conv1d)]


def _constant(weight: Tensor) -> nn.Parameter:
    return nn.Parameter(weight.detach().clone(memory_format=torch.contiguous_format), requires_grad=False)
