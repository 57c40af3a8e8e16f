"""What batches of a model cost on this machine, measured before the first call."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from inference.model import Model
from monitor.analysis import Stream, Window
from vad.grid import SAMPLE_RATE_HZ

BUDGET_S = 0.15
"""A batch may take so long: whatever comes next waits for it, and events are to be there within 300 ms."""
MEASURED = 16
"""Batches up to here are measured; what larger ones cost follows."""
TRIES = 5
"""Each size is measured so often, and its quickest counts: a machine that is busy at the start must not make batches
small for good. One that is over the budget at once is not asked again."""
HOP_SAMPLES = SAMPLE_RATE_HZ // 2


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds by batch size, for windows half a second after the last of their stream."""

    seconds: dict[int, float] = field(default_factory=dict)

    def largest(self, budget_s: float, most: int) -> int:
        """The largest batch within the budget, by the line through the last two that were measured; 1 at least, `most`
        at most."""
        if len(self.seconds) < 2:
            return 1 if any(seconds > budget_s for seconds in self.seconds.values()) else most
        (low, low_s), (high, high_s) = list(self.seconds.items())[-2:]
        each_s = (high_s - low_s) / (high - low)
        if each_s <= 0:
            return most
        return max(1, min(most, low + int((budget_s - low_s) / each_s + 1e-6)))


def measure(model: Model, budget_s: float = BUDGET_S, clock: Callable[[], float] = time.perf_counter) -> Costs:
    """Let the model hear batches of silence, each twice as large as the last, until one is over the budget or as large
    as MEASURED."""
    length = model.spec.window_samples
    silence = np.zeros(length, np.float32)
    streams: list[Stream] = []
    seconds: dict[int, float] = {}
    end, size = length, 1
    while True:
        new = [Stream() for _ in range(size - len(streams))]
        streams += new
        model.analyse([Window(0, model.role, 0, end, silence, stream) for stream in new])
        for _ in range(TRIES):
            end += HOP_SAMPLES
            windows = [Window(0, model.role, 0, end, silence, stream) for stream in streams]
            began_s = clock()
            model.analyse(windows)
            seconds[size] = min(seconds.get(size, math.inf), clock() - began_s)
            if seconds[size] > budget_s:
                break
        if seconds[size] > budget_s or size == min(MEASURED, model.max_batch):
            return Costs(seconds)
        size = min(2 * size, model.max_batch)
