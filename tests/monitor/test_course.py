"""How a speaker's feeling went."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.course import LEAST_S, MOST_STRETCHES, STRETCH_S, Measure, course, greatest, readings, turning_points
from monitor.events import Scores, TurningPoint
from monitor.labels import LABELS
from monitor.turns import Turn


def scores(angry: float, fearful: float = 0.0) -> Scores:
    return dict.fromkeys(LABELS, 0.0) | {"angry": angry, "fearful": fearful, "neutral": 1 - angry - fearful}


def felt(*steps: tuple[float, float]) -> Measure:
    """Anger over time: each step is from when on, and how much. Over several turns it is the mean by length."""

    def angry(t: float) -> float:
        return next(value for since, value in reversed(steps) if t >= since)

    def measure(turns: list[Turn]) -> tuple[Scores | None, float | None]:
        lengths = [(turn.end or 0.0) - turn.start for turn in turns]
        means = [angry((turn.start + (turn.end or 0.0)) / 2) for turn in turns]
        return scores(sum(a * b for a, b in zip(lengths, means, strict=True)) / sum(lengths)), 0.5

    return measure


def nothing(turns: list[Turn]) -> tuple[Scores | None, float | None]:
    return None, None


def turn(start: float, end: float | None) -> Turn:
    return Turn(0, "S1", start, end)


LONG = [turn(0, 60)]
OUTBURST = felt((0, 0.1), (20, 0.8), (40, 0.2))


def test_a_long_turn_is_read_in_stretches() -> None:
    read = readings([turn(0, 3 * STRETCH_S)], 99, felt((0, 0.1)))
    assert [(each.feeling.start_s, each.feeling.end_s) for each in read] == [(0, 5), (5, 10), (10, 15)]


def test_short_turns_are_gathered_until_there_is_enough() -> None:
    read = readings([turn(at, at + 1) for at in range(0, 20, 2)], 99, felt((0, 0.1)))
    assert [(each.feeling.start_s, each.feeling.end_s, each.speech_s) for each in read] == [(0, 9, 5), (10, 19, 5)]


def test_what_is_left_over_belongs_to_the_stretch_before_if_it_is_short() -> None:
    short = readings([turn(0, STRETCH_S + LEAST_S - 0.1)], 99, felt((0, 0.1)))
    long = readings([turn(0, STRETCH_S + LEAST_S + 0.1)], 99, felt((0, 0.1)))
    assert [each.feeling.end_s for each in short] == [6.9]
    assert [each.feeling.end_s for each in long] == [5, 7.1]


def test_a_turn_that_goes_on_is_read_up_to_now() -> None:
    (read,) = readings([turn(2, None)], 6, felt((0, 0.1)))
    assert (read.feeling.start_s, read.feeling.end_s) == (2, 6)


def test_who_speaks_for_hours_is_read_in_longer_stretches() -> None:
    assert len(readings([turn(0, 8 * 3600)], 99, felt((0, 0.1)))) == MOST_STRETCHES


def test_what_cannot_be_used_is_left_out() -> None:
    assert readings(LONG, 60, nothing) == []
    assert course([]) is None
    assert turning_points("S1", []) == []


def test_a_course_has_its_start_its_worst_and_its_end() -> None:
    made = course(readings(LONG, 60, OUTBURST))
    assert made is not None
    assert (made.start.distress, made.worst.distress, made.end.distress) == (0.1, 0.8, 0.2)
    assert (made.worst.start_s, made.worst.label) == (20, "angry")
    assert (made.recovery, made.recovered_after_s) == (0.6, 20)


def test_fear_is_distress_too() -> None:
    made = course(readings(LONG, 60, lambda turns: (scores(0.3, 0.4), 0.5)))
    assert made is not None
    assert made.worst.distress == 0.7


def test_who_never_calms_down_has_not_recovered() -> None:
    made = course(readings(LONG, 60, felt((0, 0.1), (30, 0.8))))
    assert made is not None
    assert (made.recovery, made.recovered_after_s) == (0.0, None)


def test_who_was_never_in_distress_has_nothing_to_recover_from() -> None:
    made = course(readings(LONG, 60, felt((0, 0.2), (30, 0.05))))
    assert made is not None
    assert made.recovered_after_s is None


def test_turning_points_are_where_it_changed_and_stayed_so() -> None:
    assert turning_points("S1", readings(LONG, 60, OUTBURST)) == [
        TurningPoint(20, "S1", 0.1, 0.8),
        TurningPoint(40, "S1", 0.8, 0.2),
    ]


def test_a_small_change_is_no_turning_point() -> None:
    assert turning_points("S1", readings(LONG, 60, felt((0, 0.3), (30, 0.45)))) == []


def test_only_the_greatest_changes_are_told_in_the_order_of_time() -> None:
    points = [TurningPoint(float(at), "S1", 0.0, 0.2 + 0.01 * at) for at in range(12)]
    assert greatest(reversed(points)) == points[4:]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_a_turning_point_is_a_real_difference_whatever_the_course(levels: list[float]) -> None:
    steps = [(STRETCH_S * at, round(level, 4)) for at, level in enumerate(levels)]
    read = readings([turn(0, STRETCH_S * len(levels))], 99, felt(*steps))
    for point in turning_points("S1", read):
        assert point.t > 0
        assert 0 <= min(point.before, point.after) <= max(point.before, point.after) <= 1
    made = course(read)
    assert made is not None
    assert made.worst.distress == pytest.approx(max(round(level, 4) for level in levels))
