"""Embeddings that are of no use are found, however they come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from monitor.analysis import EmotionSpec
from monitor.labels import LABELS
from workbench.checks import Checks
from workbench.results import EmbeddingFacts

SPEC = EmotionSpec("model", "none", 48_000, LABELS, embedding_size=8, usual_norms=(2.0, 4.0))


def facts_of(*pieces: np.ndarray, spec: EmotionSpec = SPEC) -> EmbeddingFacts:
    checks = Checks()
    for piece in pieces:
        checks.feed(piece.astype(np.float32))
    return checks.facts("utterance", 0, 8, spec)


def test_statistics_are_those_of_all_rows_together() -> None:
    rows = np.random.default_rng(0).normal(0.3, 1, (50, 8)).astype(np.float32)
    one, other = facts_of(rows), facts_of(rows[:7], rows[7:7], rows[7:])
    assert one == other
    assert one.shape == (50, 8)
    assert one.mean == pytest.approx(rows.mean(), abs=1e-5)
    assert one.std == pytest.approx(rows.std(), abs=1e-5)
    assert one.norm == pytest.approx(np.linalg.norm(rows, axis=1).mean(), abs=1e-3)


@pytest.mark.parametrize(
    ("rows", "key"),
    [
        (np.zeros((2, 8)), "embeddings.zero"),
        (np.full((2, 8), np.nan), "embeddings.not_finite"),
        (np.array([[np.inf] + 7 * [1.0]]), "embeddings.not_finite"),
        (np.full((2, 8), 5.0), "embeddings.unusual"),
        (np.full((2, 8), 0.1), "embeddings.unusual"),
        (np.zeros((0, 8)), "embeddings.none"),
    ],
)
def test_what_is_wrong_is_said(rows: np.ndarray, key: str) -> None:
    about = facts_of(rows)
    assert not about.sound
    assert key in {remark.key for remark in about.remarks}


def test_what_is_well_is_said_too() -> None:
    about = facts_of(np.full((3, 8), 1.0))
    assert about.sound
    assert [remark.key for remark in about.remarks] == ["embeddings.fine"]


def test_without_a_usual_length_that_is_not_checked_and_said() -> None:
    about = facts_of(np.full((3, 8), 100.0), spec=replace(SPEC, usual_norms=None))
    assert about.sound
    assert [remark.key for remark in about.remarks] == ["embeddings.unchecked"]
