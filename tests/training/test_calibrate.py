"""From a run to a release: temperatures, thresholds, and the figures in the header."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn", reason="extra evaluate")

from evaluation.manifest import Manifest, read_manifest
from inference import checkpoint
from inference.embedded import EmbeddedEmotion, EmbeddedSpeaker
from inference.emotion_net import EmotionNet, EmotionNetConfig
from inference.speaker_net import SpeakerNet, SpeakerNetConfig
from tests.evaluation.recordings import write_wav
from tests.scripted import voice
from training import calibrate
from training.calibrate import confidence_for, likeliest_temperature, release_emotion, release_speaker
from training.emotion_data import KNOWN_LABELS

HEADER = {"name": "run", "licence": "none", "thresholds": {}, "trained_on": [], "results": {}}


def test_the_likeliest_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 3))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(3, p=row) for row in chances])
    for factor in (0.5, 1.0, 3.0):
        found = likeliest_temperature(logits * factor, truth, np.full(4000, "x"))
        assert found == pytest.approx(factor, rel=0.1)


def test_corpora_weigh_the_same_however_large() -> None:
    logits, truth = np.tile([2.0, 0.0], (101, 1)), np.zeros(101, np.int64)
    truth[100] = 1  # a corpus of one, and wrong
    dataset = np.array(["large"] * 100 + ["small"])
    assert likeliest_temperature(logits, truth, dataset) == pytest.approx(5.0)
    assert likeliest_temperature(logits, truth, np.full(101, "large")) < 1.0


def test_a_threshold_is_where_the_answers_are_right_often_enough() -> None:
    confidence, right = (
        np.array([0.305, 0.405, 0.505, 0.605, 0.705, 0.805]),
        np.array([False, False, True, False, True, True]),
    )
    assert confidence_for(0.75, confidence, right) == pytest.approx(0.41)
    assert confidence_for(1.0, confidence, right) == pytest.approx(0.61)
    assert confidence_for(1.0, confidence, ~right) == 1.0


@pytest.fixture
def recordings_of_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """The only manifest there is, whatever part is asked for."""
    rows = ["path,speaker,emotion,dataset"]
    for number in range(12):
        speaker, emotion = "abc"[number % 3], "" if number > 9 else KNOWN_LABELS[number % len(KNOWN_LABELS)]
        write_wav(tmp_path / f"{number}.wav", voice(100 + 50 * (number % 3), 2.0, number))
        rows.append(f"{number}.wav,{speaker},{emotion},x")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    manifest = read_manifest(tmp_path / "list.csv", ("speaker",), {})
    monkeypatch.setattr(calibrate, "part", lambda name, corpora: manifest)
    monkeypatch.setattr(calibrate, "data_folder", lambda: tmp_path)
    monkeypatch.setattr(calibrate, "CALM", ("calm",))
    write_wav(tmp_path / "calm" / "quiet.wav", voice(120, 3.0, 99, 0.05))
    return manifest


def test_alert_levels_are_those_that_notice_most_and_seldom_cry_wolf(
    recordings_of_three: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(1)
    path = tmp_path / "net.safetensors"
    checkpoint.save(path, EmotionNet(EmotionNetConfig()).eval(), HEADER | {"labels": list(KNOWN_LABELS)})
    asked: list[Any] = []

    def evaluate(manifest: Manifest, models: object, settings: object, rules: Any, *rest: Any) -> dict[str, Any]:
        asked.extend(rule.name for rule in rules)
        return {"rules": {"anger": {"chosen": {"level": 0.9, "clear": 0.7, "for_s": 0.0}}, "risk": {"chosen": None}}}

    monkeypatch.setattr(calibrate, "evaluate_alerts", evaluate)
    header = calibrate.set_alert_levels(path)
    assert asked == ["anger", "risk"]
    assert header["thresholds"]["alerts"] == {"anger": {"above": 0.9, "clear": 0.7, "for_s": 0.0}}
    spec = EmbeddedEmotion(path, "cpu").spec
    assert (spec.alerts["anger"].above, spec.alerts["anger"].for_s, spec.alerts["risk"].above) == (0.9, 0.0, 0.7)
    assert "risk: no level" in capsys.readouterr().err


def test_an_emotion_release_says_what_its_run_says_but_as_sure_as_it_may_be(
    recordings_of_three: Manifest, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    net = EmotionNet(EmotionNetConfig()).eval()
    checkpoint.save(tmp_path / "run.safetensors", net, HEADER | {"labels": list(KNOWN_LABELS)})
    header = release_emotion(tmp_path / "run.safetensors", tmp_path / "out.safetensors", "released")
    released, stored = checkpoint.load_emotion(tmp_path / "out.safetensors")
    temperature = stored["thresholds"]["temperature_folded_in"]
    assert torch.allclose(released.label_head.weight * temperature, net.label_head.weight)
    assert header["results"].keys() == stored["results"].keys() == {"clean", "telephone"}
    assert stored["results"]["clean"]["alone"]["x"]["clips"] == 10
    spec = EmbeddedEmotion(tmp_path / "out.safetensors", "cpu").spec
    assert (spec.name, spec.medium_from) == ("released", stored["thresholds"]["medium_from"])


def test_a_speaker_release_declares_the_cosines_that_it_measured(recordings_of_three: Manifest, tmp_path: Path) -> None:
    torch.manual_seed(1)
    checkpoint.save(tmp_path / "run.safetensors", SpeakerNet(SpeakerNetConfig()).eval(), HEADER)
    header = release_speaker(tmp_path / "run.safetensors", tmp_path / "out.safetensors", "released")
    spec = EmbeddedSpeaker(tmp_path / "out.safetensors", "cpu").spec
    assert (spec.same_mean, spec.different_std) == (
        header["thresholds"]["same_mean"],
        header["thresholds"]["different_std"],
    )
    assert -1.0 <= spec.different_mean <= spec.same_mean <= 1.0
    assert header["results"]["models"]["released"]["rows"]
