"""How a server gives way to load and comes back: told the time, nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from stream_server.live.pressure import (
    CALM_S,
    EASED_S,
    FULL_BUSY,
    FULL_FOR_S,
    FULL_S,
    HELD_S,
    LAST_FULL_S,
    LASTING_S,
    LONGEST_RETRY_S,
    PATIENCE_S,
    PRESSED_BUSY,
    PRESSED_S,
    RETRY_S,
    SETTLING_S,
    STEPS,
    TENSE_BUSY,
    TENSE_LEAST,
    TENSE_S,
    TENSE_SHARE,
    WIDEST_HOP_S,
    YOUNG_LEAST,
    YOUNG_S,
    Pressure,
    grain,
    widened,
)

TICK_S = 0.25


class Server:
    """A server whose windows wait for as long as it is told, as do its threads work, of which there are two."""

    def __init__(self) -> None:
        self.pressure = Pressure()
        self.now_s = 0.0
        self.worked_s = [0.0, 0.0]
        self.changes: list[tuple[float, int]] = []

    def run(self, seconds: float, calls: int, delay_s: float, late_s: float = 0.0, busy: float = 0.0) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.now_s += TICK_S
            self.worked_s = [self.worked_s[0] + 0.3 * TICK_S, self.worked_s[1] + busy * TICK_S]
            if self.pressure.tick(self.now_s, calls, delay_s, late_s, self.worked_s):
                self.changes.append((self.now_s, self.pressure.step.factor))

    @property
    def factors(self) -> list[int]:
        return [factor for _, factor in self.changes]


def admits(pressure: Pressure, now_s: float, calls: int) -> bool:
    return pressure.refusal(now_s, calls) is None


@pytest.fixture
def server() -> Server:
    return Server()


def test_at_ease_nothing_happens(server: Server) -> None:
    server.run(600, 100, STEPS[1].strained_s - 0.01)
    assert (server.factors, server.pressure.step.factor, server.pressure.full) == ([], 1, False)
    assert admits(server.pressure, server.now_s, 100)


def knocking(server: Server, seconds: int, delay_s: float, busy: float) -> None:
    """As `run`, while fifty a second want to come in and as many go as are let in."""
    for _ in range(seconds):
        calls = 300
        for _ in range(50):
            if server.pressure.refusal(server.now_s, calls) is None:
                server.pressure.call_opened(server.now_s)
                calls += 1
        server.run(1, 300, delay_s, busy=busy)


@pytest.mark.parametrize(("delay_s", "busy"), [(PRESSED_S, 0.5), (0.05, PRESSED_BUSY + 0.01)])
def test_while_somebody_is_refused_near_the_limit_the_hop_widens_sooner(
    server: Server, delay_s: float, busy: float
) -> None:
    server.run(60, 300, delay_s, busy=busy)
    assert server.factors in ([], [1])
    knocking(server, 40, delay_s, busy)
    assert server.factors == [1, 2, 4]


def test_a_busy_server_widens_nothing_while_nobody_is_refused(server: Server) -> None:
    server.run(600, 300, 0.05, busy=1.0)
    assert server.factors == []


def test_a_server_whose_threads_have_no_time_left_lets_nobody_in(server: Server) -> None:
    server.run(60, 300, 0.05, busy=FULL_BUSY + 0.01)
    assert server.pressure.full
    assert not admits(server.pressure, server.now_s, 299 + 1)
    server.run(10, 300, 0.05, busy=TENSE_BUSY - 0.01)
    assert admits(server.pressure, server.now_s, 300)


def test_a_busy_moment_is_no_busy_server(server: Server) -> None:
    for _ in range(20):
        server.run(5, 300, 0.05, busy=0.4)
        server.run(TICK_S, 300, 0.05, busy=3.0)  # a long batch is counted when it is done
        assert not server.pressure.tense


def test_a_step_is_not_taken_back_while_the_threads_are_busy(server: Server) -> None:
    knocking(server, 40, 0.05, PRESSED_BUSY + 0.01)
    assert server.factors == [1, 2, 4]
    server.run(2 * PATIENCE_S, 300, 0.05, busy=PRESSED_BUSY + 0.01)
    assert server.factors == [1, 2, 4]
    server.run(3 * PATIENCE_S, 300, 0.04, busy=0.5)
    assert server.factors == [1, 2, 4, 2, 1, 1]


def test_what_a_large_model_takes_anyway_is_no_strain(server: Server) -> None:
    server.pressure.alone_s = 0.4
    server.run(60, 2, 0.45)
    assert server.changes == []
    server.run(60, 2, 0.8)
    assert server.factors[:1] == [1]
    assert server.factors[-1] > 1


def test_a_short_strain_is_borne(server: Server) -> None:
    for _ in range(50):
        server.run(LASTING_S - 0.5, 100, 1.0)
        server.run(0.5, 100, 0.0)
    assert server.factors == []


def test_lasting_strain_widens_the_hop_step_by_step_and_then_the_door_is_shut(server: Server) -> None:
    server.run(30, 400, 0.5)
    assert server.factors == [1, 2, 4]
    times = [at for at, _ in server.changes]
    assert min(np.diff(times)) >= SETTLING_S
    assert server.pressure.full
    assert not admits(server.pressure, server.now_s, 400)


def test_while_a_step_is_left_a_moment_of_strain_shuts_nobody_out(server: Server) -> None:
    server.run(60, 400, 0.05)
    server.run(FULL_FOR_S - TICK_S, 400, 0.5)
    assert admits(server.pressure, server.now_s, 400)


def test_while_strain_lasts_nobody_is_let_in_until_a_step_has_helped(server: Server) -> None:
    server.run(SETTLING_S + LASTING_S + 1, 400, 0.5)
    assert server.factors == [1, 2]
    assert not admits(server.pressure, server.now_s, 400)
    server.run(1, 400, FULL_S - 0.01)
    assert admits(server.pressure, server.now_s, 400)


def test_at_the_last_step_new_calls_come_in_as_long_as_there_is_room(server: Server) -> None:
    server.run(30, 400, 0.5)
    server.run(CALM_S - TICK_S, 400, LAST_FULL_S - 0.01)
    assert not admits(server.pressure, server.now_s, 400)
    server.run(2 * TICK_S, 400, LAST_FULL_S - 0.01)
    assert admits(server.pressure, server.now_s, 400)


def test_as_the_calls_go_all_becomes_as_it_was(server: Server) -> None:
    server.run(30, 400, 0.5)
    server.run(30, 300, 0.01)
    assert server.factors == [1, 2, 4, 2, 1, 1]
    assert admits(server.pressure, server.now_s, 300)


def test_a_step_is_not_taken_back_while_the_calls_that_made_it_necessary_are_there(server: Server) -> None:
    server.run(SETTLING_S + LASTING_S + 1, 400, 0.5)
    server.run(PATIENCE_S / 2, 390, 0.06)
    assert server.factors == [1, 2]
    server.run(PATIENCE_S / 2 + EASED_S, 390, 0.06)
    assert server.factors == [1, 2, 1]


def test_load_that_only_the_wider_hop_bears_does_not_make_it_swing(server: Server) -> None:
    """At 400 calls it is 0.4 s late with the hop of ease, 0.05 s with the wider one: ten minutes of it."""
    for _ in range(2400):
        server.run(TICK_S, 400, 0.4 if server.pressure.step.factor == 1 else 0.05)
    assert len(server.changes) <= 2 * 600 / PATIENCE_S + 3


def test_events_that_come_late_are_strain_too(server: Server) -> None:
    for _ in range(20):
        for _ in range(10):
            server.pressure.event_sent(server.now_s, 0.3)
        server.run(TICK_S, 10, 0.0)
    assert server.factors == [1]


def test_a_few_late_events_among_many_are_none(server: Server) -> None:
    for _ in range(40):
        for number in range(100):
            server.pressure.event_sent(server.now_s, 5.0 if number < 4 else 0.02)
        server.run(TICK_S, 10, 0.0)
    assert server.factors == []


def test_a_clock_that_comes_late_is_strain(server: Server) -> None:
    server.run(LASTING_S + 1, 10, 0.0, late_s=0.5)
    assert server.factors == [1]


def test_of_calls_that_have_just_begun_only_so_many_are_let_in(server: Server) -> None:
    pressure = server.pressure
    admitted = 0
    for _ in range(10 * YOUNG_LEAST):
        if admits(pressure, 100.0, admitted):
            pressure.call_opened(100.0)
            admitted += 1
    assert admitted == YOUNG_LEAST
    assert not admits(pressure, 100.0 + YOUNG_S - 0.1, admitted)
    assert admits(pressure, 100.0 + YOUNG_S + 0.1, admitted)


def test_a_large_server_lets_in_more_at_once(server: Server) -> None:
    admitted = 0
    for _ in range(10 * YOUNG_LEAST):
        if admits(server.pressure, 100.0, 800 + admitted):
            server.pressure.call_opened(100.0)
            admitted += 1
    assert admitted == 200


@pytest.mark.parametrize(
    ("hop_s", "factor", "expected_s"),
    [
        (0.5, 1, 0.5),
        (0.5, 2, 1.0),
        (0.5, 4, 2.0),
        (1.0, 4, 2.0),
        (5.0, 4, 5.0),
        (0.6, 4, 1.8),
        (0.7, 4, 1.4),
        (1.1, 2, 1.1),
    ],
)
def test_a_hop_is_widened_to_a_multiple_of_itself_of_two_seconds_at_most(
    hop_s: float, factor: int, expected_s: float
) -> None:
    assert widened(hop_s, factor) == pytest.approx(expected_s)


@pytest.mark.parametrize("hop_s", [round(0.02 * frames, 2) for frames in range(5, 251)])
def test_every_hop_of_any_step_ends_with_a_piece_of_audio(hop_s: float) -> None:
    for step in STEPS:
        pieces = widened(hop_s, step.factor) / grain(hop_s, step.grain_s)
        assert pieces == pytest.approx(round(pieces))
        assert widened(hop_s, step.factor) <= max(WIDEST_HOP_S, hop_s) + 1e-9


@pytest.mark.parametrize(
    ("hop_s", "grain_s", "expected_s"),
    [(0.5, 0.1, 0.1), (0.5, 0.25, 0.25), (0.5, 0.5, 0.5), (0.3, 0.25, 0.3), (0.1, 0.25, 0.1), (1.0, 0.25, 0.25)],
)
def test_every_hop_ends_with_a_piece_of_audio(hop_s: float, grain_s: float, expected_s: float) -> None:
    assert grain(hop_s, grain_s) == pytest.approx(expected_s)


def test_the_first_call_is_always_let_in(server: Server) -> None:
    server.run(60, 0, 5.0)
    assert server.pressure.full
    assert admits(server.pressure, server.now_s, 0)
    assert not admits(server.pressure, server.now_s, 1)


@pytest.mark.parametrize(("delay_s", "busy"), [(TENSE_S, 0.0), (0.0, TENSE_BUSY + 0.01)])
def test_near_the_limit_calls_come_in_slowly(server: Server, delay_s: float, busy: float) -> None:
    server.run(10, 200, delay_s, busy=busy)
    admitted = 0
    for _ in range(100):
        if admits(server.pressure, server.now_s, 200 + admitted):
            server.pressure.call_opened(server.now_s)
            admitted += 1
    assert admitted == TENSE_SHARE * 200


def test_a_small_server_in_a_tense_moment_still_lets_some_in(server: Server) -> None:
    server.run(5, 1, TENSE_S)
    for number in range(TENSE_LEAST):
        assert admits(server.pressure, server.now_s, 1 + number)
        server.pressure.call_opened(server.now_s)
    assert not admits(server.pressure, server.now_s, 1 + TENSE_LEAST)


def test_who_is_refused_hears_why(server: Server) -> None:
    server.run(30, 400, 0.5)
    assert server.pressure.refusal(server.now_s, 400) == "400 calls are all that can be served in time now"
    fresh = Pressure()
    for _ in range(YOUNG_LEAST):
        fresh.call_opened(1.0)
    told = fresh.refusal(1.0, YOUNG_LEAST)
    assert told is not None
    assert f"{YOUNG_LEAST} calls began within" in told


def test_calls_in_place_of_others_come_in_at_once(server: Server) -> None:
    server.run(5, 200, TENSE_S)
    server.run(0.25, 150, TENSE_S)
    for number in range(50):
        assert admits(server.pressure, server.now_s, 150 + number)
        server.pressure.call_opened(server.now_s)
    assert not admits(server.pressure, server.now_s, 200)
    server.run(HELD_S + 1, 150, TENSE_S)
    assert admits(server.pressure, server.now_s, 150)
    assert not admits(server.pressure, server.now_s, 150 + round(TENSE_SHARE * 150) + 1)


def test_the_more_are_refused_the_later_they_are_to_come_again(server: Server) -> None:
    server.run(30, 400, 0.5)
    pressure = server.pressure
    assert pressure.retry_s(server.now_s) == RETRY_S
    for _ in range(20):
        server.run(TICK_S, 400, 0.5)
        for _ in range(15):  # sixty a second
            assert pressure.refusal(server.now_s, 400) is not None
    assert 5 * RETRY_S <= pressure.retry_s(server.now_s) <= 6 * RETRY_S
    for _ in range(2000):
        pressure.refusal(server.now_s, 400)
    assert pressure.retry_s(server.now_s) == LONGEST_RETRY_S
    server.run(RETRY_S + 1, 400, 0.5)
    assert pressure.retry_s(server.now_s) == RETRY_S
