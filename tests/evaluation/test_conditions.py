"""What a line and a room do to a recording."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.conditions import CONDITIONS, clean, mulaw, noise10, pink_noise, speech_rms, telephone
from tests.scripted import silence, voice
from vad.pcm import Samples

RATE_HZ = 16_000


def tone(hz: float, seconds: float = 1.0) -> Samples:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)).astype(np.float32)


def level_db(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(samples[1600:-1600])) + 1e-12))


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("samples", [0, 1, 319, 16_001])
def test_no_condition_changes_the_length_or_leaves_the_range(condition: str, samples: int) -> None:
    audio = voice(120, 1.1, level=0.9)[:samples]
    heard = CONDITIONS[condition](audio, 3)
    assert heard.shape == audio.shape
    assert heard.dtype == np.float32
    assert np.abs(heard).max(initial=0) <= 1.0


def test_a_telephone_lets_its_band_through_and_nothing_else() -> None:
    assert level_db(telephone(tone(1000))) == pytest.approx(level_db(tone(1000)), abs=0.5)
    for hz in (100, 3900, 6000):
        assert level_db(telephone(tone(hz))) < level_db(tone(hz)) - 30


def test_a_telephone_does_not_shift_what_it_carries() -> None:
    audio = voice(140, 2.0)
    heard = telephone(audio)
    lags = [float(np.dot(audio[200:-200], np.roll(heard, lag)[200:-200])) for lag in range(-20, 21)]
    assert int(np.argmax(lags)) - 20 == 0


def test_mulaw_keeps_its_own_values_and_is_never_far_off() -> None:
    coded = mulaw(np.linspace(-0.98, 0.98, 5000, dtype=np.float32))
    assert np.array_equal(mulaw(coded), coded)
    assert len(np.unique(coded)) <= 255
    assert np.abs(coded - np.linspace(-0.98, 0.98, 5000)).max() < 0.02


def test_noise_lies_ten_db_below_the_speech_not_below_its_pauses() -> None:
    audio = np.concatenate([silence(3.0), voice(120, 1.0), silence(3.0)])
    added = noise10(audio, 5) - clean(audio, 5)
    assert 20 * np.log10(speech_rms(audio) / np.sqrt(np.mean(added**2))) == pytest.approx(10, abs=0.3)
    assert np.array_equal(noise10(audio, 5), noise10(audio, 5))
    assert not np.array_equal(noise10(audio, 5), noise10(audio, 6))


def test_pink_noise_has_as_much_power_in_every_octave() -> None:
    power = np.abs(np.fft.rfft(pink_noise(1 << 17, np.random.default_rng(1)))) ** 2
    hz = np.fft.rfftfreq(1 << 17, 1 / RATE_HZ)
    octaves = [power[(hz >= low) & (hz < 2 * low)].sum() for low in (125, 500, 2000)]
    assert max(octaves) / min(octaves) < 1.15
