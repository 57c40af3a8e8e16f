"""The resampler's answer does not depend on chunks, comes soon, and sounds like what went in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scripted import pieces
from vad.grid import SAMPLE_RATE_HZ
from vad.pcm import Samples
from vad.resample import Resampler

RATES_HZ = [8_000, 11_025, 16_000, 22_050, 44_100, 48_000]


def tone(frequency_hz: float, rate_hz: int, seconds: float = 0.5) -> Samples:
    return (0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def resampled(chunks: list[Samples], rate_hz: int) -> Samples:
    resampler = Resampler(rate_hz)
    return np.concatenate([*(resampler.feed(chunk) for chunk in chunks), resampler.flush()])


def middle(samples: Samples) -> Samples:
    return samples[len(samples) // 4 : -len(samples) // 4]


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@given(sizes=st.lists(st.integers(1, 2_500), max_size=30))
@settings(max_examples=10, deadline=None)
def test_any_chunking_gives_bit_equal_samples(rate_hz: int, sizes: list[int]) -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, rate_hz // 4).astype(np.float32)
    chunks = [piece for piece in pieces(noise, sizes) if len(piece)]
    np.testing.assert_array_equal(resampled(chunks, rate_hz), resampled([noise], rate_hz))


@pytest.mark.parametrize(("rate_hz", "bound_s"), [(8_000, 0.035), (16_000, 0.0), (24_000, 0.02), (48_000, 0.015)])
def test_samples_are_not_held_back_longer_than(rate_hz: int, bound_s: float) -> None:
    resampler, given_s, got_s = Resampler(rate_hz), 0.0, 0.0
    for chunk in pieces(tone(300, rate_hz, 1.0), [rate_hz // 100] * 99):
        given_s += len(chunk) / rate_hz
        got_s += len(resampler.feed(chunk)) / SAMPLE_RATE_HZ
        assert given_s - got_s <= bound_s + 1e-9


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_second_stays_a_second(rate_hz: int) -> None:
    assert len(resampled([tone(300, rate_hz, 1.0)], rate_hz)) == pytest.approx(SAMPLE_RATE_HZ, abs=1)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_tone_keeps_its_strength(rate_hz: int) -> None:
    strength = float(np.sqrt(np.mean(np.square(middle(resampled([tone(1_000, rate_hz)], rate_hz))))))
    assert strength == pytest.approx(0.5 / np.sqrt(2), rel=0.005)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_audio_stays_where_it_was_within_a_tenth_of_a_millisecond(rate_hz: int) -> None:
    moved = np.abs(middle(resampled([tone(100, rate_hz)], rate_hz)) - middle(tone(100, SAMPLE_RATE_HZ)))
    assert moved.max() < 0.5 * 2 * np.pi * 100 * 0.00012


@pytest.mark.parametrize("rate_hz", [22_050, 44_100, 48_000])
def test_a_tone_that_16_khz_cannot_hold_is_suppressed(rate_hz: int) -> None:
    assert np.abs(middle(resampled([tone(10_000, rate_hz)], rate_hz))).max() < 1e-4


def test_upsampling_adds_no_mirror_of_the_tone() -> None:
    spectrum = np.abs(np.fft.rfft(middle(resampled([tone(1_000, 8_000)], 8_000)) * np.hanning(4_000)))
    hz = np.fft.rfftfreq(4_000, 1 / SAMPLE_RATE_HZ)
    assert spectrum[hz > 4_200].max() < spectrum.max() * 1e-3


def test_16_khz_passes_untouched() -> None:
    samples = tone(440, SAMPLE_RATE_HZ)
    np.testing.assert_array_equal(resampled([samples], SAMPLE_RATE_HZ), samples)


@pytest.mark.parametrize("rate_hz", [-1, 0, 7_999, 48_001, 192_000])
def test_a_rate_out_of_range_is_refused(rate_hz: int) -> None:
    with pytest.raises(ValueError, match=f"sample rate {rate_hz} Hz is not in 8000..48000 Hz"):
        Resampler(rate_hz)
