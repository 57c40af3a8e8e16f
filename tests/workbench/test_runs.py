"""Embeddings out of run folders, and into the files of other tools."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.workbench.shelves import shelf
from workbench.library import Kind, LibraryError
from workbench.projector import export
from workbench.runs import is_run, read_run, vector_in


def run_of_one(folder: Path, rows: int = 1, size: int = 12) -> Path:
    folder.mkdir(parents=True)
    np.save(folder / "embedding.npy", np.arange(rows * size, dtype=np.float32).reshape(rows, size))
    document = {"emotion": "angry", "confidence": 0.8, "scores": {"angry": 0.8, "sad": 0.2}, "granularity": "utterance"}
    (folder / "result.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def test_a_run_of_one_recording_is_read_with_its_scores(tmp_path: Path) -> None:
    folder = run_of_one(tmp_path / "outputs_20261128_101112", rows=3)
    read = read_run(folder, Kind.EMOTION)
    assert read.model == "unnamed, 12 values"
    assert read.items[0].source == "outputs_20261128_101112"
    assert read.items[0].about == {"confidence": 0.8, "scores": {"angry": 0.8, "sad": 0.2}}
    assert read.vectors[0] == pytest.approx(np.arange(12) + 12), "the mean over the frames"


def test_a_run_of_many_is_read_by_its_lines(tmp_path: Path) -> None:
    (tmp_path / "embeddings").mkdir()
    lines = []
    for number, name in enumerate(("a.wav", "b.wav", "bad.wav")):
        embeddings = []
        if name != "bad.wav":
            np.save(tmp_path / "embeddings" / f"{number}.npy", np.full((1, 12), number + 1, np.float32))
            embeddings = [{"file": f"embeddings/{number}.npy"}]
        lines.append({"file": name, "embeddings": embeddings, "emotion": {"scores": {"sad": 0.5}, "arousal": 0.25}})
    (tmp_path / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (tmp_path / "run.json").write_text('{"model": "undertone-emotion-small"}', encoding="utf-8")
    read = read_run(tmp_path, Kind.EMOTION)
    assert read.model == "undertone-emotion-small"
    assert [item.source for item in read.items] == ["a.wav", "b.wav"]
    assert read.items[1].about == {"arousal": 0.25, "scores": {"sad": 0.5}}
    assert read.vectors[:, 0] == pytest.approx([1.0, 2.0])


def test_a_folder_of_nothing_but_embeddings_is_read_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "embeddings" / "monday").mkdir(parents=True)
    np.save(tmp_path / "embeddings" / "monday" / "a.npy", np.ones(192, np.float32))
    read = read_run(tmp_path, Kind.SPEAKER)
    assert [item.source for item in read.items] == ["monday/a"]


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    assert not is_run(tmp_path)
    with pytest.raises(LibraryError, match="holds neither"):
        read_run(tmp_path, Kind.EMOTION)
    folder = run_of_one(tmp_path / "run")
    (folder / "embedding.npy").write_bytes(b"no array")
    with pytest.raises(LibraryError, match="cannot be read"):
        read_run(folder, Kind.EMOTION)
    (tmp_path / "embeddings").mkdir()
    with pytest.raises(LibraryError, match="holds no embedding; was the run asked for them"):
        read_run(tmp_path, Kind.EMOTION)
    for name, size in (("a", 12), ("b", 13)):
        np.save(tmp_path / "embeddings" / f"{name}.npy", np.ones(size, np.float32))
    with pytest.raises(LibraryError, match="of two models"):
        read_run(tmp_path, Kind.EMOTION)


@pytest.mark.parametrize("line", ["[]", "3", '{"embeddings": [3]}', '{"embeddings": [{"file": "a.npy"}]}', "{"])
def test_lines_that_are_no_results_are_said_to_be_that(line: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((1, 12), np.float32))
    (tmp_path / "results.jsonl").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(LibraryError, match="cannot be read"):
        read_run(tmp_path, Kind.EMOTION)


def test_an_array_that_is_no_embedding_is_refused(tmp_path: Path) -> None:
    for array in (np.zeros((2, 2, 2), np.float32), np.zeros(3, np.int64), np.zeros((0, 4), np.float32)):
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(ValueError, match="is no embedding"):
            vector_in(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        vector_in(tmp_path / "a.npy")


def test_other_tools_get_files_that_they_read(tmp_path: Path) -> None:
    kept = shelf(2, 3, about=lambda group, _: {"scores": {"angry": 0.1 * group}, "agent": f"a\t{group}"})
    files = export(kept, tmp_path / "out", groups=[0, 0, 0, 1, 1, 1])
    assert [file.name for file in files] == [
        "embeddings.npy", "embeddings.csv", "vectors.tsv", "metadata.tsv", "projector_config.pbtxt",
    ]  # fmt: skip
    assert np.load(files[0]) == pytest.approx(kept.vectors)
    assert np.loadtxt(files[2], delimiter="\t") == pytest.approx(kept.vectors, abs=1e-5)
    with files[1].open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert (rows[4]["source"], rows[4]["angry"], rows[4]["group"]) == ("g1-1.wav", "0.1", "1")
    lines = files[3].read_text(encoding="utf-8").splitlines()
    assert lines[0].split("\t") == ["source", "start_s", "end_s", "agent", "angry", "group"]
    assert [line.count("\t") for line in lines] == [5] * 7
