"""Recordings of all formats, from a path or from memory, and what is noticed while they are decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.scripted import voice
from tests.workbench.sounds import FORMATS, cut, float_wave, write
from workbench import wholeness
from workbench.media import MediaError, Recording, duration_s

SECONDS = 4.0
BUZZ = voice(120, SECONDS, 1)


def decoded(recording: Recording, channels: int = 1) -> np.ndarray:
    return np.concatenate(list(recording.blocks(channels)), axis=1)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_is_read_at_16_khz(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a.{suffix}", BUZZ)
    with Recording(path) as recording:
        audio = decoded(recording)
        assert audio.dtype == np.float32
        assert abs(audio.shape[1] / 16_000 - SECONDS) < 0.1
        assert recording.rate_hz == FORMATS[suffix][1]
        assert recording.channels == 1
        assert recording.damage is None
        assert recording.ends_properly
        if recording.declared_s is not None:
            assert abs(recording.declared_s - SECONDS) < 0.1
    assert 0.2 < np.abs(audio).max() <= 1.0


@pytest.mark.parametrize("suffix", ["wav", "mp3", "ogg", "m4a"])
def test_memory_gives_what_the_file_gives(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a.{suffix}", BUZZ)
    with Recording(path) as one, Recording(path.read_bytes()) as other:
        assert one.declared_s == other.declared_s
        np.testing.assert_array_equal(decoded(one), decoded(other))


def test_a_video_is_its_sound(tmp_path: Path) -> None:
    with Recording(write(tmp_path / "a.mp4", BUZZ, video=True)) as recording:
        assert recording.codec == "aac"
        assert abs(decoded(recording).shape[1] / 16_000 - SECONDS) < 0.1


def test_channels_are_kept_apart_or_mixed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", BUZZ, 0 * BUZZ)
    with Recording(path) as recording:
        left, right = decoded(recording, 2)
    with Recording(path) as recording:
        (mix,) = decoded(recording)
    assert np.abs(right).max() < 1e-3
    np.testing.assert_allclose(mix, left / 2, atol=1e-3)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 32_000, 48_000, 96_000])
def test_any_rate_and_any_number_of_channels_become_one_at_16_khz(rate_hz: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", *[BUZZ] * 6, rate_hz=rate_hz)
    with Recording(path) as recording:
        (mix,) = decoded(recording)
        assert (recording.channels, recording.rate_hz) == (6, rate_hz)
    assert abs(len(mix) - len(BUZZ)) < 200
    assert np.abs(mix).max() == pytest.approx(np.abs(BUZZ).max(), abs=0.1)


def test_samples_at_full_scale_are_counted_whatever_they_are_coded_in(tmp_path: Path) -> None:
    loud = np.clip(8 * BUZZ, -1, 1)
    share = float(np.mean(np.abs(loud) >= 0.999))
    for codec in ("pcm_s16le", "pcm_s24le", "pcm_f32le", "pcm_u8"):
        with Recording(write(tmp_path / f"{codec}.wav", loud, codec=codec)) as recording:
            decoded(recording)
            assert recording.full_scale / recording.values == pytest.approx(share, abs=0.02), codec
    with Recording(write(tmp_path / "b.wav", BUZZ)) as recording:
        decoded(recording)
        assert recording.full_scale == 0


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "webm"])
def test_a_file_that_is_cut_off_declares_more_than_it_holds(suffix: str, tmp_path: Path) -> None:
    whole = write(tmp_path / f"whole.{suffix}", BUZZ)
    with Recording(cut(whole, 0.6, tmp_path / f"part.{suffix}")) as recording:
        held_s = decoded(recording).shape[1] / 16_000
        assert recording.declared_s is not None
        assert held_s < 0.75 * recording.declared_s


def test_an_ogg_file_that_is_cut_off_has_no_last_page(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.ogg", BUZZ)
    with Recording(cut(whole, 0.6, tmp_path / "part.ogg")) as recording:
        assert not recording.ends_properly


def test_a_file_that_is_damaged_ends_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = write(tmp_path / "a.mp3", voice(120, 10, 1)).read_bytes()
    noise = np.random.default_rng(0).bytes(4000)
    middle = len(whole) // 2
    with Recording(whole[:middle] + noise + whole[middle + len(noise) :]) as recording:
        assert decoded(recording).shape[1] < 7 * 16_000
        assert recording.damage is not None
    assert "damaged after" in caplog.text


@pytest.mark.parametrize(
    ("content", "code"), [(b"words, not sounds\n" * 100, "not_audio"), (b"", "not_audio"), (None, "not_found")]
)
def test_what_is_no_recording_is_refused(content: bytes | None, code: str, tmp_path: Path) -> None:
    path = tmp_path / "notes.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError) as caught:
        Recording(path)
    assert caught.value.code == code
    assert str(path) in str(caught.value)
    assert duration_s(path) is None


def test_a_file_that_may_not_be_read_is_said_to_be_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("workbench.media.av.open", refuse)
    with pytest.raises(MediaError, match="may not be read") as caught:
        Recording(tmp_path / "a.wav")
    assert caught.value.code == "not_permitted"


def test_a_mono_file_has_no_parties(tmp_path: Path) -> None:
    with Recording(write(tmp_path / "a.wav", BUZZ)) as recording, pytest.raises(MediaError, match="2 are needed") as no:
        decoded(recording, 2)
    assert no.value.code == "wrong_channels"
    assert no.value.values == {"channels": 1, "wanted": 2}


def test_a_header_that_does_not_know_its_size_promises_nothing(tmp_path: Path) -> None:
    whole = bytearray(write(tmp_path / "a.wav", BUZZ).read_bytes())
    at = whole.index(b"data") + 4
    assert wholeness.riff_s(bytes(whole)) == pytest.approx(SECONDS)
    whole[at : at + 4] = b"\xff\xff\xff\xff"
    assert wholeness.riff_s(bytes(whole)) is None
    assert wholeness.riff_s(b"RIFF") is None


@pytest.mark.parametrize("channels", [3, 7, 8, 12])
def test_any_number_of_channels_is_mixed(channels: int, tmp_path: Path) -> None:
    with Recording(float_wave(tmp_path / "many.wav", BUZZ, channels)) as recording:
        (mix,) = decoded(recording)
        assert recording.channels == channels
        assert recording.values == channels * len(BUZZ)
    np.testing.assert_allclose(mix, BUZZ, atol=1e-6)


@pytest.mark.parametrize("suffix", ["m4a", "flac", "mka"])
def test_eight_channels_are_read_however_their_decoder_lays_them_out(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"surround.{suffix}", *[BUZZ] * 8)
    with Recording(path) as recording:
        apart = decoded(recording, 8)
        assert recording.values == pytest.approx(8 * SECONDS * recording.rate_hz, rel=0.05)
        assert recording.full_scale < 100
    assert apart.shape[0] == 8
    assert abs(apart.shape[1] / 16_000 - SECONDS) < 0.1


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_ends_a_recording_and_that_is_said(strange: float, tmp_path: Path) -> None:
    samples = BUZZ.copy()
    samples[2 * 16_000 + 5] = strange
    with Recording(float_wave(tmp_path / "a.wav", samples)) as recording:
        (mix,) = decoded(recording)
        assert recording.damage == "samples that are no numbers"
    assert 1.9 < len(mix) / 16_000 <= 2.0
    assert bool(np.isfinite(mix).all())
    samples[0] = strange
    with (
        Recording(float_wave(tmp_path / "b.wav", samples)) as recording,
        pytest.raises(MediaError, match="no numbers"),
    ):
        decoded(recording)


def test_a_length_that_is_guessed_is_none(tmp_path: Path) -> None:
    """FFmpeg takes the rest of an AAC stream for as quiet as its first second, and it for many times as long."""
    quiet_first = np.concatenate([np.zeros(5 * 16_000, np.float32), np.tile(BUZZ, 5)])
    with Recording(write(tmp_path / "a.aac", quiet_first)) as recording:
        assert recording.declared_s is None
        assert decoded(recording).shape[1] / 16_000 == pytest.approx(25, abs=0.1)


def test_an_mp3_file_declares_its_length_if_its_first_frame_tells_it(tmp_path: Path) -> None:
    path = write(tmp_path / "told.mp3", BUZZ)
    whole = path.read_bytes()
    assert duration_s(path) == pytest.approx(SECONDS, abs=0.1)
    tagged = b"ID3\x04\x00\x00" + bytes([0, 16, 0, 0]) + bytes(16 << 14) + whole[whole.index(b"\xff\xfb") :]
    assert wholeness.mp3_tells_length(tagged), "behind a large picture"
    path.write_bytes(tagged)
    assert duration_s(path) == pytest.approx(SECONDS, abs=0.1)
    second = whole.index(b"\xff\xfb", whole.index(b"Info"))
    (tmp_path / "untold.mp3").write_bytes(whole[second:])
    assert duration_s(tmp_path / "untold.mp3") is None
    assert not wholeness.mp3_tells_length(tmp_path / "nowhere.mp3")
