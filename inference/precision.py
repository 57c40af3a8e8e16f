"""In which numbers emotion2vec computes on a CPU: the quickest that are near enough, found out at the start.

Processors differ: one multiplies bfloat16 or whole numbers of 8 bits several times as fast as 32-bit floats, another
hardly any faster, a third only by way of 32 bits. So each kind is timed, with the weights that are to be used, and
compared with 32 bits on sounds like speech. What is not `near` is left out, however fast it is.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from inference.allocation import give_back_memory
from inference.emotion2vec import Emotion2vec, normalised
from inference.emotion2vec_rows import in_rows
from inference.int8 import int8

NEAR = 0.005
"""The mean difference of a score from that of 32 bits that is near enough; no label may differ."""
PROBES, TRIES = 4, 2
HOPELESS, FUTILE = 1.5, 6.0
"""A kind that takes so many times the best one's time is not compared; so many times, and it is not timed again."""


class Precision(StrEnum):
    """Kinds of numbers; AUTO: the quickest that is near enough."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"


def _bfloat16(net: Emotion2vec) -> Emotion2vec:
    """A copy, made tensor by tensor: a copy of the whole in 32 bits first would take the most memory of all."""
    halved: dict[int, object] = {
        id(weight): nn.Parameter(weight.to(torch.bfloat16), requires_grad=False) for weight in net.parameters()
    }
    return copy.deepcopy(net, halved)


def _int8(net: Emotion2vec) -> Emotion2vec:
    """The transformer in 8 bits; the convolutions in bfloat16, where that is quicker."""
    own = int8(net)
    second = torch.zeros(1, 16_000)
    quick = copy.deepcopy(own.local).to(torch.bfloat16)
    if _quickest_s(lambda: quick(second)) < _quickest_s(lambda: own.local(second)):
        own.local = quick
    return own


MAKE: Mapping[Precision, Callable[[Emotion2vec], Emotion2vec]] = {
    Precision.FLOAT32: lambda net: net,
    Precision.BFLOAT16: _bfloat16,
    Precision.INT8: _int8,
}


@dataclass(frozen=True, slots=True)
class Tried:
    """A kind: seconds for a window; how far its scores are from those of 32 bits in the mean; and the share of windows
    with the same label. None where it was too slow to be compared."""

    seconds: float
    scores_apart: float | None = None
    labels_alike: float | None = None

    @property
    def near(self) -> bool:
        """Whether it may stand for 32 bits."""
        return self.scores_apart is not None and self.scores_apart <= NEAR and self.labels_alike == 1.0


@dataclass(frozen=True, slots=True)
class Choice:
    """The network as it is to run, in which numbers, and what was tried to find that out."""

    net: Emotion2vec
    precision: Precision
    tried: Mapping[Precision, Tried]


def prepared(
    net: Emotion2vec,
    wanted: Precision,
    window_samples: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Choice:
    """The network laid out for a CPU, in the numbers that are wanted."""
    rows = in_rows(net)
    if wanted is not Precision.AUTO:
        return Choice(MAKE[wanted](rows), wanted, {})
    windows = normalised(speechlike(PROBES, window_samples))
    tried: dict[Precision, Tried] = {}
    exact, own, last, chosen = torch.empty(0), rows, Precision.FLOAT32, Precision.FLOAT32
    for precision, make in MAKE.items():
        own = rows  # lets go of the kind before: a large network in three kinds at once fills a small machine
        give_back_memory()
        own, last = make(rows), precision
        best_s = min((each.seconds for each in tried.values()), default=float("inf"))
        seconds = _quickest_s(partial(scores_of, own, windows[:1]), FUTILE * best_s, clock)
        if seconds > HOPELESS * best_s:
            tried[precision] = Tried(seconds)
            continue
        scores = scores_of(own, windows)
        if precision is Precision.FLOAT32:
            exact = scores
        alike = float((scores.argmax(1) == exact.argmax(1)).float().mean())
        tried[precision] = Tried(seconds, float((scores - exact).abs().mean()), alike)
        if tried[precision].near and seconds < tried[chosen].seconds:
            chosen = precision
    if last is not chosen:
        own = rows
        give_back_memory()
        own = MAKE[chosen](rows)
    return Choice(own, chosen, tried)


@torch.inference_mode()
def scores_of(net: Emotion2vec, windows: Tensor) -> Tensor:
    """(windows, labels): the scores of whole windows, (windows, samples), in 32 bits."""
    dtype = net.head.weight.dtype
    return torch.cat([net(window[None].to(dtype))[1].float().mean(1).softmax(1) for window in windows])


@torch.inference_mode()
def _quickest_s(
    call: Callable[[], Tensor], limit_s: float = float("inf"), clock: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds for a call: the quickest of some; fewer are made if they take longer than `limit_s`."""
    seconds = float("inf")
    for _ in range(1 + TRIES):
        began_s = clock()
        call()
        seconds = min(seconds, clock() - began_s)
        if seconds > limit_s:
            break
    return seconds


def speechlike(count: int, samples: int, seed: int = 0) -> Tensor:
    """(count, samples): voices of different pitch and strength with pauses, and a noisy line; at 16 kHz."""
    dice = np.random.default_rng(seed)
    t = np.arange(samples) / 16_000
    out = np.empty((count, samples), np.float32)
    for row in out:
        pitch = dice.uniform(90, 240) * (1 + 0.15 * np.sin(2 * np.pi * dice.uniform(0.3, 1.5) * t + dice.uniform(0, 6)))
        phase = 2 * np.pi * np.cumsum(pitch) / 16_000
        tilt = dice.uniform(0.6, 1.4)
        voice = sum(np.sin(number * phase + dice.uniform(0, 6)) / number**tilt for number in range(1, 16))
        syllables = np.clip(np.sin(2 * np.pi * dice.uniform(2, 5) * t + dice.uniform(0, 6)) + 0.4, 0, None)
        spoken = np.sin(2 * np.pi * dice.uniform(0.2, 0.5) * t + dice.uniform(0, 6)) > -0.5
        row[:] = dice.uniform(0.02, 0.2) * voice * syllables * spoken + dice.normal(
            0, dice.uniform(0.001, 0.01), samples
        )
    return torch.from_numpy(out)
