from __future__ import annotations

import numpy as np
import pytest

from training.metrics import auc, calibration_error, equal_error, unweighted_accuracy


def test_unweighted_accuracy_counts_rare_labels_as_much_as_frequent_ones() -> None:
    truth = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    assert unweighted_accuracy(truth, np.zeros_like(truth)) == pytest.approx(0.5)


def test_auc_is_the_probability_of_the_right_order() -> None:
    positive = np.array([False, False, True, True])
    assert auc(np.array([0.1, 0.2, 0.3, 0.4]), positive) == 1.0
    assert auc(np.array([0.4, 0.3, 0.2, 0.1]), positive) == 0.0
    assert auc(np.array([0.5, 0.5, 0.5, 0.5]), positive) == 0.5
    assert auc(np.array([0.1, 0.3, 0.2, 0.4]), positive) == 0.75


def test_auc_of_one_class_is_not_a_number() -> None:
    assert np.isnan(auc(np.array([0.1, 0.2]), np.array([True, True])))


def test_equal_error_of_separated_scores_is_zero_and_its_threshold_lies_between() -> None:
    rate, threshold = equal_error(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]))
    assert rate == 0
    assert 0.2 <= threshold < 0.8


def test_equal_error_of_two_shifted_normals_follows_their_distance() -> None:
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(0, 1, 20_000), rng.normal(2, 1, 20_000)])
    rate, threshold = equal_error(scores, np.arange(40_000) >= 20_000)
    assert rate == pytest.approx(0.1587, abs=0.005)
    assert threshold == pytest.approx(1.0, abs=0.05)


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    probabilities = np.array([[0.9, 0.1]] * 10)
    truth = np.array([0] * 6 + [1] * 4)
    assert calibration_error(probabilities, truth) == pytest.approx(0.3)
