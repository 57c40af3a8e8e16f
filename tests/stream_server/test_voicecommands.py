"""`undertone verify` and `undertone voices`, from arguments to what they print and keep."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from stream_server.commands.cli import main
from tests.evaluation.recordings import write_wav
from tests.scripted import silence, voice
from workbench.asked import Item
from workbench.speakers import Unheard, Voice
from workbench.voicefolder import VoiceFolder, VoiceLine

HEARD = ("--vad.backend", "webrtcvad")


def spoken(path: Path, pitch_hz: float, seed: int = 0) -> Path:
    """Six seconds of a voice."""
    write_wav(
        path, np.concatenate([silence(0.6), voice(pitch_hz, 3.0, seed), silence(0.6), voice(pitch_hz, 2.2, seed)])
    )
    return path


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNDERTONE_HISTORY__URL", f"sqlite:///{tmp_path}/kept.sqlite3")


def run(*arguments: object, heard: Sequence[str] = HEARD) -> int:
    return main([*map(str, arguments), *heard])


def enroll(name: str, *recordings: Path, days: float = 10) -> int:
    return run("voices", "enroll", name, *recordings, "--consent", "greeting", "--days", days)


def test_two_recordings_are_verified_with_a_sentence_and_a_caution(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = spoken(tmp_path / "one.wav", 110), spoken(tmp_path / "other.wav", 110, 1)
    assert run("verify", one, other, "--purpose", "grouping") == 0
    shown = capsys.readouterr().out
    assert "same speaker" in shown
    assert "for grouping" in shown
    assert "does not authenticate anyone" in shown


def test_verify_prints_one_document_and_names_what_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.wav").write_text("no sound", encoding="utf-8")
    files = [spoken(tmp_path / "a.wav", 110), tmp_path / "text.wav", spoken(tmp_path / "b.wav", 250)]
    assert run("verify", *files, "--json") == 0
    captured = capsys.readouterr()
    assert [pair["one"] for pair in json.loads(captured.out)["pairs"]] == [str(files[0])]
    assert "text.wav: failed" in captured.err


def test_one_voice_alone_cannot_be_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", spoken(tmp_path / "a.wav", 110), tmp_path / "missing.wav") == 1
    assert "two or more are needed" in capsys.readouterr().err


def test_embeddings_are_written_with_a_line_for_each_recording_also_for_bad_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "calls").mkdir()
    spoken(tmp_path / "calls" / "a.wav", 110)
    (tmp_path / "calls" / "b.wav").write_text("no sound", encoding="utf-8")
    write_wav(tmp_path / "calls" / "c.wav", silence(3.0))
    assert run("voices", "embed", tmp_path / "calls", "--out", tmp_path / "out") == 0
    shown = capsys.readouterr().out
    assert "a.wav  done: embeddings" in shown
    assert "b.wav  failed: FFmpeg cannot read it" in shown
    assert "c.wav  failed: Nobody speaks in it" in shown
    lines = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sorted(line["status"] for line in lines) == ["done", "failed", "failed"]
    (done,) = [line for line in lines if line["status"] == "done"]
    vector = np.load(tmp_path / "out" / done["embeddings"][0]["file"])
    assert done["embeddings"][0]["shape"] == [1, len(vector)]
    assert np.linalg.norm(vector) == pytest.approx(1.0)


def test_embedding_goes_on_where_it_ended_and_does_anew_what_has_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["a", "b", "c"]
    for number, name in enumerate(names):
        spoken(tmp_path / "calls" / f"{name}.wav", 110 + 60 * number)
    embed = ("voices", "embed", tmp_path / "calls", "--out", tmp_path / "out")
    keep = VoiceFolder.keep

    def stopped(folder: VoiceFolder, item: Item, heard: Voice | Unheard) -> VoiceLine:
        if item.name.endswith("c.wav"):
            raise KeyboardInterrupt
        return keep(folder, item, heard)

    with monkeypatch.context() as patched:
        patched.setattr(VoiceFolder, "keep", stopped)
        assert run(*embed) == 130
    assert "interrupted" in capsys.readouterr().err
    assert run(*embed) == 0
    shown = capsys.readouterr().out
    assert [name for name in names if f"{name}.wav  done" in shown] == ["c"]
    assert "1 done, 0 failed, 2 done before" in shown
    before = np.load(tmp_path / "out" / "embeddings" / f"{tmp_path}/calls/b.npy".lstrip("/"))
    spoken(tmp_path / "calls" / "b.wav", 300)
    (tmp_path / "calls" / "d.wav").write_text("no sound", encoding="utf-8")
    assert run(*embed) == 0
    assert "1 done, 1 failed, 2 done before" in capsys.readouterr().out
    assert not np.allclose(np.load(tmp_path / "out" / "embeddings" / f"{tmp_path}/calls/b.npy".lstrip("/")), before)
    lines = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sorted(Path(line["file"]).name for line in lines) == ["a.wav", "b.wav", "c.wav", "d.wav"]
    told = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert (told["done"], told["failed"]) == (3, 1)
    assert run("voices", "embed", tmp_path / "calls" / "a.wav", "--out", tmp_path / "out") == 1
    assert "it was of several recordings" in capsys.readouterr().err
    assert run("voices", "embed", tmp_path / "calls" / "d.wav", "--out", tmp_path / "bad") == 1


def test_a_run_of_one_voice_can_be_searched_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = spoken(tmp_path / "a.wav", 110)
    assert run("voices", "embed", recording) == 0
    (folder,) = (tmp_path / "outputs").iterdir()
    assert (folder / "embedding.npy").is_file()
    capsys.readouterr()
    assert run("search", folder, recording, "--json") == 0
    assert json.loads(capsys.readouterr().out)["cosine"] == pytest.approx(1.0, abs=1e-3)


def test_from_enrolment_to_deletion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert enroll("Ann", spoken(tmp_path / "a1.wav", 110), spoken(tmp_path / "a2.wav", 110, 1)) == 0
    assert "not encrypted: workbench.key is not set" in capsys.readouterr().out
    assert run("voices", "list", "--json", heard=()) == 0
    (kept,) = json.loads(capsys.readouterr().out)
    assert (kept["name"], kept["consent"]["purpose"], kept["encrypted"]) == ("Ann", "greeting", False)
    assert run("voices", "identify", spoken(tmp_path / "a3.wav", 110, 2), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["matches"][0]["name"] == "Ann"
    assert run("voices", "rename", "Ann", "Anna", heard=()) == 0
    assert run("voices", "export", tmp_path / "everyone.json") == 0
    assert (tmp_path / "everyone.json").stat().st_mode & 0o077 == 0
    assert run("voices", "delete", "--all", heard=()) == 0
    assert run("voices", "import", tmp_path / "everyone.json") == 0
    assert run("voices", "delete", "Anna", heard=()) == 0
    assert run("voices", "delete", "Anna", heard=()) == 1
    assert "no voiceprint of Anna" in capsys.readouterr().err


def test_a_key_encrypts_what_is_there_and_is_needed_from_then_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert enroll("Ann", spoken(tmp_path / "a.wav", 110)) == 0
    assert run("voices", "new-key", heard=()) == 0
    key = capsys.readouterr().out.splitlines()[-1]
    (tmp_path / "key").write_text("", encoding="utf-8")
    assert run("voices", "rotate-key", tmp_path / "key", heard=()) == 1
    assert "there is no key in it" in capsys.readouterr().err
    (tmp_path / "key").write_text(key, encoding="utf-8")
    assert run("voices", "rotate-key", tmp_path / "key", heard=()) == 0
    assert run("voices", "identify", tmp_path / "a.wav") == 1
    assert "no key is set: workbench.key" in capsys.readouterr().err
    monkeypatch.setenv("UNDERTONE_WORKBENCH__KEY", key)
    assert run("voices", "identify", tmp_path / "a.wav") == 0
    capsys.readouterr()
    for unencrypted in (False, True):
        assert run("voices", "export", *(["--unencrypted"] if unencrypted else [])) == 0
        document = json.loads(capsys.readouterr().out)
        assert ("sealed_by" in document, isinstance(document["voiceprints"][0]["vector"], list)) == (
            not unencrypted,
            unencrypted,
        )
    assert run("voices", "rotate-key", heard=()) == 0
    monkeypatch.delenv("UNDERTONE_WORKBENCH__KEY")
    assert run("voices", "identify", tmp_path / "a.wav") == 0


def test_a_cohort_is_kept_without_names_and_can_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, pitch_hz in enumerate((100, 150, 220)):
        spoken(tmp_path / "others" / f"{number}.wav", pitch_hz)
    assert run("voices", "cohort", tmp_path / "others") == 0
    assert "3 voices are there to compare with" in capsys.readouterr().out
    assert run("voices", "cohort") == 0
    assert "3 voices deleted" in capsys.readouterr().out


def test_consent_must_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = spoken(tmp_path / "a.wav", 110)
    with pytest.raises(SystemExit):
        main(["voices", "enroll", "Ann", str(recording), "--days", "10"])
    for days, problem in ((-1, "expired already"), (1e12, "100 years"), (float("nan"), "100 years")):
        assert enroll("Ann", recording, days=days) == 1
        assert problem in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["voices", "enroll", "Ann", str(recording), "--consent", "greeting", "--expires", "soon"])


def test_a_replay_names_who_is_known_if_that_is_switched_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording = spoken(tmp_path / "a.wav", 110)
    assert enroll("Ann", recording) == 0
    capsys.readouterr()
    names = []
    for on in ("false", "true"):
        options = ("--voiceprints.identify-live", on, "--voiceprints.certainty", "0.6")
        assert run("replay", recording, *options) == 0
        events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        names.append({event["name"] for event in events if event["type"] == "speaker.updated"})
    assert names[0] == {None}
    assert "Ann" in names[1]
