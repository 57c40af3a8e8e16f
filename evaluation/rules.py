"""When a rule such as `angry>0.6 for 2s` would have raised an alarm, from the events of a call."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from monitor.events import Emotion
from monitor.labels import LABELS

_RULE = re.compile(r"\s*([a-z]+)\s*(>=|>|<=|<)\s*([0-9.]+)\s*(?:for\s+([0-9.]+)\s*s)?\s*")


@dataclass(frozen=True, slots=True)
class Rule:
    """`score` is a label or `arousal`; it must be beyond `value` in every `emotion` event for `hold_s`."""

    text: str
    score: str
    above: bool
    value: float
    hold_s: float = 0.0

    def holds(self, event: Emotion) -> bool:
        if event.reliability == "unusable":
            return False
        value = event.arousal if self.score == "arousal" else event.scores[self.score]
        return value is not None and (value > self.value if self.above else value < self.value)


@dataclass(frozen=True, slots=True)
class Alarm:
    """Raised at `start`, over at `end`, in seconds of the call."""

    start: float
    end: float


def parse(text: str) -> Rule:
    """Raises ValueError with what a rule looks like."""
    found = _RULE.fullmatch(text)
    if found is None or found[1] not in (*LABELS, "arousal"):
        raise ValueError(f"{text!r} is no rule; write one such as 'angry>0.6 for 2s' (a label or arousal, > or <)")
    try:
        return Rule(text.strip(), found[1], found[2][0] == ">", float(found[3]), float(found[4] or 0.0))
    except ValueError:
        raise ValueError(f"{text!r} is no rule: {found[3]} and {found[4]} must be numbers") from None


def alarms(rule: Rule, events: Iterable[Emotion], end_s: float) -> list[Alarm]:
    """The alarms of one channel; one that still stands ends with the call. An alarm is raised with the first event at
    which the rule has held for `hold_s` since its first, and is over with the first at which it does not hold."""
    out: list[Alarm] = []
    since: float | None = None
    raised: float | None = None
    for event in events:
        if rule.holds(event):
            since = event.t if since is None else since
            if raised is None and event.t - since >= rule.hold_s - 1e-6:
                raised = event.t
        else:
            if raised is not None:
                out.append(Alarm(raised, event.t))
            since = raised = None
    return [*out, Alarm(raised, end_s)] if raised is not None else out
