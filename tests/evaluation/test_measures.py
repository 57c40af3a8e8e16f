"""Measures against values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="extra evaluate")

from evaluation.measures import (
    calibration_error,
    confusion,
    equal_error,
    macro_f1,
    minimum_detection_cost,
    roc_auc,
    softmax,
    unweighted_accuracy,
)

FOUR = np.array([False, False, True, True])


def test_unweighted_accuracy_counts_rare_labels_as_much_as_frequent_ones() -> None:
    truth = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    assert unweighted_accuracy(truth, np.zeros_like(truth)) == pytest.approx(0.5)


def test_a_label_that_does_not_occur_is_in_no_mean() -> None:
    truth, guess = np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1])
    assert unweighted_accuracy(truth, guess) == pytest.approx(0.75)
    assert macro_f1(truth, guess) == pytest.approx((2 / 3 + 1) / 2)


def test_confusions_are_counted_by_truth_then_guess() -> None:
    assert confusion(np.array([0, 0, 2]), np.array([1, 0, 2]), 3) == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_auc_is_the_probability_of_the_right_order() -> None:
    assert roc_auc(np.array([0.1, 0.2, 0.3, 0.4]), FOUR) == 1.0
    assert roc_auc(np.array([0.5, 0.5, 0.5, 0.5]), FOUR) == 0.5
    assert roc_auc(np.array([0.1, 0.3, 0.2, 0.4]), FOUR) == 0.75


@pytest.mark.parametrize("flags", [[True, True], [False, False], []])
def test_where_there_is_one_class_nothing_can_be_told_apart(flags: list[bool]) -> None:
    scores, positive = np.zeros(len(flags)), np.array(flags, np.bool_)
    assert math.isnan(roc_auc(scores, positive))
    assert math.isnan(equal_error(scores, positive).rate)
    assert math.isnan(minimum_detection_cost(scores, positive, 0.05))


def test_equal_error_of_separated_scores_is_zero_and_its_threshold_parts_them() -> None:
    rate, threshold = equal_error(np.array([0.1, 0.2, 0.8, 0.9]), FOUR)
    assert rate == 0
    assert 0.2 < threshold <= 0.8


def test_equal_error_where_one_of_each_two_is_on_the_wrong_side() -> None:
    assert equal_error(np.array([0.1, 0.8, 0.2, 0.9]), FOUR).rate == pytest.approx(0.5)


def test_equal_error_of_two_shifted_normals_follows_their_distance() -> None:
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(0, 1, 20_000), rng.normal(2, 1, 20_000)])
    rate, threshold = equal_error(scores, np.arange(40_000) >= 20_000)
    assert rate == pytest.approx(0.1587, abs=0.005)
    assert threshold == pytest.approx(1.0, abs=0.05)


def test_detection_cost_by_hand() -> None:
    # Accepting the best one misses half of the targets: 0.05 * 0.5. Accepting three accepts half of the others:
    # 0.95 * 0.5. Accepting none costs 0.05. The least is the first, 0.025, relative to 0.05.
    assert minimum_detection_cost(np.array([0.1, 0.8, 0.2, 0.9]), FOUR, 0.05) == pytest.approx(0.5)


@given(st.lists(st.tuples(st.floats(-1, 1), st.booleans()), min_size=2, max_size=30))
def test_detection_cost_lies_between_perfect_and_worthless(trials: list[tuple[float, bool]]) -> None:
    scores, same = np.array([t[0] for t in trials]), np.array([t[1] for t in trials])
    cost = minimum_detection_cost(scores, same, 0.01)
    assert math.isnan(cost) if same.all() or not same.any() else 0.0 <= cost <= 1.0


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    probabilities = np.array([[0.9, 0.1]] * 10)
    assert calibration_error(probabilities, np.array([0] * 6 + [1] * 4)) == pytest.approx(0.3)


def test_bins_of_opposite_error_do_not_cancel() -> None:
    probabilities = np.array([[0.9, 0.1]] * 5 + [[0.6, 0.4]] * 5)
    truth = np.array([0, 0, 0, 1, 1, 0, 0, 0, 0, 0])  # right 0.6 where 0.9 was said, 1.0 where 0.6
    assert calibration_error(probabilities, truth) == pytest.approx(0.5 * 0.3 + 0.5 * 0.4)


def test_what_is_impossible_has_no_share() -> None:
    assert softmax(np.array([0.0, 0.0, -np.inf])).tolist() == [0.5, 0.5, 0.0]
