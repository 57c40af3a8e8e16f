"""Built conversations: the reference says what the audio holds."""

from __future__ import annotations

import csv
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from evaluation.conversations import (
    BACKCHANNEL_S,
    NEAR_SEMITONES,
    Piece,
    build,
    median_pitch_hz,
    parted,
    pieces,
    turn,
    voices,
)
from evaluation.envelope import runs, speech_frames
from evaluation.manifest import EvaluationError, Manifest, read_manifest
from evaluation.references import Recording, Reference, conversations, read_rttm
from tests.evaluation.recordings import write_wav
from tests.scripted import silence, voice
from vad.pcm import Samples

PITCHES = {"low": 105.0, "lower": 100.0, "high": 220.0, "higher": 240.0}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Four voices with nine recordings each, in one corpus, and a fifth with nobody to talk to."""
    folder = tmp_path_factory.mktemp("speakers")
    rows = ["path,speaker,dataset"]
    for speaker, pitch_hz in {**PITCHES, "lonely": 150.0}.items():
        for number in range(9):
            parts = [silence(0.5, number), voice(pitch_hz, 2.4 + 0.3 * number, number, 0.2), silence(0.6, number)]
            write_wav(folder / f"{speaker}{number}.wav", np.concatenate(parts))
            rows.append(f"{speaker}{number}.wav,{speaker},{'other' if speaker == 'lonely' else 'corpus'}")
    (folder / "list.csv").write_text("\n".join(rows))
    return read_manifest(folder / "list.csv", ("speaker",), {})


@pytest.fixture(scope="module")
def built(manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built")
    assert len(build(manifest, out, seed=3, count=8, length_s=40.0)) == 8
    return out


def read_wav(path: Path) -> tuple[Samples, int]:
    """Channels, shape (channels, n), and their rate."""
    with wave.open(str(path)) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        return (pcm.T / 32768).astype(np.float32), file.getframerate()


def energetic(samples: Samples, rate_hz: int) -> np.ndarray:
    """Per 20 ms, whether there is more than the noise floor."""
    frames = samples[: len(samples) // (rate_hz // 50) * (rate_hz // 50)].reshape(-1, rate_hz // 50)
    return 10 * np.log10(np.mean(np.square(frames), axis=1) + 1e-12) > -50


def spoken(turns: list[Reference], frames: int) -> np.ndarray:
    out = np.zeros(frames, np.bool_)
    for reference in turns:
        out[round(reference.start * 50) : round(reference.end * 50)] = True
    return out


def every(folder: Path) -> list[Recording]:
    return conversations(folder)


def test_the_reference_is_where_the_speech_is(built: Path) -> None:
    for recording in every(built):
        turns = read_rttm(recording.rttm.read_text())
        channels, rate_hz = read_wav(recording.audio)
        loud = energetic(channels.sum(axis=0), rate_hz)
        told = spoken(turns, len(loud))
        assert np.mean(loud == told) > 0.97, recording.name
        assert turns[-1].end <= channels.shape[1] / rate_hz


def test_channels_hold_one_speaker_each(built: Path) -> None:
    stereo = [recording for recording in every(built) if len(recording.roles) == 2]
    assert stereo
    for recording in stereo:
        turns = read_rttm(recording.rttm.read_text())
        channels, rate_hz = read_wav(recording.audio)
        loud = [energetic(channel, rate_hz) for channel in channels]
        told = [spoken([t for t in turns if t.speaker == who], len(loud[0])) for who in {t.speaker for t in turns}]
        agreement = np.array([[np.mean(a == b) for b in told] for a in loud])
        assert max(agreement[0, 0] + agreement[1, 1], agreement[0, 1] + agreement[1, 0]) > 2 * 0.97


def test_nobody_talks_over_themselves_and_short_pauses_part_no_turns(built: Path) -> None:
    for recording in every(built):
        turns = read_rttm(recording.rttm.read_text())
        for who in {each.speaker for each in turns}:
            own = [each for each in turns if each.speaker == who]
            assert all(b.start - a.end >= 0.298 for a, b in pairwise(own))


def test_half_are_telephone_calls_and_there_are_pairs_near_in_pitch(built: Path) -> None:
    with (built / "groups.csv").open() as file:
        rows = list(csv.DictReader(file))
    groups: dict[str, set[str]] = {}
    for row in rows:
        groups.setdefault(row["name"], set()).add(row["group"])
    assert sum("telephone" in kinds for kinds in groups.values()) == 4
    assert sum("three speakers" in kinds for kinds in groups.values()) == 1
    for recording in every(built):
        if len(recording.roles) == 1:
            assert ("telephone" in groups[recording.name]) == (read_wav(recording.audio)[1] == 8000)
            assert groups[recording.name] <= set(recording.groups)
            speakers = {turn.speaker for turn in read_rttm(recording.rttm.read_text())}
            if "voices near in pitch" in groups[recording.name]:
                assert speakers <= {"low", "lower"} or speakers <= {"high", "higher"}
    near = [name for name, kinds in groups.items() if "voices near in pitch" in kinds]
    assert len(near) >= 3


def test_the_seed_decides_everything(manifest: Manifest, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        build(manifest, tmp_path / name, seed, 2, 20.0)
    files = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}
    assert files != {path.name: path.read_bytes() for path in (tmp_path / "c").iterdir()}


def test_one_speaker_makes_no_conversation(manifest: Manifest, tmp_path: Path) -> None:
    lonely = Manifest(manifest.path, [entry for entry in manifest.entries if entry.speaker == "lonely"])
    with pytest.raises(EvaluationError, match="no corpus has two speakers with 18 s of speech each"):
        build(lonely, tmp_path, 1, 2)


def test_pitch_is_measured(manifest: Manifest) -> None:
    found = {voice_.speaker: voice_.pitch_hz for voice_ in voices(manifest, np.random.default_rng(0))}
    for speaker, pitch_hz in PITCHES.items():
        assert found[speaker] == pytest.approx(pitch_hz, rel=0.03)
    assert 12 * np.log2(PITCHES["high"] / PITCHES["low"]) > NEAR_SEMITONES
    assert np.isnan(median_pitch_hz(np.random.default_rng(0).standard_normal(16_000).astype(np.float32)))


def test_pieces_are_cut_where_the_recording_pauses() -> None:
    audio = np.concatenate([silence(0.5), voice(120, 1.0), silence(0.5, 1), voice(120, 0.8, 1), silence(0.2, 2)])
    found = pieces(audio)
    assert [piece.seconds for piece in found] == pytest.approx([1.0, 0.8], abs=0.04)
    assert all(np.abs(piece.samples[: piece.start]).max() < 0.01 for piece in found)


def test_a_turn_takes_about_what_is_wanted_and_nothing_is_said_twice() -> None:
    stock = [Piece(voice(120, seconds, n), 0, round(seconds * 16_000)) for n, seconds in enumerate((6.0, 2.0, 0.5))]
    total = sum(piece.seconds for piece in stock)
    rng = np.random.default_rng(0)
    first, second = turn(stock, 3.0, rng), turn(stock, 1.9, rng)
    assert sum(piece.seconds for piece in first) == pytest.approx(3.0, abs=0.3)
    assert sum(piece.seconds for piece in second) == pytest.approx(1.9, abs=0.3)
    assert sum(piece.seconds for piece in [*first, *second, *stock]) == pytest.approx(total, abs=2 * BACKCHANNEL_S[0])
    assert turn([], 3.0, rng) == []


def test_a_piece_is_parted_where_it_is_quietest() -> None:
    audio = np.concatenate([voice(120, 1.0), silence(0.1), voice(120, 2.0, 1)])
    head, tail = parted(Piece(audio, 0, len(audio)), 1.2)
    assert 1.0 <= head.seconds <= 1.1
    assert head.seconds + tail.seconds == pytest.approx(3.1)


def test_speech_is_told_by_its_energy_with_short_pauses_and_without_clicks() -> None:
    click = np.concatenate([silence(0.6), voice(120, 0.04, level=0.5), silence(0.6)])
    assert runs(speech_frames(np.concatenate([click, voice(120, 1.0), silence(0.2), voice(120, 1.0, 1), click]))) == [
        (62, 172)
    ]
    assert not speech_frames(silence(2.0)).any()
    assert len(speech_frames(silence(0.0))) == 0
