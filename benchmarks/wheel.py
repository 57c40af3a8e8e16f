"""One clockwork for all calls: who is to do something, tick by tick. It is told the time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
TICK_S = 0.005


class Wheel(Generic[T]):
    """Items wait for their tick. Times are seconds on any one clock; a time is rounded up to whole ticks.

    One list per tick that something waits for: adding and taking cost the same however many wait. A tick that was
    missed is not lost, it comes late.
    """

    def __init__(self, now_s: float, tick_s: float = TICK_S) -> None:
        self._tick_s = tick_s
        self._next = math.ceil(now_s / tick_s)
        self._slots: dict[int, list[T]] = {}

    @property
    def next_s(self) -> float:
        """When the next tick is due."""
        return self._next * self._tick_s

    def put(self, item: T, due_s: float) -> None:
        """`item` is due at `due_s`; if that has passed, at the next tick."""
        tick = max(math.ceil(due_s / self._tick_s), self._next)
        slot = self._slots.get(tick)
        if slot is None:
            self._slots[tick] = [item]
        else:
            slot.append(item)

    def take(self, now_s: float) -> Iterator[tuple[float, list[T]]]:
        """The ticks that are due by `now_s` and hold something, each with its time and its items in the order in which
        they were put. While it is read, items may be put for the ticks to come."""
        while self._next * self._tick_s <= now_s:
            tick = self._next
            self._next += 1
            items = self._slots.pop(tick, None)
            if items:
                yield tick * self._tick_s, items
