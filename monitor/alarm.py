"""One rule watching one thing: when it raises an alert, keeps it up to date, and clears it.

    CALM    --beyond the level-------------------------------> PENDING
    PENDING --not beyond, or nothing heard for LAPSE_S-------> CALM
    PENDING --beyond for `for_s`, and not cooling down-------> RAISED     alert.raised
    RAISED  --beyond, UPDATE_S after it was last told of-----> RAISED     alert.updated
    RAISED  --back at the clear level, or nothing usable-----> CALM       alert.cleared; cools down for `cooldown_s`

Between the two levels a raised alert stays and a pending one is over. What is not reliable enough cannot raise, nor
keep pending, but it can clear: where emotion has become unclear there is nothing left to alert of.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto

from monitor.events import Scores
from monitor.rules import Rule

LAPSE_S = 3.0
"""What is pending lapses if for so long nothing was beyond the level: nobody spoke, or nothing was reliable."""
UPDATE_S = 5.0
"""An alert is told of anew at most so often."""
ROUNDING_S = 1e-6


class Phase(Enum):
    CALM = auto()
    PENDING = auto()
    RAISED = auto()


class Told(Enum):
    """What is to be said."""

    RAISED = auto()
    UPDATED = auto()
    CLEARED = auto()


@dataclass(slots=True)
class Sample:
    """What was measured up to `t`, over `span_s`. `value` None: nothing usable. Times in seconds of the call."""

    t: float
    value: float | None
    span_s: float
    channel: int | None
    speaker: str | None = None
    reliable: bool = True
    scores: Scores | None = None


@dataclass(slots=True)
class Evidence:
    """The audio from `start_s` to `end_s` shows it; `worst`: the sample furthest beyond the level."""

    start_s: float
    end_s: float
    worst: Sample


class Alarm:
    """Told of samples in the order of their `t`."""

    def __init__(self, rule: Rule) -> None:
        self.phase = Phase.CALM
        self.evidence: Evidence | None = None
        """Of what is pending or raised, and of what has just been cleared."""
        self.heard_s = -math.inf
        """The `t` of the newest sample."""
        self._rule = rule
        self._since = self._beyond_at = self._told_at = 0.0
        self._cool_at = -math.inf

    def hear(self, sample: Sample) -> Told | None:
        self.heard_s = sample.t
        beyond = sample.value is not None and self._rule.beyond(sample.value)
        if beyond and not sample.reliable:
            return None
        if self.phase is Phase.RAISED:
            return self._keep(sample) if beyond else self._see_whether_over(sample)
        if not beyond:
            self.phase, self.evidence = Phase.CALM, None
            return None
        return self._wait(sample)

    def clear(self, t: float) -> Told | None:
        """There is no more to be heard, or no rule any more."""
        if self.phase is not Phase.RAISED:
            self.phase, self.evidence = Phase.CALM, None
            return None
        self.phase, self._cool_at = Phase.CALM, t + self._rule.cooldown_s
        return Told.CLEARED

    def _wait(self, sample: Sample) -> Told | None:
        """Beyond the level: begin to count, or see whether that has lasted."""
        if self.phase is Phase.CALM or sample.t - self._beyond_at > LAPSE_S + ROUNDING_S:
            self.phase, self._since = Phase.PENDING, sample.t
            self.evidence = Evidence(max(0.0, sample.t - sample.span_s), sample.t, sample)
        self._extend(sample)
        if sample.t - self._since < self._rule.for_s - ROUNDING_S or sample.t < self._cool_at - ROUNDING_S:
            return None
        self.phase, self._told_at = Phase.RAISED, sample.t
        return Told.RAISED

    def _keep(self, sample: Sample) -> Told | None:
        self._extend(sample)
        if sample.t - self._told_at < UPDATE_S - ROUNDING_S:
            return None
        self._told_at = sample.t
        return Told.UPDATED

    def _see_whether_over(self, sample: Sample) -> Told | None:
        if sample.value is None or self._rule.back(sample.value):
            return self.clear(sample.t)
        return None

    def _extend(self, sample: Sample) -> None:
        assert self.evidence is not None
        assert sample.value is not None
        self._beyond_at = self.evidence.end_s = sample.t
        worst = self.evidence.worst.value
        if worst is None or self._rule.worse(sample.value, worst):
            self.evidence.worst = sample
