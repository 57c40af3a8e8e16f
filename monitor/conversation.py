"""How people talked with each other over a call: silence, overlap, interruptions."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from monitor.turns import Turn

Change = tuple[float, str | None, str]
"""When the floor passed, from whom and to whom."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds for which nobody spoke, the longest of them at one stretch, and for which more than one spoke."""

    silence_s: float
    longest_s: float
    overlap_s: float


def pauses(turns: Iterable[Turn], now_s: float) -> Pauses:
    """`turns` in any order; one that goes on counts up to `now_s`, which is where the call ends."""
    edges = sorted(edge for turn in turns for edge in ((turn.start, 1), (now_s if turn.end is None else turn.end, -1)))
    silence_s = longest_s = overlap_s = last_s = 0.0
    speaking = 0
    for at_s, step in [*edges, (now_s, 0)]:
        passed_s = max(0.0, at_s - last_s)
        if speaking == 0:
            silence_s, longest_s = silence_s + passed_s, max(longest_s, passed_s)
        elif speaking > 1:
            overlap_s += passed_s
        speaking, last_s = speaking + step, max(last_s, at_s)
    return Pauses(round(silence_s, 2), round(longest_s, 2), round(overlap_s, 2))


def interruptions(turns: Iterable[Turn], changes: Iterable[Change], now_s: float) -> Counter[str]:
    """How many times each party took the floor from another who went on speaking. `turns` in the order of their starts;
    each party's must not overlap each other, as those of a channel of its own do not."""
    starts: dict[str | None, list[float]] = defaultdict(list)
    ends: dict[str | None, list[float]] = defaultdict(list)
    for turn in turns:
        starts[turn.speaker].append(turn.start)
        ends[turn.speaker].append(now_s if turn.end is None else turn.end)
    counted: Counter[str] = Counter()
    for at_s, before, after in changes:
        place = bisect_left(starts[before], at_s) - 1
        if place >= 0 and ends[before][place] > at_s:
            counted[after] += 1
    return counted
