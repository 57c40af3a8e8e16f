"""When an attempt is made again, and when no more."""

from __future__ import annotations

import pytest

from notify.outbox import Entry
from notify.posting import DELIVERED, Answer
from notify.retries import Verdict, judge
from notify.settings import NotifyConfig

CONFIG = NotifyConfig(first_retry_s=5, longest_retry_s=3600, give_up_s=86_400)
NOW = 1000.0
PROBLEM = Answer("503 Service Unavailable")


def entry(attempts: int = 0, give_up_at: float = NOW + 86_400) -> Entry:
    return Entry("msg_1", "desk", "c-17:30", "c-17", "{}", NOW, NOW, give_up_at, attempts)


def test_what_arrived_is_delivered() -> None:
    assert judge(entry(), DELIVERED, CONFIG, NOW, lambda: 0.5) == Verdict("delivered", NOW)


@pytest.mark.parametrize(("attempts", "bound_s"), [(0, 5), (1, 10), (2, 20), (9, 2560), (10, 3600), (5000, 3600)])
def test_the_bound_of_the_pause_doubles_up_to_the_longest(attempts: int, bound_s: float) -> None:
    for dice in (0.0, 0.25, 1.0):
        verdict = judge(entry(attempts), PROBLEM, CONFIG, NOW, lambda dice=dice: dice)
        assert verdict == Verdict("retried", NOW + dice * bound_s)


def test_who_asks_to_be_left_alone_is() -> None:
    asks = Answer("429 Too Many Requests", retry_after_s=600)
    assert judge(entry(), asks, CONFIG, NOW, lambda: 1.0) == Verdict("retried", NOW + 600)
    assert judge(entry(10), asks, CONFIG, NOW, lambda: 1.0) == Verdict("retried", NOW + 3600)


def test_what_another_attempt_would_not_mend_has_failed() -> None:
    assert judge(entry(), Answer("410 Gone", lasting=True), CONFIG, NOW, lambda: 0.0) == Verdict("failed", NOW)


def test_the_last_attempt_is_made_when_the_time_is_up() -> None:
    late = entry(10, give_up_at=NOW + 1)
    assert judge(late, PROBLEM, CONFIG, NOW, lambda: 1.0) == Verdict("retried", NOW + 1)
    assert judge(late, PROBLEM, CONFIG, NOW + 1, lambda: 1.0) == Verdict("failed", NOW + 1)
