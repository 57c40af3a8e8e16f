"""What the metrics ask of the live calls at each scrape: thousands of readings, hence structs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import msgspec

Scores = Mapping[str, float]
"""Label -> score in [0, 1]; all of `monitor.labels.LABELS`."""
Status = Literal["ready", "warming up", "draining", "full", "models restarting"]
"""What /readyz says."""
STATUSES: tuple[Status, ...] = get_args(Status)
JobState = Literal["waiting", "working"]
"""Of jobs that are not over."""
JobProcessEnd = Literal["idle", "died", "stuck", "dropped"]
"""Why the process of jobs has ended."""


class RuleReading(msgspec.Struct, frozen=True):
    """Where a call stands by one rule. `value`: what the rule measures, None where nothing can be; `over`: whether it
    is beyond the threshold; `raised`: how many alerts of the rule the call has now."""

    rule: str
    severity: str
    value: float | None
    over: bool
    higher_is_worse: bool
    raised: int


class CallReading(msgspec.Struct, frozen=True):
    """Where a live call stands. `channels`: the role of each, and its rolling scores, None where they are unusable."""

    call_id: str
    channels: Sequence[tuple[str, Scores | None]]
    rules: Sequence[RuleReading] = ()
