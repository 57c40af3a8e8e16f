"""How a server that has too much to do gives way: a pure policy, told the time.

    EASE --[strained]--> audio in larger pieces --> hop x 2 --> hop x 4 --> new calls are refused

Strain is the worst of three delays: of the newest emotion events, of the window that waits longest for its model (both
less what a large model takes for a window even if it has nothing else to do), and of the server's own clock. A step is
taken when strain has lasted, and no sooner after the last one than its effect can be seen; it is taken back once there
is no strain and either a good part of the calls that made it necessary has gone, or a long time. Calls that have just
begun have not shown yet what they cost, so only so many are let in at once.

Delay says too late that the limit is near: until then batches grow and nothing waits for long. How busy the busiest
thread is (`occupancy.py`) says it sooner. While somebody wants to come in, that counts like strain.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from stream_server.live.occupancy import Occupancy


@dataclass(frozen=True, slots=True)
class Step:
    """What hops are multiplied by, and how much audio is taken in at once, in seconds (speech edges are told that much
    later at most; scores are not). Taken from a strain of `strained_s` on, taken back below `relaxed_s`."""

    strained_s: float
    relaxed_s: float
    factor: int
    grain_s: float


STEPS = (Step(0.0, 0.0, 1, 0.1), Step(0.1, 0.05, 1, 0.5), Step(0.27, 0.15, 2, 0.5), Step(0.27, 0.13, 4, 0.5))
WIDEST_HOP_S = 2.0
"""No hop is widened beyond this."""
FULL_S, FULL_FOR_S = 0.25, 1.0
"""Strain from which nobody is let in, once it has lasted so long, until the steps that are left have helped."""
LAST_FULL_S, CALM_S = 0.16, 1.5
"""At the last step nobody is let in for so long after such a strain, or FULL_BUSY: nothing is left to help, and what a
call costs shows late where it is looked at every two seconds."""
WAITING_S, PRESSED_S, PRESSED_BUSY, PRESSED_FOR_S = 2.0, 0.22, 0.9, 1.5
"""For so long after somebody was refused for want of room, more are taken to wait at the door; while they do, and the
strain or the busiest thread's share has been so high for so long, a step is taken."""
LASTING_S, EASED_S, SETTLING_S, PATIENCE_S = 3.0, 5.0, 4.0, 120.0
"""How long strain must last for a step; how long there must be none to take it back; the least time between steps; the
time after which a step is taken back although as many calls are there."""
GONE_SHARE = 0.15
"""The part of the calls that must have gone for a step to be taken back early."""
YOUNG_S, YOUNG_LEAST, YOUNG_SHARE = 3.0, 75, 0.25
"""Of calls younger than this, so many, or this share of the others, are let in."""
HELD_S = 10.0
"""Calls in place of others that ended no longer ago are let in at once: so many were held."""
TENSE_S, TENSE_LEAST, TENSE_SHARE = 0.18, 3, 0.05
"""From this strain on, only so many more: the limit is near, and must be felt before it is passed."""
TENSE_BUSY, FULL_BUSY = 0.85, 0.93
"""Shares of its time for which the busiest thread works, from which on only so many are let in, and nobody."""
RETRY_S, LONGEST_RETRY_S, REFUSALS_PER_S = 5, 60, 10
"""When those who are refused should try again: the later the more of them there are, because refusing costs, too."""
NEWEST_S = 1.0


