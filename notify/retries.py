"""What follows from an attempt. Pure: told the time and the dice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from notify.outbox import Entry, State
from notify.posting import Answer
from notify.settings import NotifyConfig

Outcome = Literal["delivered", "retried", "failed"]
STATES: dict[Outcome, State] = {"delivered": "delivered", "retried": "waiting", "failed": "failed"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`next_at`: when to try again (seconds since 1970), if at all."""

    outcome: Outcome
    next_at: float


def judge(entry: Entry, answer: Answer, config: NotifyConfig, now: float, random: Callable[[], float]) -> Verdict:
    """`random` gives numbers from 0 to 1. Backoff is exponential with full jitter: any time up to a bound that doubles,
    so that what failed together does not come back together. The last attempt is made when the time is up."""
    if answer.problem is None:
        return Verdict("delivered", now)
    if answer.lasting or now >= entry.give_up_at:
        return Verdict("failed", now)
    doublings = min(entry.attempts, 64)
    bound_s = min(config.longest_retry_s, config.first_retry_s * 2.0**doublings)
    next_at = now + max(random() * bound_s, answer.retry_after_s or 0.0)
    return Verdict("retried", min(next_at, entry.give_up_at))
