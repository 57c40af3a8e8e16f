"""Changes of speaker: where they are in a list of turns, and which of those found are right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

TOLERANCE_S = 0.5
ROUNDING_S = 1e-6


def changes(turns: Iterable[tuple[float, str]]) -> list[float]:
    """Starts of the turns whose speaker is not the one of the turn before. `turns`: (start in seconds, speaker)."""
    out: list[float] = []
    before: str | None = None
    for start, speaker in sorted(turns):
        if before is not None and speaker != before:
            out.append(start)
        before = speaker
    return out


def matched(expected: Sequence[float], found: Sequence[float], tolerance: float = TOLERANCE_S) -> list[tuple[int, int]]:
    """Pairs (index in `expected`, index in `found`), as many as can be, each change in one pair at most.

    Both ascend. All tolerances being equal, pairing the earliest two that may be paired is never a loss.
    """
    pairs: list[tuple[int, int]] = []
    i = k = 0
    while i < len(expected) and k < len(found):
        apart = found[k] - expected[i]
        if abs(apart) <= tolerance + ROUNDING_S:
            pairs.append((i, k))
            i, k = i + 1, k + 1
        elif apart > 0:
            i += 1
        else:
            k += 1
    return pairs
