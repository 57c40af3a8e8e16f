from __future__ import annotations

import math

import pytest
import torch

from inference.features import LogMel, mel_filters, relative_to_speech


@pytest.fixture(scope="module")
def log_mel() -> LogMel:
    return LogMel(40, 60.0, 7600.0)


@pytest.mark.parametrize("samples", [8_000, 24_000, 48_000, 48_320])
def test_there_is_one_frame_per_160_samples(log_mel: LogMel, samples: int) -> None:
    assert log_mel(torch.randn(2, samples)).shape == (2, samples // 160, 40)


def test_a_click_is_loudest_in_the_frame_it_lies_in(log_mel: LogMel) -> None:
    audio = torch.zeros(1, 8_000)
    audio[0, 20 * 160 + 80] = 1.0
    assert int(log_mel(audio).mean(-1).argmax()) == 20


def test_a_tone_is_loudest_in_the_filter_around_it(log_mel: LogMel) -> None:
    audio = torch.sin(2 * math.pi * 1000 * torch.arange(16_000) / 16_000)[None]
    best = int(log_mel(audio)[0, 50].argmax())
    filter_peak_hz = float(mel_filters(40, 60.0, 7600.0)[:, best].argmax()) * 16_000 / 512
    assert filter_peak_hz == pytest.approx(1000, abs=60)


def test_silence_is_finite_and_flat(log_mel: LogMel) -> None:
    silence = log_mel(torch.zeros(1, 8_000))
    assert silence.isfinite().all()
    assert torch.allclose(relative_to_speech(silence, per_band=True), torch.zeros_like(silence), atol=1e-5)


@pytest.mark.parametrize("per_band", [False, True])
def test_gain_does_not_matter(log_mel: LogMel, per_band: bool) -> None:
    audio = torch.randn(1, 16_000) * torch.linspace(0.05, 0.5, 16_000)
    loud = relative_to_speech(log_mel(audio), per_band=per_band)
    quiet = relative_to_speech(log_mel(audio * 0.1), per_band=per_band)
    assert torch.allclose(loud, quiet, atol=0.01)


def test_silence_around_speech_hardly_moves_its_level(log_mel: LogMel) -> None:
    speech = torch.randn(1, 16_000) * 0.1
    alone = relative_to_speech(log_mel(speech), per_band=True)
    late = relative_to_speech(log_mel(torch.cat([torch.zeros(1, 32_000), speech], dim=1)), per_band=True)
    assert torch.allclose(alone[:, 5:], late[:, 205:], atol=0.05)


@pytest.mark.parametrize(("low_hz", "high_hz"), [(-1.0, 4000.0), (4000.0, 300.0), (60.0, 8001.0)])
def test_an_impossible_band_is_refused(low_hz: float, high_hz: float) -> None:
    with pytest.raises(ValueError, match="mel band must lie within"):
        mel_filters(40, low_hz, high_hz)
