"""`undertone predict` and `undertone embed`, from their arguments to what they print and write."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.layouts import write_emotion
from stream_server.commands.cli import main
from tests.workbench.sounds import emodb
from workbench.asked import Item
from workbench.conclusion import Outcome
from workbench.results import Prediction
from workbench.runfolder import RunFolder


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written without a place being named lands here."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.wav"
    path.write_text("words, not sounds\n" * 100, encoding="utf-8")
    return path


def test_a_recording_is_told_in_words_and_nothing_is_written_unasked(
    recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(emodb(recordings))]) == 0
    out, err = capfd.readouterr()
    assert "03a01Wa.flac  angry 7" in out
    assert "Sounds angry more than anything else" in out
    assert "1.878 s, flac, 16000 Hz" in out
    assert "1 done in" in err
    assert "nothing was written: --out DIR keeps the results, --embeddings the embeddings too" in err
    assert list(tmp_path.iterdir()) == []


def test_a_bad_file_has_its_line_and_spoils_nothing(
    recordings: Path, bad: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(bad), str(emodb(recordings))]) == 0
    out, err = capfd.readouterr()
    assert "bad.wav  failed (not_audio): FFmpeg cannot read it as a recording. Is it" in out
    assert "1 done, 1 failed" in err
    assert main(["predict", str(bad)]) == 1


def test_embeddings_are_written_and_it_is_said_where(
    recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["embed", str(emodb(recordings)), str(emodb(recordings, "03a01Nc"))]) == 0
    out, err = capfd.readouterr()
    (run,) = (tmp_path / "outputs").iterdir()
    assert run.name.startswith("outputs_2")
    assert f"results and embeddings are in outputs/{run.name}" in err
    assert out.count("done (1, 96)  mean") == 2
    assert {path.name for path in run.rglob("*.npy")} == {"03a01Wa.npy", "03a01Nc.npy"}


def test_embeddings_of_the_speaker_are_those_of_undertone_voices(
    recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = str(emodb(recordings))
    assert main(["embed", path, "--kind", "speaker", "--out", "voice"]) == 0
    assert main(["voices", "embed", path, "--out", "same"]) == 0
    one, other = (np.load(tmp_path / run / "embedding.npy") for run in ("voice", "same"))
    np.testing.assert_array_equal(one, other)
    assert np.linalg.norm(one) == pytest.approx(1.0, abs=1e-5)
    capfd.readouterr()
    assert main(["embed", path, "--kind", "speaker", "--granularity", "turn", "--keep-audio"]) == 2
    assert "--granularity, --keep-audio: of emotion; leave out with --kind speaker" in capfd.readouterr().err


def test_that_no_embedding_was_made_is_said(recordings: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["embed", str(emodb(recordings)), "--roles", "agent", "--out", "run"]) == 0
    out, err = capfd.readouterr()
    assert "done, without an embedding: no channel's role is one whose emotion is inferred" in out
    assert "results are in run; there was nothing to make embeddings of" in err


def test_who_breaks_off_is_told_how_to_go_on(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken_off(folder: RunFolder, item: Item, outcome: Outcome) -> Prediction:
        if kept:
            raise KeyboardInterrupt
        kept.append(item)
        return keep(folder, item, outcome)

    kept: list[Item] = []
    keep = RunFolder.keep
    paths = [str(emodb(recordings, name)) for name in ("03a01Wa", "03a01Nc", "03a02Fc")]
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(RunFolder, "keep", broken_off)
        assert main(["embed", *paths, "--out", "run"]) == 130
    told = "1 of 3 are done, and kept; the same command with --out run does the others"
    assert f"run: broken off: {told}\nundertone: interrupted\n" in capfd.readouterr().err
    assert main(["embed", *paths, "--out", "run"]) == 0
    assert "2 done, 1 done before" in capfd.readouterr().err


def test_a_full_disk_is_said_and_how_to_go_on(
    recordings: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(folder: RunFolder, item: Item, outcome: Outcome) -> Prediction:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(RunFolder, "keep", full)
    assert main(["embed", str(emodb(recordings)), "--out", "run"]) == 1
    assert capfd.readouterr().err == (
        "undertone: run: cannot be written to (No space left on device): 0 of 1 are done, and kept; the same command "
        "with --out run does the others\n"
    )


def test_the_forms_hold_the_same(recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = str(emodb(recordings))
    assert main(["predict", path, "--format", "jsonl"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert main(["predict", path, "--format", "csv", "--out", "here"]) == 0
    printed = capfd.readouterr().out
    (line,) = csv.DictReader(printed.splitlines())
    assert line["label"] == told["emotion"]["label"]
    assert float(line["angry"]) == told["emotion"]["scores"]["angry"]
    assert (tmp_path / "here" / "results.csv").read_text(encoding="utf-8") == printed
    assert main(["predict", path, "--format", "parquet"]) == 0
    (run,) = (tmp_path / "outputs").iterdir()
    assert (run / "results.parquet").stat().st_size > 1000
    assert capfd.readouterr().out == ""


def test_a_run_is_taken_up_where_it_ended(recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    paths = [str(emodb(recordings, name)) for name in ("03a01Wa", "03a01Nc", "03a02Fc")]
    assert main(["embed", *paths[:2], "--out", "run"]) == 0
    assert main(["embed", *paths, "--out", "run"]) == 0
    assert "1 done, 2 done before" in capfd.readouterr().err
    assert main(["embed", *paths, "--out", "run"]) == 0
    assert "0 done, 3 done before" in capfd.readouterr().err
    assert main(["predict", *paths, "--out", "run"]) == 1
    assert "embeddings was True" in capfd.readouterr().err
    assert json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))["done"] == 3


def test_emotion2vec_in_its_published_layout_embeds_frames(recordings: Path, tmp_path: Path) -> None:
    model = write_emotion(tmp_path / "emotion2vec")
    flags = ["--granularity", "frame", "--every-frame", "--emotion-model", str(model), "--out", "run"]
    assert main(["embed", str(emodb(recordings)), *flags, "--models.precision", "float32"]) == 0
    rows = np.load(tmp_path / "run" / "embedding.npy")
    assert rows.shape == (93, 32)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--models.emotion", "none"], "models.emotion is none"),
        (["--vad.backend", "webrtcvad"], "vad.backend must be silero or cascade"),
        (["--channels", "2", "--roles", "customer"], "roles"),
        (["--out", "taken"], "holds something else than a run"),
        (["--out", "file"], "cannot be written to"),
    ],
)
def test_what_goes_wrong_is_said_on_one_line(
    flags: list[str], words: str, recordings: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").touch()
    (tmp_path / "file").touch()
    assert main(["predict", str(emodb(recordings)), *flags]) in (1, 2)
    said = capfd.readouterr().err.strip()
    assert said.startswith("undertone: ")
    assert "\n" not in said
    assert words in said


def test_a_terminal_shows_how_far_the_run_is_and_how_long_it_will_take(
    recordings: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main(["predict", *(str(emodb(recordings, name)) for name in ("03a01Wa", "03a01Nc", "nowhere"))]) == 0
    shown = capfd.readouterr().err
    assert re.search(r"\r\x1b\[K\d of 3(, 1 failed)?, \d+ s left", shown)
    assert "\r\x1b[K2 done, 1 failed in " in shown


def test_a_terminal_shows_how_much_of_a_long_recording_is_heard(
    recordings: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main(["predict", str(recordings / "conversations" / "two_speakers_30s.flac")]) == 0
    shown = re.findall(r"\r\x1b\[K(\d+)% heard, \d+ s left", capfd.readouterr().err)
    assert [int(share) for share in shown] == [*range(10, 101, 10), 100]


def test_a_folder_without_recordings_is_said_to_be_that(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["predict", "empty"]) == 1
    assert capfd.readouterr().err == "undertone: empty: no recording in it\n"
