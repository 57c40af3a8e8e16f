from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from inference.features import HISTORY_SAMPLES, LogMel, RunningReference, mel_filters
from inference.past import Past


@pytest.fixture(scope="module")
def log_mel() -> LogMel:
    return LogMel(40, 60.0, 7600.0)


def heard(log_mel: LogMel, audio: Tensor) -> Tensor:
    """(batch, samples) from the start of streams -> (batch, frames, mels) in dB."""
    return log_mel(functional.pad(audio, (HISTORY_SAMPLES, 0)))


def relative(level_db: Tensor, memory_s: float = 15.0, prior_s: float = 0.5, past: Past | None = None) -> Tensor:
    return RunningReference(level_db.shape[-1], memory_s, prior_s)(level_db, past or Past())


@pytest.mark.parametrize("samples", [8_000, 24_000, 48_000, 48_320])
def test_there_is_one_frame_per_160_samples(log_mel: LogMel, samples: int) -> None:
    assert heard(log_mel, torch.randn(2, samples)).shape == (2, samples // 160, 40)


def test_a_frame_hears_nothing_that_comes_after_it(log_mel: LogMel) -> None:
    audio = torch.randn(1, 8_000)
    changed = audio.clone()
    changed[:, 20 * 160 :] = 0
    assert torch.equal(heard(log_mel, audio)[:, :20], heard(log_mel, changed)[:, :20])


def test_a_click_is_first_heard_in_the_frame_that_ends_after_it(log_mel: LogMel) -> None:
    audio = torch.zeros(1, 8_000)
    audio[0, 20 * 160 + 120] = 1.0
    loud = heard(log_mel, audio)[0].mean(-1) > -60
    assert loud.nonzero().flatten().tolist() == [20, 21, 22]


def test_a_tone_is_loudest_in_the_filter_around_it(log_mel: LogMel) -> None:
    audio = torch.sin(2 * math.pi * 1000 * torch.arange(16_000) / 16_000)[None]
    best = int(heard(log_mel, audio)[0, 50].argmax())
    filter_peak_hz = float(mel_filters(40, 60.0, 7600.0)[:, best].argmax()) * 16_000 / 512
    assert filter_peak_hz == pytest.approx(1000, abs=60)


def test_silence_is_finite(log_mel: LogMel) -> None:
    silence = heard(log_mel, torch.zeros(1, 8_000))
    assert silence.isfinite().all()
    assert relative(silence).isfinite().all()


def test_gain_does_not_matter(log_mel: LogMel) -> None:
    audio = torch.randn(1, 16_000) * torch.linspace(0.05, 0.5, 16_000)
    loud, quiet = (relative(heard(log_mel, audio * gain)) for gain in (1.0, 0.1))
    assert torch.allclose(loud, quiet, atol=0.02)


def test_the_colour_of_a_line_fades_unless_the_prior_is_believed_for_ever() -> None:
    level_db = 5 * torch.randn(1, 1_000, 40) - 30
    colour = torch.linspace(-20, 20, 40)
    plain, coloured = (relative(level)[:, 500:].mean(1) for level in (level_db, level_db + colour))
    assert float((plain - coloured).abs().max()) < 0.2
    plain, coloured = (relative(level, prior_s=1e9)[:, 500:].mean(1) for level in (level_db, level_db + colour))
    assert float((plain - coloured).abs().max()) > 1.0


def test_a_stretch_goes_on_where_the_last_one_ended() -> None:
    level_db = 10 * torch.randn(2, 400, 40) - 30
    reference = RunningReference(40, 2.0, 0.5)
    whole, state, pieces = reference(level_db, Past()), None, []
    for piece in level_db.split([50, 150, 10, 190], dim=1):
        past = Past(state)
        pieces.append(reference(piece, past))
        state = past.state()
        assert state.shape == (2, reference.size)
    assert torch.allclose(torch.cat(pieces, dim=1), whole, atol=1e-4)


@pytest.mark.parametrize(("low_hz", "high_hz"), [(-1.0, 4000.0), (4000.0, 300.0), (60.0, 8001.0)])
def test_an_impossible_band_is_refused(low_hz: float, high_hz: float) -> None:
    with pytest.raises(ValueError, match="mel band must lie within"):
        mel_filters(40, low_hz, high_hz)
