"""Percentiles and slopes."""

from __future__ import annotations

import math

import pytest

from benchmarks.figures import percentile, slope


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.95, 1.0)] == [1.0, 50.0, 95.0, 100.0]


def test_few_values_have_their_largest_as_p95() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.95) == 3.0


def test_nothing_has_no_percentile() -> None:
    assert math.isnan(percentile([], 0.5))


def test_the_slope_of_a_line_is_that_line_s() -> None:
    assert slope([(0.0, 1.0), (10.0, 3.0), (20.0, 5.0)]) == pytest.approx(0.2)


def test_a_bump_in_the_middle_leaves_the_slope_flat() -> None:
    assert slope([(0.0, 1.0), (1.0, 9.0), (2.0, 1.0)]) == pytest.approx(0.0)


@pytest.mark.parametrize("points", [[], [(1.0, 2.0)], [(1.0, 2.0), (1.0, 3.0)]])
def test_too_few_points_have_no_slope(points: list[tuple[float, float]]) -> None:
    assert math.isnan(slope(points))
