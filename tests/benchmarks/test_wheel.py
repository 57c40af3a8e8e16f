"""The clockwork of a load."""

from __future__ import annotations

import random

import pytest

from benchmarks.wheel import Wheel


def taken(wheel: Wheel[str], now_s: float) -> list[tuple[float, list[str]]]:
    return [(round(due_s, 6), list(items)) for due_s, items in wheel.take(now_s)]


def test_items_come_at_their_tick_and_not_before() -> None:
    wheel: Wheel[str] = Wheel(10.0, tick_s=0.01)
    wheel.put("late", 10.0301)
    wheel.put("soon", 10.02)
    assert taken(wheel, 10.019) == []
    assert taken(wheel, 10.025) == [(10.02, ["soon"])]
    assert taken(wheel, 10.035) == []
    assert taken(wheel, 10.041) == [(10.04, ["late"])]


def test_items_of_one_tick_come_in_the_order_in_which_they_were_put() -> None:
    wheel: Wheel[str] = Wheel(0.0, tick_s=0.01)
    for name in "abc":
        wheel.put(name, 0.049)
    assert taken(wheel, 0.05) == [(0.05, ["a", "b", "c"])]


def test_ticks_that_were_missed_come_late_and_in_order() -> None:
    wheel: Wheel[str] = Wheel(0.0, tick_s=0.01)
    wheel.put("second", 0.05)
    wheel.put("first", 0.02)
    assert taken(wheel, 1.0) == [(0.02, ["first"]), (0.05, ["second"])]
    assert wheel.next_s == pytest.approx(1.01)


def test_what_is_due_already_comes_at_the_next_tick() -> None:
    wheel: Wheel[str] = Wheel(0.0, tick_s=0.01)
    assert taken(wheel, 0.1) == []
    wheel.put("overdue", 0.05)
    assert taken(wheel, 0.11) == [(0.11, ["overdue"])]


def test_one_that_is_put_again_while_it_is_handled_waits_for_a_later_tick() -> None:
    wheel: Wheel[str] = Wheel(0.0, tick_s=0.01)
    wheel.put("again", 0.01)
    times = []
    for due_s, items in wheel.take(0.055):
        times.append(round(due_s, 6))
        for item in items:
            wheel.put(item, due_s)
    assert times == [0.01, 0.02, 0.03, 0.04, 0.05]


def test_nothing_is_lost_and_nothing_early_among_many() -> None:
    dice, wheel = random.Random(4), Wheel[int](0.0)
    due_s = [dice.uniform(0.0, 3.0) for _ in range(2000)]
    for number, at_s in enumerate(due_s):
        wheel.put(number, at_s)
    found: dict[int, float] = {}
    now_s = 0.0
    while now_s < 3.1:
        now_s += dice.uniform(0.0, 0.02)
        found |= {number: at_s for at_s, items in wheel.take(now_s) for number in items}
    assert sorted(found) == list(range(2000))
    assert all(0.0 <= found[number] - at_s <= 0.005 + 1e-9 for number, at_s in enumerate(due_s))
