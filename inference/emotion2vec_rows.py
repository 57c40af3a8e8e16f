"""emotion2vec's convolutional encoder laid out for speed on a CPU: the same numbers to rounding.

Frames lie as rows, (frames, channels), from the first layer to the last, so that nothing is turned round between a
convolution and the normalisation over channels that follows it. A strided convolution is then one or two matrix
products over rows that lie side by side already.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from inference.emotion2vec import HOP_SAMPLES, RECEPTIVE_SAMPLES, Emotion2vec, LocalEncoder, frames_in

PIECE_FRAMES = frames_in(3 * 16_000)
"""So many frames of a clip are computed at once, those of a window in a call. Of more, what lies between the layers
takes memory by the hundred MB, and leaves the processor's caches."""


class RowsLocalEncoder(nn.Module):
    """`LocalEncoder`, of which it takes the weights. It may compute in other numbers than it is given, and gives."""

    def __init__(self, encoder: LocalEncoder) -> None:
        super().__init__()
        first, *rest = [conv for conv in encoder.convs if isinstance(conv, nn.Conv1d)]
        self.norms = encoder.norms
        self._kernel, self._stride = first.kernel_size[0], first.stride[0]
        self.first = _constant(first.weight[:, 0].T)
        # The first two taps of a stride of two lie side by side; a third begins the next pair.
        self.pairs = nn.ParameterList(_constant(conv.weight[:, :, :2].permute(2, 1, 0).flatten(0, 1)) for conv in rest)
        self.thirds = nn.ParameterList(_constant(conv.weight[:, :, 2:].permute(2, 1, 0).flatten(0, 1)) for conv in rest)

    def forward(self, wave: Tensor) -> Tensor:
        return torch.stack([self._clip(clip) for clip in wave.to(self.first.dtype)]).to(wave.dtype)

    def _clip(self, clip: Tensor) -> Tensor:
        """(samples,) -> (frames, channels). One by one: on a CPU a batch of them is no quicker."""
        frames = frames_in(len(clip))
        if frames <= PIECE_FRAMES:
            return self._piece(clip)
        spans = [(first, min(frames, first + PIECE_FRAMES)) for first in range(0, frames, PIECE_FRAMES)]
        return torch.cat(
            [
                self._piece(clip[first * HOP_SAMPLES : (last - 1) * HOP_SAMPLES + RECEPTIVE_SAMPLES])
                for first, last in spans
            ]
        )

    def _piece(self, clip: Tensor) -> Tensor:
        x = self._normed(clip.unfold(0, self._kernel, self._stride) @ self.first, 0)
        for number, (pair, third) in enumerate(zip(self.pairs, self.thirds, strict=True), start=1):
            x = self._normed(_strided(x, pair, third), number)
        return x

    def _normed(self, x: Tensor, number: int) -> Tensor:
        return functional.gelu(self.norms[number](x))


def _strided(x: Tensor, pair: Tensor, third: Tensor) -> Tensor:
    """A convolution with a stride of two over rows (frames, channels): taps 0 and 1, and 2 if there is one."""
    frames, channels = x.shape
    count = (frames - 2 - len(third) // channels) // 2 + 1
    y = x[: 2 * count].view(count, 2 * channels) @ pair
    return torch.addmm(y, x[2 : 2 * count + 1 : 2], third) if len(third) else y


def in_rows(net: Emotion2vec) -> Emotion2vec:
    """The network for inference on a CPU: all but the encoder is shared with `net`, which is left as it is."""
    assert isinstance(net.local, LocalEncoder)
    own = copy.copy(net)
    own._modules = dict(net._modules)
    own.local = RowsLocalEncoder(net.local)
    return own


def _constant(weight: Tensor) -> nn.Parameter:
    return nn.Parameter(weight.detach().clone(memory_format=torch.contiguous_format), requires_grad=False)
