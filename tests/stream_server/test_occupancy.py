"""How busy threads are, from how long they have worked."""

from __future__ import annotations

import pytest

from stream_server.live.occupancy import OVER_S, Occupancy

TICK_S = 0.25


def test_before_anything_is_known_nobody_is_busy() -> None:
    occupancy = Occupancy()
    occupancy.tick(100.0, [17.0, 4.0])
    assert occupancy.busiest == 0.0
    occupancy.tick(100.0, [17.0, 4.0])  # no time has passed
    assert occupancy.busiest == 0.0
    Occupancy().tick(100.0, [])


def test_the_busiest_thread_counts() -> None:
    occupancy = Occupancy()
    for number in range(80):
        occupancy.tick(number * TICK_S, [0.3 * number * TICK_S, 0.8 * number * TICK_S])
    assert occupancy.busiest == pytest.approx(0.8)


def test_threads_that_work_in_turns_are_not_taken_for_one() -> None:
    occupancy, worked_s = Occupancy(), [0.0, 0.0]
    for number in range(80):
        worked_s = [worked_s[0] + (number % 4 == 0) * 0.4, worked_s[1] + (number % 4 == 2) * 0.4]
        occupancy.tick(number * TICK_S, worked_s)
        assert occupancy.busiest <= 0.4 + 0.4 / OVER_S
    assert occupancy.busiest == pytest.approx(0.4, abs=0.01)


def test_what_was_long_ago_is_forgotten() -> None:
    occupancy = Occupancy()
    for number in range(40):
        occupancy.tick(number * TICK_S, [min(5.0, number * TICK_S)])
    assert occupancy.busiest == 0.0


def test_threads_that_come_and_go_are_counted_anew() -> None:
    occupancy = Occupancy()
    for number in range(20):
        occupancy.tick(number * TICK_S, [number * TICK_S, 0.0])
    assert occupancy.busiest == pytest.approx(1.0)
    occupancy.tick(20 * TICK_S, [70.0])
    assert occupancy.busiest == 0.0
