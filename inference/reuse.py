"""emotion2vec on the overlapping windows of a stream, without computing again what the window before has computed.

Three grades, from exact to fast:

- NONE: every window by itself.
- CONVOLUTIONS: a frame of the convolutional encoder depends on 25 ms of audio only, but for the normalisation of the
  window. Each frame keeps that of the window in which it was new. The encoder's first layer is followed by a
  normalisation, so a factor hardly matters; what differs are the quietest frames.
- FRAMES: also in the transformer only the newest frames are computed: those that are new, and `AGAIN_FRAMES` before
  them, which are given a second chance to see what followed. They attend to the older ones as these were left behind,
  by their keys and values.

`python -m benchmarks.models` shows what each costs and how far it is from the exact one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor

from inference.emotion2vec import EPS, HOP_SAMPLES, Block, Emotion2vec, frames_in
from inference.precision import Precision

AGAIN_FRAMES = 25


class Reuse(StrEnum):
    """What of a stream's last window is used again."""

    NONE = "none"
    CONVOLUTIONS = "convolutions"
    FRAMES = "frames"


@dataclass(frozen=True, slots=True)
class Shortcuts:
    """What emotion2vec may do instead of the exact computation; by default nothing."""

    reuse: Reuse = Reuse.NONE
    precision: Precision = Precision.FLOAT32


EXACT = Shortcuts()


@dataclass(slots=True)
class Heard:
    """What is kept of a stream's window that ended at sample `end`: the output of the convolutional encoder, (frames,
    channels), and per block keys and values, (2, heads, tokens, width / heads)."""

    end: int
    local: Tensor
    attended: list[Tensor]


class ReusingEmotion2vec:
    """The network on windows of `window_samples` samples whose ends lie a multiple of 20 ms apart."""

    def __init__(self, net: Emotion2vec, window_samples: int, reuse: Reuse) -> None:
        self._net = net
        self._reuse = reuse
        self._frames = frames_in(window_samples)
        self._samples = window_samples
        self._reach = net.config.position_layers * (net.config.position_kernel // 2)
        self._dtype = net.head.weight.dtype
        self._bias = net.bias(self._frames, None).to(self._dtype)

    def fresh(self, heard: Heard | None, end: int) -> int:
        """How many frames of the window that ends at sample `end` are new; all of them where nothing can be reused.
        A window that begins before its stream does is made up in part, each differently."""
        if heard is None or self._reuse is Reuse.NONE or heard.end < self._samples:
            return self._frames
        fresh, beside = divmod(end - heard.end, HOP_SAMPLES)
        return fresh if not beside and 0 < fresh < self._frames else self._frames

    def __call__(
        self, audio: Tensor, ends: list[int], heard: list[Heard | None], fresh: int
    ) -> tuple[Tensor, list[Heard]]:
        """Logits (batch, n, labels) of the newest n frames of each window, and what is to be kept of each stream.

        `audio`: (batch, window_samples), not normalised; `fresh`: how many frames are new in each of these windows.
        """
        local = self._local(audio, heard, fresh)
        if self._reuse is not Reuse.FRAMES:
            logits = self._net.head(self._net.relate(local, bias=self._bias))
            return logits, [Heard(end, own, []) for end, own in zip(ends, local, strict=True)]
        features, attended = self._relate(local, heard, fresh)
        kept = [
            Heard(end, own, [pair[:, row] for pair in attended])
            for row, (end, own) in enumerate(zip(ends, local, strict=True))
        ]
        return self._net.head(features), kept

    def _local(self, audio: Tensor, heard: list[Heard | None], fresh: int) -> Tensor:
        """(batch, frames, channels)"""
        variance, mean = torch.var_mean(audio, dim=1, keepdim=True, correction=0)
        new = audio[:, (self._frames - fresh) * HOP_SAMPLES :]
        local: Tensor = self._net.local(((new - mean) * (variance + EPS).rsqrt()).to(self._dtype))
        if fresh == self._frames:
            return local
        before = torch.stack([each.local[fresh:] for each in heard if each is not None])
        return torch.cat([before, local], dim=1)

    def _relate(self, local: Tensor, heard: list[Heard | None], fresh: int) -> tuple[Tensor, list[Tensor]]:
        """Features (batch, n, width) of the newest frames, and per block keys and values (2, batch, heads, tokens, ...)
        of all."""
        net, extra = self._net, self._net.config.extra_tokens
        count = min(self._frames, fresh + AGAIN_FRAMES) if fresh < self._frames else self._frames
        x = net.project(net.project_norm(local[:, max(0, self._frames - count - self._reach) :]))
        x = (x + net.positions(x, None))[:, x.shape[1] - count :]
        x = net.norm(torch.cat([net.extra_tokens.expand(len(x), -1, -1), x], dim=1))
        old = self._frames - count
        bias = torch.cat([self._bias[:, :, :extra], self._bias[:, :, extra + old :]], dim=2)
        attended: list[Tensor] = []
        for number, block in enumerate(net.blocks):
            assert isinstance(block, Block)
            q, k, v = block.attention.split(x)
            pair = k.new_empty(2, *k.shape[:2], extra + self._frames, k.shape[3])
            for own, new in zip(pair, (k, v), strict=True):
                own[:, :, :extra], own[:, :, extra + old :] = new[:, :, :extra], new[:, :, extra:]
            if old:
                for row, each in enumerate(heard):
                    assert each is not None
                    pair[:, row, :, extra : extra + old] = each.attended[number][
                        :, :, extra + fresh : extra + fresh + old
                    ]
            x = block.finish(x, block.attention.merge(q, pair[0], pair[1], bias))
            attended.append(pair)
        return x[:, extra:], attended
