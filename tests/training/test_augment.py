from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.augment import mu_law_round_trip, telephone


def tone(hz: float, level: float = 0.3) -> Tensor:
    return level * torch.sin(2 * math.pi * hz * torch.arange(16_000) / 16_000)


def rms_db(audio: Tensor) -> float:
    return 10 * math.log10(float(audio.square().mean()) + 1e-12)


@pytest.mark.parametrize("hz", [500, 1000, 3000])
def test_the_telephone_keeps_the_voice_band(hz: float) -> None:
    heard = telephone(tone(hz)[None])[0]
    assert rms_db(heard) == pytest.approx(rms_db(tone(hz)), abs=0.3)
    assert rms_db(heard - tone(hz)) < rms_db(tone(hz)) - 25


@pytest.mark.parametrize("hz", [50, 100, 5000, 7000])
def test_the_telephone_loses_the_rest(hz: float) -> None:
    assert rms_db(telephone(tone(hz)[None])[0]) < rms_db(tone(hz)) - 30


def test_each_window_of_a_batch_has_its_own_band() -> None:
    batch = torch.stack([tone(3500), tone(3500)])
    heard = telephone(batch, torch.tensor([300.0, 300.0]), torch.tensor([3200.0, 3800.0]))
    assert rms_db(heard[0]) < rms_db(heard[1]) - 20


def test_mu_law_keeps_silence_silent_and_errors_proportional() -> None:
    audio = torch.tensor([0.0, 0.001, 0.01, 0.1, 1.0, -1.0])
    heard = mu_law_round_trip(audio)
    assert heard[0] == 0
    assert torch.allclose(heard, audio, rtol=0.15)
    assert torch.allclose(heard[-2:], audio[-2:])