class Pressure:
    """Told of every event's lag and, some times a second, of the rest by `tick`; then asked for what to do."""

    def __init__(self) -> None:
        self.step = STEPS[0]
        self.strain_s = 0.0
        self.alone_s = 0.0
        """What the slowest model takes for one window when nothing else is to be done."""
        self._lags: deque[tuple[float, float]] = deque(maxlen=4096)
        self._steps = 0
        self._stepped_at = -math.inf
        self._strained_since: float | None = None
        self._pressed_since: float | None = None
        self._relaxed_since: float | None = None
        self._full_since: float | None = None
        self._ticked_at = self._refused_at = self._full_at = -math.inf
        self._calls_at: list[int] = []
        self._young: deque[float] = deque()
        self._refusals: deque[float] = deque()
        self._held: deque[tuple[float, int]] = deque()
        self._occupancy = Occupancy()

    def event_sent(self, now_s: float, lag_s: float) -> None:
        """An event went out `lag_s` after the last sample that it needed had come."""
        self._lags.append((now_s, lag_s))

    def call_opened(self, now_s: float) -> None:
        self._young.append(now_s)

    def refusal(self, now_s: float, calls: int) -> str | None:
        """Why not one more than `calls` may come in now, or None if it may; the first always may."""
        refusal = self._refusal(now_s, calls)
        if refusal is not None:
            self._refusals.append(now_s)
        return refusal

    def retry_s(self, now_s: float) -> int:
        """In how many seconds whoever is refused now should try again."""
        while self._refusals and self._refusals[0] < now_s - RETRY_S:
            self._refusals.popleft()
        times = len(self._refusals) / (RETRY_S * REFUSALS_PER_S)
        return min(LONGEST_RETRY_S, math.ceil(RETRY_S * max(1.0, times)))

    def _refusal(self, now_s: float, calls: int) -> str | None:
        if not calls:
            return None
        if self.full:
            self._refused_at = now_s
            return f"{calls} calls are all that can be served in time now"
        while self._young and self._young[0] < now_s - YOUNG_S:
            self._young.popleft()
        if calls < max((held for _, held in self._held), default=0):
            return None
        if self.tense:
            before = min((held for at, held in self._held if at >= now_s - YOUNG_S), default=calls)
            if calls - before < max(TENSE_LEAST, TENSE_SHARE * before):
                return None
            self._refused_at = now_s
            return f"{calls} calls are nearly all that can be served in time; more are let in slowly"
        young = len(self._young)
        if young < max(YOUNG_LEAST, YOUNG_SHARE * (calls - young)):
            return None
        return f"{young} calls began within {YOUNG_S:g} s, more are not let in at once"

    @property
    def busy(self) -> float:
        """The share of its time for which the busiest thread has worked lately."""
        return self._occupancy.busiest

    @property
    def tense(self) -> bool:
        """Whether the limit is near."""
        return self.strain_s >= TENSE_S or self.busy >= TENSE_BUSY

    @property
    def full(self) -> bool:
        """Whether nobody is let in."""
        if self.step is STEPS[-1]:
            return self._ticked_at - self._full_at < CALM_S
        return self._lasted(self._full_since, self._ticked_at, FULL_FOR_S)

    def tick(self, now_s: float, calls: int, waiting_s: float, late_s: float, worked_s: Sequence[float] = ()) -> bool:
        """`waiting_s`: how long the window has waited that waits longest; `late_s`: how late this tick is;
        `worked_s`: for how long each thread has worked since the beginning. Whether a step was taken, or taken back."""
        self._occupancy.tick(now_s, worked_s)
        while self._lags and self._lags[0][0] < now_s - NEWEST_S:
            self._lags.popleft()
        self.strain_s = max(0.0, max(_p95([lag for _, lag in self._lags]), waiting_s) - self.alone_s, late_s)
        self._ticked_at = now_s
        if self.strain_s >= LAST_FULL_S or self.busy >= FULL_BUSY:
            self._full_at = now_s
        self._held.append((now_s, calls))
        while self._held[0][0] < now_s - HELD_S:
            self._held.popleft()
        overfull = self.strain_s >= FULL_S or self.busy >= FULL_BUSY
        self._full_since = self._since(self._full_since, now_s, overfull)
        above = STEPS[self._steps + 1] if self._steps + 1 < len(STEPS) else None
        strained = above is not None and self.strain_s >= above.strained_s
        near = self.strain_s >= PRESSED_S or self.busy >= PRESSED_BUSY
        pressed = above is not None and near and now_s - self._refused_at < WAITING_S
        self._pressed_since = self._since(self._pressed_since, now_s, pressed)
        self._strained_since = self._since(self._strained_since, now_s, strained)
        relaxed = self.strain_s < self.step.relaxed_s and self.busy < TENSE_BUSY
        self._relaxed_since = self._since(self._relaxed_since, now_s, relaxed)
        if now_s - self._stepped_at < SETTLING_S:
            return False
        pressed = self._lasted(self._pressed_since, now_s, PRESSED_FOR_S)
        if pressed or self._lasted(self._strained_since, now_s, LASTING_S):
            self._calls_at.append(calls)
            return self._to(self._steps + 1, now_s)
        if self._lasted(self._relaxed_since, now_s, EASED_S):
            gone = calls <= self._calls_at[-1] * (1 - GONE_SHARE)
            if gone or now_s - self._stepped_at >= PATIENCE_S:
                self._calls_at.pop()
                return self._to(self._steps - 1, now_s)
        return False

    def _to(self, steps: int, now_s: float) -> bool:
        self._steps, self._stepped_at, self.step = steps, now_s, STEPS[steps]
        self._strained_since = self._relaxed_since = self._pressed_since = None
        return True

    @staticmethod
    def _since(since: float | None, now_s: float, holds: bool) -> float | None:
        return (now_s if since is None else since) if holds else None

    @staticmethod
    def _lasted(since: float | None, now_s: float, seconds: float) -> bool:
        return since is not None and now_s - since >= seconds


def widened(hop_s: float, factor: int) -> float:
    """A multiple of a hop, by a factor or, where that would be beyond WIDEST_HOP_S, a smaller one; in seconds."""
    return hop_s * max(1, min(factor, int(WIDEST_HOP_S / hop_s + 1e-6)))


def grain(hop_s: float, grain_s: float) -> float:
    """How much audio to take in at once, in seconds, so that every hop ends with a piece: about `grain_s`."""
    return hop_s / max(1, round(hop_s / grain_s))


def _p95(values: list[float]) -> float:
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else 0.0
