"""What probabilities are worth, measured on voices that lie as the model says, and on recordings."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="extra evaluate")

from evaluation.calibration import Calibration, cost, evaluate, gap, least_cost, shown
from evaluation.manifest import read_manifest
from monitor.analysis import Role
from monitor.cosines import expected
from tests.evaluation.recordings import ScriptedModel, write_wav
from tests.scripted import SPEAKER, silence, voice
from workbench.verification import Purpose


def drawn(count: int = 20_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cosines of pairs that lie as the scripted model says, whether they are one speaker, and their odds."""
    rng = np.random.default_rng(3)
    cosines = expected(SPEAKER, 2.0, 2.0)
    same = np.arange(count) % 2 == 0
    mean, std = (np.where(same, one, two) for one, two in (
        (cosines.same_mean, cosines.different_mean), (cosines.same_std, cosines.different_std)
    ))  # fmt: skip
    values = np.tanh(rng.normal(mean, std))
    return values, same, cosines.log_odds(values)


def test_odds_of_a_model_that_is_right_about_itself_lose_next_to_nothing() -> None:
    values, same, odds = drawn()
    assert cost(odds, same) == pytest.approx(least_cost(values, same), abs=0.01)
    assert gap(odds, same) < 0.02


def test_odds_that_are_too_sure_cost_and_show() -> None:
    _, same, odds = drawn()
    assert cost(3 * odds, same) > cost(odds, same)
    assert gap(odds / 5, same) > gap(odds, same)


def test_saying_nothing_costs_one_bit() -> None:
    _, same, odds = drawn(100)
    assert cost(np.zeros_like(odds), same) == pytest.approx(1.0)
    assert cost(np.where(same, 50.0, -50.0), same) == pytest.approx(0.0, abs=1e-9)


@given(st.lists(st.tuples(st.floats(-5, 5), st.booleans()), min_size=4, max_size=60))
def test_no_rising_function_does_better_than_the_least(pairs: list[tuple[float, bool]]) -> None:
    scores, same = np.array([score for score, _ in pairs]), np.array([own for _, own in pairs])
    if same.any() and not same.all():
        assert least_cost(scores, same) <= cost(scores, same) + 1e-4


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Five speakers with eight recordings of 4 s each."""
    lines = ["path,speaker,dataset"]
    for speaker, pitch_hz in enumerate((100, 140, 190, 240, 300)):
        for number in range(8):
            name = f"{speaker}-{number}.wav"
            seed = 10 * speaker + number
            write_wav(tmp_path / name, np.concatenate([silence(0.3, seed), voice(pitch_hz, 4.0, seed), silence(0.3)]))
            lines.append(f"{name},s{speaker},corpus")
    (tmp_path / "list.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path / "list.csv"


def test_recordings_of_the_same_speaker_are_found_and_told(manifest: Path) -> None:
    results = evaluate(read_manifest(manifest, ("speaker",), {}), ScriptedModel(Role.SPEAKER), ["clean"], 0)
    (row,) = results["conditions"]["clean"]["verification"]["3 s, 3 s"]
    assert row["corpus"] == "corpus"
    assert row["pairs"] > row["same_speaker"] > 20
    assert 0 <= row["least_cllr"] <= row["cllr"] + 1e-6
    assert {purpose.value for purpose in Purpose} <= row.keys()
    assert len(list(shown(results))) == 3


def test_the_sides_of_a_pair_share_no_recording_and_have_their_length(manifest: Path) -> None:
    calibration = Calibration(ScriptedModel(Role.SPEAKER), 0)  # type: ignore[arg-type]
    sources = calibration.sources(read_manifest(manifest, ("speaker",), {}), "clean")
    sides = calibration.sides(sources, 12.0, np.random.default_rng(0))
    assert {side.speaker for side in sides} == {f"s{speaker}" for speaker in range(5)}
    assert all(len(side.sources) >= 3 for side in sides)
    assert all(np.linalg.norm(side.vector) == pytest.approx(1.0) for side in sides)
    assert calibration.sides(sources, 60.0, np.random.default_rng(0)) == []
    assert math.isclose(calibration.spec.window_samples / 16_000, 1.5)
