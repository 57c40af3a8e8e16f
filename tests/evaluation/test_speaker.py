"""Trials: which stretches, which pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="extra evaluate")

from evaluation.manifest import Entry, EvaluationError, read_manifest
from evaluation.references import Reference, conversations, rttm_line
from evaluation.speaker import (
    ModelEmbedder,
    Stretch,
    evaluate,
    run_calls,
    run_trials,
    stretches,
    trials,
    turn_stretches,
)
from monitor.analysis import Role
from tests.evaluation.recordings import ScriptedModel, write_wav
from tests.scripted import silence, voice


def entry(name: str, speaker: str, emotion: str = "") -> Entry:
    return Entry(2, name, Path(name), speaker, emotion)


def test_pairs_of_one_speaker_never_share_a_recording() -> None:
    chosen = [
        Stretch(entry(name, speaker), np.zeros(4)) for name, speaker in (("a", "x"), ("a", "x"), ("b", "x"), ("c", "y"))
    ]
    found = trials(chosen, np.eye(4))
    assert (len(found.same), found.same.sum()) == (5, 2)


def test_where_emotions_are_known_pairs_of_one_speaker_differ_in_them() -> None:
    said = [("a", "x", "angry"), ("b", "x", "angry"), ("c", "x", "sad"), ("d", "y", "angry")]
    found = trials([Stretch(entry(*each), np.zeros(4)) for each in said], np.eye(4))
    assert (len(found.same), found.same.sum()) == (5, 2)


def test_stretches_are_of_speech_at_places_that_the_seed_draws() -> None:
    long = np.concatenate([silence(2.0), voice(120, 4.0), silence(2.0, 1)])
    recordings = [(entry("a", "x"), long), (entry("b", "x"), voice(120, 0.8)), (entry("c", "x"), silence(6.0))]
    found = stretches(recordings, 1.5, seed=1, per_recording=3)
    assert [stretch.entry.name for stretch in found] == ["a", "a", "a"]
    for stretch in found:
        assert len(stretch.samples) == 24_000
        assert np.mean(np.abs(stretch.samples.reshape(-1, 320)).max(axis=1) > 0.02) >= 0.7
    again = stretches(recordings, 1.5, seed=1, per_recording=3)
    other = stretches(recordings, 1.5, seed=2, per_recording=3)
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(found, again, strict=True))
    assert not all(np.array_equal(a.samples, b.samples) for a, b in zip(found, other, strict=True))


def test_voices_that_differ_are_told_apart(tmp_path: Path) -> None:
    rows = ["path,speaker"]
    for number in range(6):
        write_wav(tmp_path / f"{number}.wav", voice(110 if number < 3 else 230, 3.6, number))
        rows.append(f"{number}.wav,{'low' if number < 3 else 'high'}")
    (tmp_path / "list.csv").write_text("\n".join(rows))
    manifest = read_manifest(tmp_path / "list.csv", ("speaker",), {})
    model = ModelEmbedder(ScriptedModel(Role.SPEAKER))
    found = evaluate(manifest, [model], ["clean"], seed=0)["models"]["scripted-speaker"]
    assert [row["length_s"] for row in found["rows"]] == [1.0, 1.5, 2.0, 3.0]
    for row in found["rows"]:
        assert (row["trials"], row["same_speaker"], row["speakers"]) == (15, 6, 2)
        assert (row["eer"], row["min_dcf_0.01"], row["auc"]) == (0.0, 0.0, 1.0)
    assert found["embedded"]["1.5 s"] == "one window"
    assert found["embedded"]["3 s"] == "mean of windows of 1.5 s every 0.5 s"


def test_within_a_call_stretches_lie_in_one_turn_and_pairs_of_one_speaker_in_two(tmp_path: Path) -> None:
    turns = [("A", 110, 3.2), ("B", 230, 1.6), ("A", 112, 1.7), ("B", 228, 1.2)]
    parts, lines, at = [], [], 0.0
    for number, (speaker, pitch_hz, seconds) in enumerate(turns):
        parts += [voice(pitch_hz, seconds, number), silence(0.5, number)]
        lines.append(rttm_line("call", Reference(speaker, at, at + seconds)))
        at += seconds + 0.5
    write_wav(tmp_path / "call.wav", np.concatenate(parts))
    (tmp_path / "call.rttm").write_text("".join(lines))
    (recording,) = conversations(tmp_path)
    chosen = turn_stretches(recording, 1.5)
    assert [stretch.entry.row for stretch in chosen] == [0, 0, 1, 2]
    assert np.abs(chosen[1].samples[:100] - np.concatenate(parts)[24_000:24_100]).max() < 1e-3
    found = run_calls([recording, recording], ModelEmbedder(ScriptedModel(Role.SPEAKER)), 1.5)
    assert (len(found.same), found.same.sum()) == (2 * 5, 2 * 2)
    assert found.row()["eer"] == 0.0


def test_too_few_stretches_make_no_trials() -> None:
    found = run_trials([(entry("a", "x"), voice(120, 1.0))], ModelEmbedder(ScriptedModel(Role.SPEAKER)), 3.0, "clean")
    assert found.row()["trials"] == 0
    assert np.isnan(found.row()["eer"])


def test_an_emotion_model_is_no_speaker_model() -> None:
    with pytest.raises(EvaluationError, match="scripted-emotion is no speaker model"):
        ModelEmbedder(ScriptedModel(Role.EMOTION))
