"""`undertone search`, `cluster`, `compare` and `library`, from arguments to what they print and keep."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="extra workbench")

from tests.stream_server.test_voicecommands import run, somewhere, spoken
from tests.workbench.shelves import shelf

__all__ = ["somewhere"]


def run_folder(path: Path, groups: int, each: int, seed: int = 0) -> Path:
    """Emotion embeddings as `undertone embed` leaves them."""
    kept = shelf(groups, each, seed=seed, about=lambda group, rng: {"angry": 0.2 + 0.5 * group + 0.05 * rng.random()})
    (path / "embeddings").mkdir(parents=True)
    with (path / "results.jsonl").open("w", encoding="utf-8") as lines:
        for item, vector in zip(kept.items, kept.vectors, strict=True):
            np.save(path / "embeddings" / f"{item.source}.npy", vector[None])
            scores = {"angry": item.about["angry"], "neutral": 1 - item.about["angry"]}
            line = {
                "file": item.source,
                "embeddings": [{"file": f"embeddings/{item.source}.npy"}],
                "emotion": {"scores": scores},
            }
            lines.write(json.dumps(line) + "\n")
    return path


def test_voices_are_searched_among_recordings_and_kept_only_if_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, pitch_hz in enumerate((110, 110, 250, 250)):
        spoken(tmp_path / "calls" / f"{number}.wav", pitch_hz, number)
    query = spoken(tmp_path / "query.wav", 110, 9)
    assert run("search", query, tmp_path / "calls", "--json") == 0
    hits = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {Path(hit["source"]).name for hit in hits[:2]} == {"0.wav", "1.wav"}
    assert run("search", query) == 1
    assert "by no model" in capsys.readouterr().err
    assert run("search", query, tmp_path / "calls", "--keep") == 0
    assert run("search", query, "--count", 1, "--json") == 0
    capsys.readouterr()
    kept = str(tmp_path / "calls" / "0.wav")
    assert run("search", "--source", kept, "--count", 1, "--json", heard=()) == 0
    assert Path(json.loads(capsys.readouterr().out)["source"]).name == "1.wav"
    assert run("search", "--source", "nobody.wav", heard=()) == run("search", query, "--source", kept, heard=()) == 1
    assert capsys.readouterr().err.count("kept") == 2
    assert run("library", heard=()) == 0
    assert "4 embeddings by undertone-speaker-small" in capsys.readouterr().out
    assert run("library", "--forget", tmp_path / "calls" / "0.wav", heard=()) == 0
    assert run("library", "--forget-all", heard=()) == 0
    assert capsys.readouterr().out.split() == ["1", "embeddings", "deleted", "3", "embeddings", "deleted"]


def test_runs_are_clustered_with_a_map_and_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = run_folder(tmp_path / "run", 3, 8), tmp_path / "out"
    options = ("--kind", "emotion", "--map", "pca", "--export", out, "--dimensions", 5)
    assert run("cluster", folder, *options, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["clusters"]) == 3
    assert {"source", "group", "x", "y"} <= told["items"][0].keys()
    assert np.load(out / "embeddings.npy").shape[0] == 24
    assert np.load(out / "embeddings.npy").shape[1] <= 5
    assert run("cluster", folder, "--kind", "emotion", "--method", "hdbscan") == 0
    assert "3 groups that are clearly apart" in capsys.readouterr().out


def test_a_group_is_compared_with_a_reference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, mixed = run_folder(tmp_path / "good", 1, 9), run_folder(tmp_path / "mixed", 2, 9, seed=3)
    assert run("compare", "--kind", "emotion", "--group", mixed, "--reference", good) == 0
    shown = capsys.readouterr().out
    assert "at risk" in shown
    assert "angry: more" in shown
    assert run("compare", "--kind", "emotion", "--group", good, "--reference", good, "--json") == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "meets the standard"


def test_recordings_are_compared_by_their_emotion_too(
    tmp_path: Path, recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anger of one actor against neutral speech of the same: EmoDB's third speaker, German, acted."""
    files = sorted((recordings / "emotion" / "emodb").glob("03*.flac"))
    angry, neutral = ([file for file in files if file.stem[5] == letter][:4] for letter in "WN")
    options = ("--kind", "emotion", "--group", *angry, "--reference", *neutral, "--json")
    assert run("compare", *options, heard=()) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["model"] == "undertone-emotion-small"
    assert told["score"] < told["reference_score"]
    more = {each["measure"] for each in told["differences"] if each["effect"] > 0}
    assert "angry" in more
    assert "arousal" in more


def test_embeddings_of_another_model_are_not_searched_though_they_have_the_same_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = run_folder(tmp_path / "one", 2, 4), run_folder(tmp_path / "other", 2, 4)
    (one / "run.json").write_text('{"model": "plus_large"}', encoding="utf-8")
    unnamed = run_folder(tmp_path / "unnamed", 2, 4)
    for folder, status in ((one, 0), (other, 1), (unnamed, 0)):
        if folder is other:
            (other / "run.json").write_text('{"model": "plus_base"}', encoding="utf-8")
        assert run("search", one, folder, "--kind", "emotion", heard=()) == status
    assert "is embedded by plus_large, and what is searched by plus_base" in capsys.readouterr().err
    assert run("search", unnamed, other, "--kind", "emotion", "--keep", heard=()) == 0
    assert run("search", one, "--kind", "emotion", heard=()) == 1
    assert "nothing is kept by plus_large; there are embeddings of kind emotion by plus_base" in capsys.readouterr().err


def test_a_vector_that_is_none_is_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run_folder(tmp_path / "run", 2, 4)
    np.save(folder / "embeddings" / "g1-2.wav.npy", np.full((1, 24), np.nan, np.float32))
    for command in (("search", folder), ("cluster",)):
        assert run(*command, folder, "--kind", "emotion", heard=()) == 1
        assert "all zero, or not finite" in capsys.readouterr().err
