"""Models with a memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evaluation.caching import CachingModel
from monitor.analysis import Analysis, Role, SpeakerAnalysis, Window
from tests.scripted import SPEAKER


class CountingModel:
    """Answers with the first sample of each window."""

    role = Role.SPEAKER
    spec = SPEAKER
    max_batch = 8

    def __init__(self) -> None:
        self.batches: list[int] = []

    def analyse(self, windows: Sequence[Window]) -> Sequence[Analysis]:
        self.batches.append(len(windows))
        return [SpeakerAnalysis(window.samples[:1].copy()) for window in windows]


def windows(*values: float) -> list[Window]:
    return [Window(0, Role.SPEAKER, 0, 4, np.full(4, value, np.float32)) for value in values]


def firsts(answers: Sequence[Analysis]) -> list[float]:
    return [float(answer.embedding[0]) for answer in answers if isinstance(answer, SpeakerAnalysis)]


def test_a_window_that_was_seen_is_not_asked_for_again() -> None:
    counting = CountingModel()
    model = CachingModel(counting)
    model.analyse(windows(1, 2))
    assert firsts(model.analyse(windows(2, 3, 1))) == [2, 3, 1]
    assert counting.batches == [2, 1]
    assert model.computed == 3


def test_a_window_twice_in_a_batch_is_asked_for_once() -> None:
    counting = CountingModel()
    assert firsts(CachingModel(counting).analyse(windows(5, 5, 6))) == [5, 5, 6]
    assert counting.batches == [2]
