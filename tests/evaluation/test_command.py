"""`undertone evaluate`, from its arguments to what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="extra evaluate")

from evaluation import command
from inference.model import Models
from monitor.analysis import Role
from stream_server.commands.cli import main
from stream_server.live import crews
from stream_server.settings import Settings
from tests.evaluation.recordings import ScriptedModel, write_wav
from tests.scripted import conversation, silence, voice


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripted models in place of those that the settings name."""

    def load(settings: Settings) -> Models:
        named = {Role.EMOTION: settings.models.emotion, Role.SPEAKER: settings.models.speaker}
        return {role: ScriptedModel(role) for role, name in named.items() if name != "none"}

    monkeypatch.setattr(crews, "load_models", load)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Six recordings of two speakers, angry ones loud."""
    rows = ["path,speaker,emotion,dataset,language"]
    for number in range(12):
        emotion, level = ("angry", 0.8) if number % 2 else ("neutral", 0.02)
        write_wav(tmp_path / f"{number}.wav", voice(110 if number < 6 else 230, 3.5, number, level))
        rows.append(f"{number}.wav,{'low' if number < 6 else 'high'},{emotion},{'xy'[number % 4 > 1]},en")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    return tmp_path / "list.csv"


def document(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out)


def test_json_is_one_document_and_nothing_else(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", "emotion", str(manifest), "--condition", "clean", "--json"]
    assert main(arguments) == 0
    found = document(capsys)
    assert found["emotion"]["conditions"]["clean"]["all"]["angry_auc"] == 1.0
    assert set(found["emotion"]["conditions"]["clean"]["datasets"]) == {"x", "y"}
    assert found["bad_rows"] == []


def test_people_get_tables(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "emotion", str(manifest), "--condition", "clean", "--limit", "1"]) == 0
    said = capsys.readouterr().out
    assert "scripted-emotion: 4 recordings of 2 speakers" in said
    assert "Emotion, clean" in said
    assert "Right by reliability, clean" in said


def test_alert_rules_are_swept_and_drawn(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wav(tmp_path / "calm" / "a.wav", silence(3.0))
    rules = tmp_path / "rules.toml"
    rule = {"name": '"anger"', "score": "{angry = 1.0}", "above": 0.004, "clear": 0.003, "reliability": '"low"'}
    rules.write_text("\n".join(["[[alerts.rules]]", *(f"{key} = {value}" for key, value in rule.items())]))
    common = ["evaluate", "alerts", str(manifest), "--condition", "clean", "--rules", str(rules)]
    common += ["--sweep", "0.002:0.006:0.002", "--for", "0,1", "--calm", str(tmp_path / "calm")]
    assert main([*common, "--json", "--plot", str(tmp_path / "sweep.png")]) == 0
    found = document(capsys)["rules"]["anger"]
    clean = found["conditions"]["clean"]
    tried = [(row["level"], row["clear"], row["for_s"]) for row in clean["sweep"]]
    assert tried[:3] == [(0.002, 0.001, 0.0), (0.004, 0.003, 0.0), (0.006, 0.005, 0.0)]
    assert tried[3:] == [(level, clear, 1.0) for level, clear, _ in tried[:3]]
    assert (clean["own"]["level"], clean["own"]["episodes"], clean["own"]["found"]) == (0.004, 2, 2)
    best = next(row for row in clean["sweep"] if row["found"] == 2 and row["for_s"] == 1.0)
    assert found["chosen"] == {key: best[key] for key in ("level", "clear", "for_s")}
    assert (tmp_path / "sweep.png").stat().st_size > 10_000
    assert main(common) == 0
    said = capsys.readouterr().out
    assert "as it stands" in said
    assert "anger, at most 1 false alerts in a calm hour: from 0.00" in said


def test_voices_are_evaluated_by_corpus_condition_and_length(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["evaluate", "speaker", str(manifest), "--condition", "telephone", "--only", "dataset=x", "--json"]) == 0
    )
    rows = document(capsys)["models"]["scripted-speaker"]["rows"]
    assert [(row["dataset"], row["condition"], row["length_s"]) for row in rows] == [
        ("x", "telephone", length) for length in (1.0, 1.5, 2.0, 3.0)
    ]
    assert main(["evaluate", "speaker", str(manifest), "--condition", "clean"]) == 0
    assert "x, across emotions, clean, 1.5 s" in capsys.readouterr().out


def test_conversations_are_evaluated_and_built(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "talks"
    write_wav(folder / "talk.wav", conversation())
    (folder / "talk.rttm").write_text("SPEAKER talk 1 0.7 4.6 <NA> <NA> A <NA> <NA>\n")
    assert main(["evaluate", "diarization", str(folder), "--json"]) == 0
    assert document(capsys)["recordings"]["talk"]["speakers"]["expected"] == 1
    out = tmp_path / "built"
    arguments = ["evaluate", "diarization", "--build", str(out), "--manifest", str(manifest), "--count", "2", "--json"]
    assert main(arguments) == 1
    assert "no corpus has two speakers with 18 s" in capsys.readouterr().err


def test_noise_is_evaluated_without_a_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wav(tmp_path / "quiet" / "a.wav", silence(3.0))
    assert main(["evaluate", "emotion", "--nonspeech", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "Nobody speaks" in said
    assert "quiet" in said


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["emotion"], "name a manifest, or a folder with --nonspeech"),
        (["emotion", "none.csv"], "none.csv: not a manifest that can be read"),
        (["alerts", "{}", "--sweep", "0.3"], "write FROM:TO:STEP, such as 0.3:0.95:0.05"),
        (["alerts", "{}", "--for", "long"], "write seconds, such as 0,1,2,3"),
        (["alerts", "{}", "--calm", "{}/none"], "no audio in it"),
        (["emotion", "{}", "--only", "dataset=z"], "no usable row with dataset=z"),
        (["emotion", "--nonspeech", "{}/none"], "no audio in it"),
        (["diarization", "{}/none"], "no audio file there has an .rttm file"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    manifest: Path, arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *(each.format(manifest) for each in arguments)]) == 1
    said = capsys.readouterr().err
    assert reason in said
    assert len(said.strip().splitlines()) == 1


def test_bad_rows_are_skipped_on_request_and_counted_aloud(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with manifest.open("a") as file:
        file.write("\ngone.wav,low,angry,x,en")
    common = ["evaluate", "emotion", str(manifest), "--condition", "clean"]
    assert main(common) == 1
    assert "row 14" in capsys.readouterr().err
    assert main([*common, "--skip-bad"]) == 0
    assert "1 rows were skipped; the first:" in capsys.readouterr().out


def test_what_must_be_installed_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert main(["evaluate", "speaker", "list.csv"]) == 2
    assert "scikit-learn and pyannote.metrics: pip install 'undertone[evaluate]'" in capsys.readouterr().err


def test_a_peer_that_is_not_there_is_asked_for(
    manifest: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from evaluation import speaker

    monkeypatch.setattr(speaker, "find_spec", lambda name: None)
    assert main(["evaluate", "speaker", str(manifest), "--against", "resemblyzer"]) == 1
    assert "pip install --no-deps resemblyzer" in capsys.readouterr().err


def test_the_shipped_models_are_measured_on_the_held_out_speakers(
    recordings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (recordings / "index.csv").is_file():
        pytest.skip(f"{recordings} has no index.csv")
    monkeypatch.undo()
    index, few = str(recordings / "index.csv"), ["--part", "held_out", "--limit", "1", "--json"]
    few += ["--only", "dataset=emodb,emovo"]
    assert main(["evaluate", "emotion", index, *few, "--condition", "clean"]) == 0
    found = document(capsys)["emotion"]["conditions"]["clean"]["all"]
    assert found["clips"] == 26
    assert found["angry_auc"] > 0.75
    assert np.isfinite(found["arousal_auc"])
