"""When the audio of a call had come: what the lag of an event is counted from, and who is ahead of the clock."""

from __future__ import annotations

import pytest

from stream_server.live.livecall import AHEAD_S, ARRIVALS_KEPT_S, ARRIVALS_SPARE, PATIENT_S, ArrivalClock, Pace


def told(messages: int, every_s: float = 0.1) -> ArrivalClock:
    """A clock that was told of messages that each came 20 ms after their last sample was spoken."""
    clock = ArrivalClock()
    for number in range(1, messages + 1):
        clock.arrived(number * every_s, number * every_s + 0.02)
    return clock


def test_lag_counts_from_the_message_that_completed_the_audio() -> None:
    clock = told(20)
    assert clock.lag_ms(0.5, 0.6) == pytest.approx(80.0)
    assert clock.lag_ms(0.55, 0.7) == pytest.approx(80.0)
    assert clock.lag_ms(2.0, 2.1) == pytest.approx(80.0)


def test_there_is_no_lag_before_anything_came() -> None:
    assert ArrivalClock().lag_ms(0.0, 1.0) is None


def test_of_an_hour_of_silence_half_a_minute_is_kept() -> None:
    clock = told(36_000)
    assert clock.lag_ms(3600.0 - ARRIVALS_KEPT_S + 0.2, 3600.0) == pytest.approx(1000 * (ARRIVALS_KEPT_S - 0.22))
    assert len(clock._times) <= ARRIVALS_KEPT_S / 0.1 + ARRIVALS_SPARE + 2


def test_what_is_further_back_counts_from_the_oldest_message_that_is_known() -> None:
    lag_ms = told(36_000).lag_ms(10.0, 3600.0)
    assert lag_ms == pytest.approx(1000 * ARRIVALS_KEPT_S, rel=0.01)


def ahead(speed: float, seconds: float, head_start_s: float = 0.0) -> float:
    """How far a sender is ahead that sends 0.1 s at a time, `speed` times as fast as it is spoken."""
    pace, now_s = Pace(0.0), 0.0
    pace.arrived(head_start_s, 0.0)
    while now_s < seconds:
        now_s += 0.1 / speed
        pace.arrived(0.1, now_s)
    return pace.ahead_s(now_s)


def test_a_sender_in_real_time_is_not_ahead() -> None:
    assert ahead(1.0, 60.0) <= 0.11
    assert ahead(1.0001, 36_000.0) < PATIENT_S  # a clock that is a little fast, for ten hours


def test_a_head_start_wears_off() -> None:
    assert ahead(1.0, 5.0, head_start_s=1.5) > 1.0
    assert ahead(1.0, 40.0, head_start_s=1.5) < PATIENT_S


@pytest.mark.parametrize("speed", [1.2, 2.0, 10.0])
def test_who_sends_faster_than_real_time_is_ahead(speed: float) -> None:
    assert ahead(speed, 30.0) > AHEAD_S


def test_who_pauses_may_catch_up() -> None:
    pace = Pace(0.0)
    pace.arrived(5.0, 10.0)
    assert pace.ahead_s(10.0) == pytest.approx(-5.0)
    pace.arrived(5.0, 10.0)
    assert pace.ahead_s(10.0) == pytest.approx(0.0)
