"""Cosines of voices: what they say, whatever the model and however much was heard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.analysis import SpeakerSpec
from monitor.cosines import expected

SPEC = SpeakerSpec("model", "none", 24_000, 192, 0.51, 0.14, 0.13, 0.22)
windows = st.floats(0.2, 200)
cosine = st.floats(-1, 1)


@given(cosine, cosine, windows, windows, st.floats(0.05, 0.3))
def test_more_alike_is_never_less_likely_to_be_one_speaker(
    one: float, other: float, heard: float, known: float, spread: float
) -> None:
    odds = expected(replace(SPEC, same_std=spread), heard, known).log_odds([min(one, other), max(one, other)])
    assert odds[0] <= odds[1] + 1e-9


@given(cosine, windows, windows)
def test_which_of_two_voices_is_which_does_not_matter(value: float, one: float, other: float) -> None:
    assert expected(SPEC, one, other).log_odds(value) == pytest.approx(expected(SPEC, other, one).log_odds(value))


def test_single_windows_are_distributed_as_the_model_declares() -> None:
    cosines = expected(SPEC, 1.0, 1.0)
    assert np.tanh([cosines.same_mean, cosines.different_mean]) == pytest.approx([0.51, 0.13])
    assert cosines.same_std * (1 - 0.51**2) == pytest.approx(0.14)


def test_of_longer_voices_the_same_lie_nearer_and_strangers_further_from_them() -> None:
    apart = [
        float((heard.same_mean - heard.different_mean) / heard.same_std)
        for heard in (expected(SPEC, count, count) for count in (1, 2, 4, 8))
    ]
    assert apart == sorted(apart)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.05])
def test_as_many_strangers_pass_a_threshold_as_it_was_asked_for(share: float) -> None:
    cosines = expected(SPEC, 4.0, 2.0)
    drawn = np.random.default_rng(0).normal(cosines.different_mean, cosines.different_std, 400_000)
    assert np.mean(np.tanh(drawn) > cosines.threshold(share)) == pytest.approx(share, rel=0.1)


def test_the_odds_are_even_between_the_two_distributions_and_grow_away_from_there() -> None:
    cosines = expected(SPEC, 4.0, 4.0)
    assert cosines.log_odds(np.tanh(cosines.different_mean)) < -1 < 1 < cosines.log_odds(np.tanh(cosines.same_mean))


def test_deviations_and_cosines_are_each_others_inverse() -> None:
    cosines = expected(SPEC, 3.0, 7.0)
    assert cosines.deviations(cosines.cosine([-1.0, 0.0, 2.5])) == pytest.approx([-1.0, 0.0, 2.5])
