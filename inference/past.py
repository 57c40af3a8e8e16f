"""What a causal network remembers between two stretches of a stream, as one flat vector per stream.

A layer that looks back asks `Past` for the frames before its input. In training, and at the start of a stream, there
are none and zeros stand in their place. So a network computes every frame once, and a stream in pieces gives the same
frames as the stream in one.
"""

from __future__ import annotations

from math import prod

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
        self._after = None if state is None else torch.empty_like(state)
        self._taken = self._filled = 0
        self._kept: list[Tensor] = []

    def take(self, like: Tensor, *shape: int) -> Tensor:
        """The next part of the state, (batch, *shape); zeros at the start of a stream."""
        if self._state is None:
            return like.new_zeros(like.shape[0], *shape)
        start = self._taken
        self._taken = start + prod(shape)
        return self._state[:, start : self._taken].reshape(-1, *shape)

    def keep(self, part: Tensor) -> None:
        """What the next stretch is to find, (batch, ...), in the order of `take`."""
        if self._after is None:
            self._kept.append(part.flatten(1))
            return
        start = self._filled
        self._filled = start + prod(part.shape[1:])
        self._after[:, start : self._filled].view(part.shape).copy_(part)

    def extend(self, x: Tensor, context: int) -> Tensor:
        """(batch, ..., frames) -> (batch, ..., context + frames): `x` with the `context` frames before it. `x` may
        run at a multiple of the stretch's frame rate. With a state, the result of (batch, channels, frames) lies as
        (frames, batch, channels) in memory, that of (batch, channels, bands, frames) as (batch, frames, bands,
        channels): what a network for inference (`inference/folding.py`) takes without another copy."""
        if self._state is None:
            both = functional.pad(x, (context, 0))
        elif x.ndim == 3:
            before = self.take(x, context, x.shape[1])
            both = torch.cat([before.transpose(0, 1), x.permute(2, 0, 1)]).permute(1, 2, 0)
        else:
            laid = x.new_empty(x.shape[0], context + x.shape[3], x.shape[2], x.shape[1])
            laid[:, :context] = self.take(x, context, x.shape[2], x.shape[1])
            laid[:, context:] = _reversed(x)
            both = _reversed(laid)
        self.keep(_reversed(self.last(both, context, context)))
        return both

    def last(self, x: Tensor, count: int, ahead: int = 0) -> Tensor:
        """The `count` frames that end with the last real one of (batch, ..., ahead + frames)."""
        if self._lengths is None:
            return x[..., x.shape[-1] - count :]
        frames = x.shape[-1]
        first = self._lengths * ((frames - ahead) // self._frames) + ahead - count
        index = first[:, None] + torch.arange(count, device=x.device)
        stream = torch.arange(x.shape[0], device=x.device)[:, None]
        if x.ndim == 3:
            rows, index = x.permute(2, 0, 1).flatten(0, 1), index * x.shape[0] + stream
        else:
            rows, index = _reversed(x).flatten(0, 1), index + stream * frames
        return _reversed(rows.index_select(0, index.flatten()).view(*index.shape, *rows.shape[1:]))

    def state(self) -> Tensor:
        """(batch, size): everything that was kept."""
        return torch.cat(self._kept, dim=1) if self._after is None else self._after[:, : self._filled]


def _reversed(x: Tensor) -> Tensor:
    """(batch, a, ..., z) -> (batch, z, ..., a), without a copy."""
    return x.permute(0, *range(x.ndim - 1, 0, -1))
