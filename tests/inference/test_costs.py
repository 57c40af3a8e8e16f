"""What is made of the measured costs of batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from inference.costs import Costs, measure
from monitor.analysis import Analysis, Role, SpeakerAnalysis, SpeakerSpec, Window


class Timed:
    """A model that takes 10 ms for a batch and 5 ms for each of its windows, on a clock of its own."""

    role = Role.SPEAKER
    spec = SpeakerSpec("timed", "none", 24_000, 1, 0.9, 0.1, 0.1, 0.1)
    overlap_samples = None

    def __init__(self, max_batch: int) -> None:
        self.max_batch = max_batch
        self.now_s = 0.0
        self.hiccups_s: list[float] = []
        """By how much its next batches take longer."""
        self.ends: dict[int, list[int]] = {}

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        for window in windows:
            self.ends.setdefault(id(window.stream), []).append(window.end_sample)
        self.now_s += 0.01 + 0.005 * len(windows) + (self.hiccups_s.pop() if self.hiccups_s else 0.0)
        return [SpeakerAnalysis(np.zeros(1, np.float32)) for _ in windows]


def measured(model: Timed, budget_s: float) -> Costs:
    return measure(model, budget_s, lambda: model.now_s)


def test_batches_grow_until_one_is_over_the_budget() -> None:
    assert measured(Timed(64), 0.06).seconds == pytest.approx({1: 0.015, 2: 0.02, 4: 0.03, 8: 0.05, 16: 0.09})
    assert list(measured(Timed(12), 1.0).seconds) == [1, 2, 4, 8, 12]
    assert list(measured(Timed(500), 9.0).seconds) == [1, 2, 4, 8, 16]
    assert list(measured(Timed(1), 1.0).seconds) == [1]


def test_each_stream_is_heard_as_a_call_is() -> None:
    model = Timed(4)
    measured(model, 1.0)
    assert all(np.diff(ends).tolist() == [8000] * (len(ends) - 1) for ends in model.ends.values())
    assert len(model.ends) == 4


def test_a_machine_that_is_busy_for_a_moment_does_not_make_batches_small() -> None:
    model = Timed(64)
    model.hiccups_s = [0.0, 0.08, 0.02, 0.09] * 40
    assert measured(model, 0.12).largest(0.12, 64) == measured(Timed(64), 0.12).largest(0.12, 64) == 22


@pytest.mark.parametrize(
    ("budget_s", "most", "expected"),
    [(0.06, 64, 10), (0.05, 64, 8), (0.01, 64, 1), (9.0, 64, 64), (0.06, 6, 6), (0.5, 200, 98)],
)
def test_the_largest_batch_keeps_the_budget(budget_s: float, most: int, expected: int) -> None:
    assert measured(Timed(64), budget_s).largest(budget_s, most) == expected


def test_what_was_not_measured_has_no_limit_of_its_own() -> None:
    assert Costs().largest(0.1, 32) == 32
    assert Costs({1: 0.05}).largest(0.1, 32) == 32
    assert Costs({1: 0.2}).largest(0.1, 32) == 1
    assert Costs({8: 0.05, 16: 0.05}).largest(0.1, 32) == 32
