"""What a causal network remembers between two stretches of a stream, as one flat vector per stream.

A layer that looks back asks `Past` for the frames before its input. In training, and at the start of a stream, there
are none and zeros stand in their place. So a network computes every frame once, and a stream in pieces gives the same
frames as the stream in one.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


class Past:
    """`state`: (batch, size) as `state()` gave it after the last stretch, None at the start of streams. `lengths`:
    (batch,) how many of the stretch's `frames` frames are real in each stream (None: all); what follows is padding,
    which a causal network computes and nobody may keep.

    Layers must ask in the same order every time: the order is the layout.
    """

    def __init__(self, state: Tensor | None = None, lengths: Tensor | None = None, frames: int = 0) -> None:
        even = lengths is None or bool((lengths == frames).all())
        self._state, self._lengths, self._frames = state, None if even else lengths, frames
        self._at = 0
        self._kept: list[Tensor] = []

    def take(self, like: Tensor, *shape: int) -> Tensor:
        """The next part of the state, (batch, *shape); zeros at the start of a stream."""
        size = 1
        for length in shape:
            size *= length
        if self._state is None:
            return like.new_zeros(like.shape[0], *shape)
        part = self._state[:, self._at : self._at + size]
        self._at += size
        return part.reshape(-1, *shape)

    def keep(self, part: Tensor) -> None:
        """What the next stretch is to find, (batch, ...), in the order of `take`."""
        self._kept.append(part.flatten(1))

    def extend(self, x: Tensor, context: int) -> Tensor:
        """(batch, ..., frames) -> (batch, ..., context + frames): `x` with the `context` frames before it. `x` may
        run at a multiple of the stretch's frame rate. Within a stream the result lies frame by frame in memory."""
        if self._state is None:
            both = functional.pad(x, (context, 0))
        else:
            before = self.take(x, context, *x.shape[-2:0:-1])
            both = _reversed(torch.cat([before, _reversed(x)], dim=1))
        self.keep(_reversed(self.last(both, context, context)))
        return both

    def last(self, x: Tensor, count: int, ahead: int = 0) -> Tensor:
        """The `count` frames that end with the last real one of (batch, ..., ahead + frames)."""
        if self._lengths is None:
            return x[..., x.shape[-1] - count :]
        rate = (x.shape[-1] - ahead) // self._frames
        index = (self._lengths * rate + ahead - count)[:, None] + torch.arange(count, device=x.device)
        return _reversed(_reversed(x)[torch.arange(len(x), device=x.device)[:, None], index])

    def state(self) -> Tensor:
        """(batch, size): everything that was kept."""
        return torch.cat(self._kept, dim=1)


def _reversed(x: Tensor) -> Tensor:
    """(batch, a, ..., z) -> (batch, z, ..., a), without a copy."""
    return x.permute(0, *range(x.ndim - 1, 0, -1))
