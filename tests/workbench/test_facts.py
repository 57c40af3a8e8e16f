"""What is noticed about a recording: on real voices, and on what telephones and bad microphones make of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soxr

from evaluation.conditions import pink_noise, telephone
from tests.scripted import voice
from tests.workbench.sounds import emodb, samples_of, spoken, write
from vad.pcm import Samples
from workbench.facts import Meter, facts, snr_db
from workbench.media import Recording
from workbench.results import AudioFacts

FRAME = 320


def facts_of(path: Path, speech: np.ndarray | None = None) -> AudioFacts:
    """With the loud frames as speech, unless others are given."""
    meter = Meter()
    with Recording(path) as recording:
        for block in recording.blocks(1, 3.0):
            meter.feed(block[0])
        energies = meter.energies
        return facts(recording, meter, energies > energies.max() / 1000 if speech is None else speech)


def remarks(about: AudioFacts) -> set[str]:
    return {remark.key.removeprefix("audio.") for remark in about.remarks}


@pytest.mark.parametrize("dataset", ["emotion/emodb", "emotion/emovo", "speakers/librispeech", "speakers/an4"])
def test_a_voice_with_all_its_band_has_no_limit(dataset: str, recordings: Path) -> None:
    files = sorted(path for path in (recordings / dataset).rglob("*") if path.suffix in (".flac", ".ogg"))
    for path in files[:: max(1, len(files) // 8)]:
        about = facts_of(path)
        assert not about.telephone, path
        assert about.band_limit_hz == 8000, path


@pytest.mark.parametrize(("suffix", "rate_hz"), [("wav", 16_000), ("wav", 44_100), ("mp3", 44_100), ("ogg", 48_000)])
def test_a_telephone_recording_that_was_upsampled_is_recognised(
    suffix: str, rate_hz: int, recordings: Path, tmp_path: Path
) -> None:
    for name in ("03a01Wa", "08b01Fd", "03b10Nc"):
        line = telephone(samples_of(emodb(recordings, name)))
        about = facts_of(write(tmp_path / f"{name}.{suffix}", line, rate_hz=rate_hz))
        assert about.telephone
        assert 3000 <= about.band_limit_hz <= 4000
        (remark,) = [remark for remark in about.remarks if remark.key == "audio.upsampled"]
        assert remark.values["rate_hz"] == rate_hz


def test_a_recording_at_a_telephones_rate_is_called_that(recordings: Path, tmp_path: Path) -> None:
    about = facts_of(write(tmp_path / "a.wav", samples_of(emodb(recordings)), rate_hz=8000))
    assert about.telephone
    assert about.rate_hz == 8000
    assert "telephone" in remarks(about)


def test_a_band_between_telephone_and_all_is_told(recordings: Path, tmp_path: Path) -> None:
    narrow = soxr.resample(soxr.resample(spoken(recordings, 4), 16_000, 11_025), 11_025, 16_000).astype(np.float32)
    about = facts_of(write(tmp_path / "a.wav", narrow))
    assert not about.telephone
    assert 5000 <= about.band_limit_hz <= 5600
    assert "narrow" in remarks(about)


def noisy(recordings: Path, down_db: float) -> tuple[Samples, np.ndarray]:
    """Four seconds of speech among two of pauses, with noise so far below it; and which frames hold the speech."""
    clip = spoken(recordings, 4)
    audio = np.concatenate([np.zeros(16_000, np.float32), clip, np.zeros(16_000, np.float32)])
    energies = np.square(audio.reshape(-1, FRAME)).mean(axis=1)
    speech = energies > 0.1 * energies.max()
    level = np.sqrt(energies[speech].mean()) * 10 ** (-down_db / 20)
    return np.clip(audio + level * pink_noise(len(audio), np.random.default_rng(1)), -1, 1).astype(np.float32), speech


@pytest.mark.parametrize("down_db", [3.0, 12.0, 25.0])
def test_the_noise_between_speech_is_measured(down_db: float, recordings: Path, tmp_path: Path) -> None:
    audio, speech = noisy(recordings, down_db)
    about = facts_of(write(tmp_path / "a.wav", audio), speech)
    assert about.snr_db == pytest.approx(down_db, abs=2.0)
    assert ("noisy" in remarks(about)) == (down_db < 10)


def test_without_a_pause_nothing_is_said_of_noise() -> None:
    energies = np.full(100, 0.1, np.float32)
    speech = np.ones(100, np.bool_)
    assert snr_db(energies, speech) is None
    speech[:50], energies[:50] = False, 0.0  # silence that was made is no room's noise
    assert snr_db(energies, speech) is None


def test_clipping_and_level_are_told(recordings: Path, tmp_path: Path) -> None:
    clip = samples_of(emodb(recordings))
    clipped = facts_of(write(tmp_path / "loud.wav", np.clip(12 * clip, -1, 1)))
    assert clipped.clipped_share > 0.01
    assert clipped.peak_dbfs == pytest.approx(0.0, abs=0.1)
    assert "clipped" in remarks(clipped)
    quiet = facts_of(write(tmp_path / "quiet.wav", 0.01 * clip))
    assert quiet.level_dbfs == pytest.approx(clipped_level(clip) - 40, abs=1.5)
    assert "quiet" in remarks(quiet)
    assert "clipped" not in remarks(quiet)


def clipped_level(clip: Samples) -> float:
    energies = np.square(clip[: len(clip) // FRAME * FRAME].reshape(-1, FRAME)).mean(axis=1)
    return float(10 * np.log10(energies[energies > energies.max() / 1000].mean()))


def test_level_and_peak_are_those_of_a_known_tone(tmp_path: Path) -> None:
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 16_000)).astype(np.float32)
    about = facts_of(write(tmp_path / "a.wav", tone))
    assert about.level_dbfs == pytest.approx(-9.03, abs=0.05)
    assert about.peak_dbfs == pytest.approx(-6.02, abs=0.05)
    assert about.duration_s == 3.0


def test_how_the_audio_is_cut_hardly_matters() -> None:
    audio = voice(130, 6, 2)
    one, other = Meter(), Meter()
    one.feed(audio)
    for at in range(0, len(audio), 48_000):
        other.feed(audio[at : at + 48_000])
    np.testing.assert_array_equal(one.energies, other.energies)
    assert (one.samples, one.peak) == (other.samples, other.peak)
    assert one.band_limit_hz == other.band_limit_hz


def test_nothing_at_all_has_all_its_band_and_the_lowest_level(tmp_path: Path) -> None:
    about = facts_of(write(tmp_path / "a.wav", np.zeros(16_000, np.float32)))
    assert about.peak_dbfs == -120
    assert about.band_limit_hz == 8000
