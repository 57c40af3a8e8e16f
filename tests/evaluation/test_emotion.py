"""Which recordings count for which measure, and what the measures come to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="extra evaluate")

from evaluation.emotion import EmotionScores, arousal_of, describe, evaluate, mean_row
from evaluation.manifest import Entry, EvaluationError, read_manifest
from monitor.analysis import Role
from monitor.labels import LABELS
from monitor.reading import Reading
from tests.evaluation.recordings import ScriptedModel, write_wav
from tests.scripted import EMOTION, voice


def entry(emotion: str, dataset: str = "x", language: str = "en") -> Entry:
    return Entry(2, "a.wav", Path("a.wav"), "s", emotion, dataset, language)


def scores(*said: tuple[Entry, str, str]) -> EmotionScores:
    """Of a model that knows angry, happy, neutral and sad: (entry, what it says, how reliable)."""
    logits = np.zeros((len(said), len(LABELS)))
    readings = []
    for row, (_, label, reliability) in enumerate(said):
        logits[row, LABELS.index(label)] = 4.0
        logits[row, LABELS.index("surprised")] = 9.0  # a label it does not know
        readings.append(Reading({}, label, 0.9, 0.5, "single", reliability, 1.0, None))  # type: ignore[arg-type]
    arousal = np.array([1.0 if said_[1] == "angry" else -1.0 for said_ in said])
    return EmotionScores(EMOTION, [each[0] for each in said], logits, arousal, np.ones(len(said), np.bool_), readings)


def test_measures_by_hand() -> None:
    found = describe(
        scores(
            (entry("angry"), "angry", "high"),
            (entry("angry"), "happy", "low"),
            (entry("happy"), "happy", "high"),
            (entry("neutral"), "neutral", "medium"),
        )
    )["all"]
    assert found["clips"] == 4
    assert found["ua"] == pytest.approx((0.5 + 1 + 1) / 3)
    assert found["wa"] == 0.75
    assert found["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert found["angry_auc"] == 0.75
    assert found["arousal_auc"] == pytest.approx((1 + 0.5 + 0.5) / 3)  # angry, angry and happy against neutral


def test_a_label_that_the_model_does_not_know_is_never_guessed_and_never_asked_for() -> None:
    found = describe(scores((entry("angry"), "angry", "high"), (entry("surprised"), "sad", "high")))
    assert found["all"]["clips"] == 1
    assert found["confusion"]["labels"] == ("angry", "happy", "neutral", "sad")
    assert np.sum(found["confusion"]["counts"]) == 1


def test_boredom_of_emodb_is_low_arousal_and_of_no_label() -> None:
    assert [arousal_of(entry("other", dataset)) for dataset in ("emodb", "mine")] == [0, -1]
    found = describe(scores((entry("other", "emodb"), "neutral", "low"), (entry("angry", "emodb"), "angry", "low")))
    assert found["all"]["clips"] == 1
    assert found["all"]["arousal_auc"] == 1.0


def test_corpora_and_languages_are_told_apart_and_their_mean_is_not_of_recordings() -> None:
    found = describe(
        scores(
            (entry("angry", "a", "en"), "angry", "high"),
            (entry("sad", "a", "en"), "sad", "high"),
            (entry("sad", "a", "de"), "sad", "high"),
            (entry("angry", "b", "de"), "sad", "high"),
            (entry("sad", "b", ""), "sad", "high"),
        )
    )
    assert {name: row["ua"] for name, row in found["datasets"].items()} == {"a": 1.0, "b": 0.5}
    assert found["mean_of_datasets"]["ua"] == 0.75
    assert found["mean_of_datasets"]["clips"] == 5
    assert {name: row["clips"] for name, row in found["languages"].items()} == {"en": 2, "de": 2}


def test_a_mean_leaves_out_what_a_corpus_cannot_be_asked() -> None:
    nan = float("nan")
    assert mean_row({"a": {"ua": 0.5, "clips": 1}, "b": {"ua": nan, "clips": 2}}) == {"ua": 0.5, "clips": 3}


def test_accuracy_is_counted_within_each_level_of_reliability() -> None:
    found = describe(
        scores(
            (entry("angry"), "angry", "high"),
            (entry("sad"), "angry", "high"),
            (entry("sad"), "sad", "medium"),
            (entry("sad"), "happy", "unusable"),
        )
    )["reliability"]
    assert found["high"] == {"clips": 2, "accuracy": 0.5}
    assert found["medium"] == {"clips": 1, "accuracy": 1.0}
    assert found["low"] == {"clips": 0, "accuracy": None}
    assert found["unusable"] == {"clips": 1, "accuracy": None}


def test_loud_recordings_are_angry_to_the_scripted_model(tmp_path: Path) -> None:
    rows = ["path,speaker,emotion"]
    for number, (emotion, level) in enumerate([("angry", 0.8), ("neutral", 0.01), ("fearful", 0.1), ("", 0.1)]):
        write_wav(tmp_path / f"{number}.wav", voice(150, 1.5, number, level))
        rows.append(f"{number}.wav,s,{emotion}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    manifest = read_manifest(tmp_path / "list.csv", ("speaker", "emotion"), {})
    found = evaluate(manifest, manifest.entries, ScriptedModel(Role.EMOTION), ["clean", "noise10"])
    assert (found["recordings"], found["without_emotion"], found["labels_left_out"]) == (3, 1, {"fearful": 1})
    assert found["conditions"]["clean"]["all"]["angry_auc"] == 1.0
    assert set(found["conditions"]) == {"clean", "noise10"}
    with pytest.raises(EvaluationError, match="no row has an emotion"):
        evaluate(manifest, manifest.entries[3:], ScriptedModel(Role.EMOTION), ["clean"])
