"""What batches of a model cost on this machine, measured before the first call."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from inference.model import Model
from monitor.analysis import Stream, Window
from vad.resample import SAMPLE_RATE_HZ

BUDGET_S = 0.15
"""A batch may take so long: whatever comes next waits for it, and events are to be there within 300 ms."""
HOP_SAMPLES = SAMPLE_RATE_HZ // 2


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds by batch size, for windows half a second after the last of their stream."""

    seconds: dict[int, float] = field(default_factory=dict)

    def largest(self, budget_s: float, most: int) -> int:
        """The largest batch within the budget, between what was measured in proportion; 1 at least, `most` at most."""
        within = [size for size, seconds in self.seconds.items() if seconds <= budget_s]
        beyond = [size for size, seconds in self.seconds.items() if seconds > budget_s]
        if not beyond:
            return most
        low, high = max(within, default=0), min(beyond)
        if not low:
            return 1
        share = (budget_s - self.seconds[low]) / (self.seconds[high] - self.seconds[low])
        return min(most, low + int(share * (high - low)))


def measure(model: Model, budget_s: float = BUDGET_S, clock: Callable[[], float] = time.perf_counter) -> Costs:
    """Let the model hear batches of silence, each twice as large as the last, until one is over the budget."""
    length = model.spec.window_samples
    silence = np.zeros(length, np.float32)
    streams: list[Stream] = []
    seconds: dict[int, float] = {}
    end, size = length, 1
    while True:
        new = [Stream() for _ in range(size - len(streams))]
        streams += new
        model.analyse([Window(0, model.role, 0, end, silence, stream) for stream in new])
        end += HOP_SAMPLES
        windows = [Window(0, model.role, 0, end, silence, stream) for stream in streams]
        began_s = clock()
        model.analyse(windows)
        seconds[size] = clock() - began_s
        if seconds[size] > budget_s or size == model.max_batch:
            return Costs(seconds)
        size = min(2 * size, model.max_batch)
