"""Windows of speech become unit embeddings."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.analysis import Role
from tests.evaluation.recordings import ScriptedModel
from tests.scripted import voice
from workbench.embedding import embed


def test_embeddings_are_of_unit_length_and_long_stretches_are_means_of_windows() -> None:
    model = ScriptedModel(Role.SPEAKER)
    short, long = voice(120, 1.0), voice(220, 3.0, 1)
    found = embed([short, long], model)
    assert np.linalg.norm(found, axis=1) == pytest.approx([1.0, 1.0])
    assert [len(window.samples) for batch in model.batches for window in batch] == [16_000] + 4 * [24_000]
    parts = embed([long[at : at + 24_000] for at in (0, 8_000, 16_000, 24_000)], model)
    mean = parts.mean(axis=0)
    assert found[1] == pytest.approx(mean / np.linalg.norm(mean))
