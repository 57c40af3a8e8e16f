"""Manifests, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.manifest import EvaluationError, filters, read_manifest, sampled
from tests.evaluation.recordings import write_wav
from tests.scripted import voice

HEADER = "path,dataset,speaker,emotion,room"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        write_wav(tmp_path / f"{name}.wav", voice(120, 0.5))
    return tmp_path


def manifest(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "list.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_paths_are_relative_to_the_manifest_wherever_one_stands(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    read = read_manifest(manifest(folder, "a.wav,x,s1,angry,1"), ("speaker", "emotion"), {})
    ((entry, samples),) = read.audio(read.entries)
    assert (entry.row, entry.speaker, entry.emotion, entry.dataset) == (2, "s1", "angry", "x")
    assert len(samples) == 8_000


def test_columns_that_may_be_missing_are_not_missed(folder: Path) -> None:
    read = read_manifest(manifest(folder, "a.wav,s1", header="path,speaker"), ("speaker",), {})
    assert (read.entries[0].dataset, read.entries[0].language, read.entries[0].emotion) == ("all", "", "")


def test_a_column_that_is_needed_is(folder: Path) -> None:
    with pytest.raises(EvaluationError, match="no column 'emotion', only path, speaker"):
        read_manifest(manifest(folder, "a.wav,s1", header="path,speaker"), ("speaker", "emotion"), {})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a.wav,x,s1,anger,1", r"row 3: emotion 'anger' is none of the nine labels angry, disgusted, .*unknown"),
        ("c.wav,x,s1,angry,1", r"row 3: .*c\.wav: there is no such file"),
        ("a.wav,x,,angry,1", r"row 3: there is no speaker"),
    ],
)
def test_a_bad_row_is_named_or_skipped_and_counted(folder: Path, row: str, reason: str) -> None:
    path = manifest(folder, "b.wav,x,s2,sad,1", row)
    with pytest.raises(EvaluationError, match=reason):
        read_manifest(path, ("speaker", "emotion"), {})
    skipped = read_manifest(path, ("speaker", "emotion"), {}, skip_bad=True)
    assert [entry.name for entry in skipped.entries] == ["b.wav"]
    assert len(skipped.bad) == 1


def test_audio_that_cannot_be_read_is_named_by_its_row_or_skipped_and_counted_once(folder: Path) -> None:
    (folder / "c.wav").write_bytes(b"no sound")
    path = manifest(folder, "a.wav,x,s1,sad,1", "c.wav,x,s1,sad,1")
    strict = read_manifest(path, ("speaker",), {})
    with pytest.raises(EvaluationError, match=r"row 3: .*c\.wav"):
        list(strict.audio(strict.entries))
    patient = read_manifest(path, ("speaker",), {}, skip_bad=True)
    assert [entry.name for entry, _ in [*patient.audio(patient.entries), *patient.audio(patient.entries)]] == [
        "a.wav"
    ] * 2
    assert len(patient.bad) == 1


def test_rows_are_filtered_by_any_column(folder: Path) -> None:
    path = manifest(folder, "a.wav,x,s1,sad,1", "b.wav,y,s1,sad,2", "b.wav,z,s1,sad,2", "gone.wav,w,s1,sad,1")
    only = filters(["dataset=x,y", "room=2"], None, folder / "split.csv")
    assert [entry.dataset for entry in read_manifest(path, ("speaker",), only).entries] == ["y"]
    with pytest.raises(EvaluationError, match="no usable row with dataset=q"):
        read_manifest(path, ("speaker",), filters(["dataset=q"], None, path))
    with pytest.raises(EvaluationError, match="no column 'floor'"):
        read_manifest(path, ("speaker",), filters(["floor=1"], None, path))
    with pytest.raises(EvaluationError, match="column=value"):
        filters(["dataset"], None, path)


def test_a_part_is_a_filter_of_speakers(folder: Path) -> None:
    split = folder / "split.csv"
    split.write_text("dataset,speaker,part\nx,s1,train\nx,s2,held_out\nx,s3,validation\n")
    assert filters([], "held_out", split) == {"speaker": frozenset({"s2"})}
    assert filters(["speaker=s1,s2"], "train,validation", split) == {"speaker": frozenset({"s1"})}
    with pytest.raises(EvaluationError, match=r"--part tset: .* has held_out, train, validation"):
        filters([], "tset", split)
    with pytest.raises(EvaluationError, match="not a split"):
        filters([], "train", folder / "none.csv")


def test_a_limit_is_per_speaker_and_emotion_and_drawn_by_the_seed(folder: Path) -> None:
    rows = [f"a.wav,x,s{speaker},{emotion},1" for speaker in (1, 2) for emotion in ("sad", "angry") for _ in range(5)]
    entries = read_manifest(manifest(folder, *rows), ("speaker",), {}).entries
    chosen = sampled(entries, 2, seed=1)
    assert [(entry.speaker, entry.emotion) for entry in chosen] == [
        (speaker, emotion) for speaker in ("s1", "s2") for emotion in ("sad", "angry") for _ in range(2)
    ]
    assert sampled(entries, 2, seed=1) == chosen
    assert any(sampled(entries, 2, seed) != chosen for seed in range(2, 6))
    assert sampled(entries, None, seed=1) == entries
