"""Settings of what operators see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le


@dataclass(frozen=True, slots=True)
class MetricsConfig:
    """Settings of the metrics."""

    per_call: Annotated[int, Ge(0), Le(50)] = 0
    "Live calls that have series of their own at /metrics, by call_id, the worst first; 0: none"
