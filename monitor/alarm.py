"""One rule watching one thing: when it raises an alert, keeps it up to date, and clears it.

    CALM    --beyond the level-------------------------------> PENDING
    PENDING --not beyond, or doubtful for DOUBT_S------------> CALM
    PENDING --beyond for `for_s`, and not cooling down-------> RAISED     alert.raised
    RAISED  --beyond, UPDATE_S after it was last told of-----> RAISED     alert.updated
    RAISED  --back at the clear level, or nothing usable,
              or doubtful for DOUBT_S------------------------> CALM       alert.cleared; cools down for `cooldown_s`

Between the two levels a raised alert stays and a pending one is over. Samples beyond the clear level that are not
reliable enough are doubtful: they change nothing, but not for long. How far apart samples come does not matter: where
nobody speaks, one that is not usable says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto

from monitor.events import Scores
from monitor.rules import Rule

DOUBT_S = 3.0
"""After so long without anything reliable there is nothing left to alert of."""
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
        self.rule = rule
        """May be exchanged for one that measures the same."""
        self.phase = Phase.CALM
        self.evidence: Evidence | None = None
        """Of what is pending or raised, and of what has just been cleared."""
        self._since = self._told_at = 0.0
        self._doubtful_since: float | None = None
        self._cool_at = -math.inf

    def hear(self, sample: Sample) -> Told | None:
        if sample.value is None or self.rule.back(sample.value):
            return self.clear(sample.t)
        if not sample.reliable:
            return self._doubt(sample)
        self._doubtful_since = None
        beyond = self.rule.beyond(sample.value)
        if self.phase is Phase.RAISED:
            return self._keep(sample) if beyond else None
        if not beyond:
            return self.clear(sample.t)
        return self._wait(sample)

    def clear(self, t: float) -> Told | None:
        """There is no cause any more, or no more to be heard, or no rule."""
        self._doubtful_since = None
        if self.phase is not Phase.RAISED:
            self.phase, self.evidence = Phase.CALM, None
            return None
        self.phase, self._cool_at = Phase.CALM, t + self.rule.cooldown_s
        return Told.CLEARED

    def _doubt(self, sample: Sample) -> Told | None:
        if self._doubtful_since is None:
            self._doubtful_since = sample.t
        if sample.t - self._doubtful_since > DOUBT_S + ROUNDING_S:
            return self.clear(sample.t)
        return None

    def _wait(self, sample: Sample) -> Told | None:
        """Beyond the level: begin to count, or see whether that has lasted."""
        if self.phase is Phase.CALM:
            self.phase, self._since = Phase.PENDING, sample.t
            self.evidence = Evidence(max(0.0, sample.t - sample.span_s), sample.t, sample)
        self._extend(sample)
        if sample.t - self._since < self.rule.for_s - ROUNDING_S or sample.t < self._cool_at - ROUNDING_S:
            return None
        self.phase, self._told_at = Phase.RAISED, sample.t
        return Told.RAISED

    def _keep(self, sample: Sample) -> Told | None:
        self._extend(sample)
        if sample.t - self._told_at < UPDATE_S - ROUNDING_S:
            return None
        self._told_at = sample.t
        return Told.UPDATED

    def _extend(self, sample: Sample) -> None:
        assert self.evidence is not None
        assert sample.value is not None
        self.evidence.end_s = sample.t
        worst = self.evidence.worst.value
        if worst is None or self.rule.worse(sample.value, worst):
            self.evidence.worst = sample
