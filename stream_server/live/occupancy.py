"""How busy the busiest thread is of those that alone can do their work: pure, told the time."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

OVER_S = 2.0
"""The time over which shares are taken: that of some batches, which are counted when they are done."""


class Occupancy:
    """Told some times a second for how long each thread has worked since the beginning, in seconds."""

    def __init__(self) -> None:
        self.busiest = 0.0
        """The share of the last OVER_S for which the busiest thread has worked."""
        self._worked: deque[tuple[float, Sequence[float]]] = deque()

    def tick(self, now_s: float, worked_s: Sequence[float]) -> None:
        """Where threads have come or gone, all are counted anew."""
        if self._worked and len(self._worked[0][1]) != len(worked_s):
            self._worked.clear()
        self._worked.append((now_s, worked_s))
        while len(self._worked) > 2 and self._worked[1][0] <= now_s - OVER_S:
            self._worked.popleft()
        since_s, before_s = self._worked[0]
        more_s = (after - before for after, before in zip(worked_s, before_s, strict=True))
        self.busiest = max(more_s, default=0.0) / max(OVER_S, now_s - since_s)
