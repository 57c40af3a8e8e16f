"""The folder of a run: what scripts look for in it, and how a second run goes on where the first ended."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from inference.model import EmbeddingModel, Models
from monitor.analysis import Role, Window
from monitor.session import MonitorConfig
from tests.workbench.models import Meddled, embedded
from tests.workbench.sounds import emodb, samples_of, write
from workbench import batch, runfolder
from workbench.asked import Asked, Item
from workbench.ledger import RunError
from workbench.npyrows import NpyRows
from workbench.prediction import predict
from workbench.results import Prediction, decode
from workbench.runfolder import RunFolder

NOW = datetime(2026, 11, 28, 21, 5, 9)
MODEL, SIZE = "undertone-emotion-small", 96
NAMES = ("03a01Fa", "03a01Nc", "03a01Wa", "03a02Fc", "03a02Nc")


@pytest.fixture(scope="module")
def models() -> Models:
    return embedded()


def items(recordings: Path, *names: str) -> list[Item]:
    return [Item(f"calls/{name}.flac", emodb(recordings, name)) for name in names or NAMES]


def opened(path: Path, asked: Asked, single: bool = False) -> RunFolder:
    return RunFolder(path, runfolder.about(asked, MODEL, single), SIZE)


def ran(path: Path, chosen: list[Item], models: Models, asked: Asked, most: int = 99) -> list[Prediction]:
    """A run that ends after `most` recordings, as if it had been stopped."""
    out: list[Prediction] = []
    with opened(path, asked, len(chosen) == 1) as folder:
        for prediction, _ in batch.run(chosen, models, asked, folder):
            out.append(prediction)
            if len(out) == most:
                return out
        folder.finish(NOW, {"taken_s": 1.5})
    return out


def test_a_folder_is_named_for_the_time_and_never_shared(tmp_path: Path) -> None:
    first = runfolder.named_for(NOW, tmp_path / "outputs")
    assert first == tmp_path / "outputs" / "outputs_20261128_210509"
    assert first.is_dir()
    assert runfolder.named_for(NOW, tmp_path / "outputs").name == "outputs_20261128_210509_2"


def test_of_one_recording_there_is_what_scripts_look_for(models: Models, recordings: Path, tmp_path: Path) -> None:
    asked = Asked(embeddings=True, keep_audio=True)
    ran(tmp_path, items(recordings, "03a01Wa"), models, asked)
    document = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert document["emotion"] == "angry"
    assert document["scores"]["angry"] == document["confidence"]
    assert document["granularity"] == "utterance"
    assert document["timestamp"] == "2026-11-28T21:05:09"
    assert document["result"]["embeddings"][0]["file"] == "embedding.npy"
    assert np.load(tmp_path / "embedding.npy").shape == (1, SIZE)
    np.testing.assert_allclose(
        samples_of(tmp_path / "processed_audio.wav"), samples_of(emodb(recordings)), atol=2 / 32768
    )


def test_with_frames_there_are_those_by_both_names(models: Models, recordings: Path, tmp_path: Path) -> None:
    (prediction,) = ran(tmp_path, items(recordings, "03a01Wa"), models, Asked("frame", embeddings=True))
    rows = np.load(tmp_path / "embedding.npy")
    assert rows.shape == prediction.embeddings[0].shape == (len(samples_of(emodb(recordings))) // 320, SIZE)
    np.testing.assert_array_equal(rows, np.load(tmp_path / "frame_embeddings.npy"))
    scores = np.load(tmp_path / "frame_scores.npy")
    assert scores.shape == (len(rows), 9)
    told = [[np.nan] * 9 if row is None else row for row in prediction.frames[0].scores]
    np.testing.assert_allclose(scores, told, atol=1e-4)


def test_of_several_each_has_its_embedding_by_its_name(models: Models, recordings: Path, tmp_path: Path) -> None:
    found = ran(tmp_path, items(recordings), models, Asked(embeddings=True))
    for prediction in found:
        (about,) = prediction.embeddings
        assert about.file == f"embeddings/{prediction.file.removesuffix('.flac')}.npy"
        assert np.linalg.norm(np.load(tmp_path / about.file)) == pytest.approx(about.norm, abs=1e-3)
    document = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert (document["done"], document["failed"], document["log"]) == (5, 0, {"taken_s": 1.5})
    assert not (tmp_path / "processed_audio.wav").exists()


def test_a_second_run_does_only_what_is_left(models: Models, recordings: Path, tmp_path: Path) -> None:
    asked = Asked(embeddings=True)
    first = ran(tmp_path, items(recordings), models, asked, most=2)
    second = ran(tmp_path, items(recordings), models, asked)
    assert len(first) + len(second) == 5
    assert {each.file for each in first} & {each.file for each in second} == set()
    with opened(tmp_path, asked) as folder:
        assert {each.file for each in folder.predictions()} == {item.name for item in items(recordings)}
    assert ran(tmp_path, items(recordings), models, asked) == []


def test_what_a_crash_left_half_written_is_done_again(models: Models, recordings: Path, tmp_path: Path) -> None:
    asked = Asked(embeddings=True)
    ran(tmp_path, items(recordings), models, asked)
    results, state = tmp_path / "results.jsonl", tmp_path / "state.jsonl"
    results.write_bytes(results.read_bytes()[:-40])
    lines = state.read_bytes().splitlines(keepends=True)
    state.write_bytes(b"".join(lines[1:-1]) + lines[-1][:-5])
    again = ran(tmp_path, items(recordings), models, asked)
    assert len(again) == 2
    with opened(tmp_path, asked) as folder:
        kept = [each.file for each in folder.predictions()]
    assert sorted(kept) == sorted(item.name for item in items(recordings))


def test_of_a_recording_that_has_changed_nothing_older_is_kept(
    models: Models, recordings: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.wav", samples_of(emodb(recordings)))
    other = write(tmp_path / "b.wav", samples_of(emodb(recordings, "03a01Nc")))
    both = [Item("a.wav", path), Item("b.wav", other)]
    out, asked = tmp_path / "run", Asked(embeddings=True, keep_audio=True)
    ran(out, both, models, asked)
    write(path, samples_of(emodb(recordings, "03a02Fc")))
    os.utime(path, ns=(1, 1))
    (again,) = ran(out, both, models, asked)
    assert again.file == "a.wav"
    assert again.emotion is not None
    lines = [decode(line) for line in (out / "results.jsonl").read_bytes().splitlines()]
    assert sorted(each.file for each in lines) == ["a.wav", "b.wav"]
    assert again in lines
    assert json.loads((out / "result.json").read_text(encoding="utf-8"))["done"] == 2
    assert ran(out, both, models, asked) == []
    write(path, np.zeros(48_000, np.float32))
    (silent,) = ran(out, both, models, asked)
    assert silent.status == "failed"
    assert [file.name for file in (*out.rglob("*.npy"), *out.rglob("*.wav"))] == ["b.npy", "b.wav"]


def test_what_may_have_passed_is_tried_again(models: Models, recordings: Path, tmp_path: Path) -> None:
    def fail(windows: Sequence[Window]) -> None:
        raise RuntimeError("out of memory")

    model = models[Role.EMOTION]
    assert isinstance(model, EmbeddingModel)
    chosen = items(recordings, "03a01Wa", "03a01Nc")
    broken = {**models, Role.EMOTION: Meddled(model, fail)}
    assert [each.status for each in ran(tmp_path, chosen, broken, Asked())] == ["failed", "failed"]
    assert [each.status for each in ran(tmp_path, chosen, models, Asked())] == ["done", "done"]
    assert len((tmp_path / "results.jsonl").read_bytes().splitlines()) == 2


def test_two_channels_never_write_over_another_recording(models: Models, recordings: Path, tmp_path: Path) -> None:
    one, other = samples_of(emodb(recordings)), samples_of(emodb(recordings, "03a02Fc"))
    length = min(len(one), len(other))
    chosen = [Item(name, write(tmp_path / name, one[:length], other[:length])) for name in ("call.wav", "call_1.wav")]
    everyone = MonitorConfig(emotion_roles=("*",))
    asked = Asked(embeddings=True, roles=("customer", "agent"), monitor=everyone)
    found = ran(tmp_path / "run", chosen, models, asked)
    files = [about.file for prediction in found for about in prediction.embeddings]
    assert len(files) == len(set(files)) == 4
    assert len(list((tmp_path / "run").rglob("*.npy"))) == 4


def test_a_full_disk_leaves_a_run_that_goes_on(
    models: Models, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: object, rows: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    asked = Asked(embeddings=True)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("workbench.runfolder.np.save", full)
        with pytest.raises(OSError, match="No space left"):
            ran(tmp_path, items(recordings), models, asked)
    assert len(ran(tmp_path, items(recordings), models, asked)) == len(NAMES)


def test_audio_that_has_gone_meanwhile_spoils_no_result(
    models: Models, recordings: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "a.wav", samples_of(emodb(recordings)))
    chosen, asked = [Item("a.wav", path), *items(recordings, "03a01Nc")], Asked(keep_audio=True)
    with opened(tmp_path / "run", asked) as folder:
        for outcome in predict(chosen, models, asked):
            path.unlink(missing_ok=True)
            item = next(item for item in chosen if item.name == outcome.prediction.file)
            assert folder.keep(item, outcome).status == "done"
    assert "no audio is kept" in caplog.text
    assert [file.name for file in (tmp_path / "run" / "audio").rglob("*.wav")] == ["03a01Nc.wav"]


def test_a_run_that_asked_for_something_else_is_left_alone(tmp_path: Path) -> None:
    opened(tmp_path, Asked()).__exit__(None, None, None)
    with pytest.raises(RunError, match="granularity was utterance"):
        opened(tmp_path, Asked("frame"))
    with pytest.raises(RunError, match="it was of several recordings"):
        opened(tmp_path, Asked(), single=True)


def test_two_runs_are_never_at_work_in_one_folder(tmp_path: Path) -> None:
    with opened(tmp_path, Asked()), pytest.raises(RunError, match="another run is at work in it"):
        opened(tmp_path, Asked())
    opened(tmp_path, Asked()).__exit__(None, None, None)


def test_notes_that_are_damaged_are_said_to_be(tmp_path: Path) -> None:
    opened(tmp_path, Asked()).__exit__(None, None, None)
    (tmp_path / "state.jsonl").write_text("{nonsense}\n", encoding="utf-8")
    with pytest.raises(RunError, match="damaged"):
        opened(tmp_path, Asked())


def test_a_run_that_is_stopped_leaves_no_half_embeddings(models: Models, recordings: Path, tmp_path: Path) -> None:
    (done,) = ran(tmp_path, items(recordings), models, Asked("frame", embeddings=True), most=1)
    kept = [path.relative_to(tmp_path).as_posix() for path in (tmp_path / "embeddings").rglob("*.npy")]
    assert kept == [done.embeddings[0].file]


def test_recordings_of_one_name_keep_their_places_when_a_run_goes_on(
    models: Models, recordings: Path, tmp_path: Path
) -> None:
    clip, asked = samples_of(emodb(recordings)), Asked(embeddings=True)
    alike = [Item(name, write(tmp_path / name, clip)) for name in ("a.wav", "a.mp3", "a.flac")]
    first = ran(tmp_path / "run", alike[1::-1], models, asked)
    (third,) = ran(tmp_path / "run", alike, models, asked)
    files = [prediction.embeddings[0].file for prediction in (*first, third)]
    assert sorted(map(str, files)) == ["embeddings/a.flac.npy", "embeddings/a.npy", files[-2]]
    assert len(set(files)) == 3


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(RunError, match="holds something else"):
        opened(tmp_path, Asked())
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written to"):
        opened(tmp_path / "file", Asked())


def test_no_half_file_is_left_of_a_recording_that_failed(models: Models, recordings: Path, tmp_path: Path) -> None:
    bad = write(tmp_path / "silent.wav", np.zeros(48_000, np.float32))
    chosen = [Item("silent.wav", bad), *items(recordings, "03a01Wa")]
    ran(tmp_path / "run", chosen, models, Asked("frame", embeddings=True))
    kept = sorted(path.name for path in (tmp_path / "run" / "embeddings").rglob("*.npy"))
    assert kept == ["03a01Wa.npy"]


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[NpyRows]:
    made = NpyRows(tmp_path / "rows.npy", 3)
    yield made
    made.close()


def test_rows_may_grow_to_any_number(rows: NpyRows, tmp_path: Path) -> None:
    whole = np.arange(3 * 12_345, dtype=np.float32).reshape(-1, 3)
    for at in range(0, len(whole), 1000):
        rows.write(whole[at : at + 1000])
    rows.close()
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), whole)
    rows.close()
