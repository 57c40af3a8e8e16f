"""ERes2NetV2 laid out for speed: the same numbers to rounding.

Normalisations are folded into the layers before them; convolutions work on maps that hold a place's channels side by
side.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from inference.eres2netv2 import Eres2netv2
from inference.folding import without_norms


class QuickEres2netv2:
    """(batch, frames, mels) -> (batch, embedding), as `Eres2netv2`, of which it takes the weights."""

    def __init__(self, net: Eres2netv2) -> None:
        self.config = net.config
        self._net = without_norms(net)
        for conv in self._net.modules():
            if isinstance(conv, nn.Conv2d):
                conv.weight.data = conv.weight.data.contiguous(memory_format=torch.channels_last)

    def __call__(self, features: Tensor) -> Tensor:
        embedding: Tensor = self._net(features)
        return embedding
