"""The same voice or not, and how sure that is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.workbench.scripted import SPEC, spoken
from workbench.verification import FALSE_ACCEPTS, MOST_ODDS, Purpose, VerificationError, said, threshold, verify


def test_two_recordings_of_one_speaker_pass_and_of_two_do_not() -> None:
    same = verify([spoken(1), spoken(1, 1)], SPEC, Purpose.IDENTITY)
    different = verify([spoken(1), spoken(2)], SPEC, Purpose.IDENTITY)
    assert same.same
    assert not different.same
    assert same.pairs[0].probability > 0.95
    assert different.pairs[0].probability < 0.05
    assert same.sentence.text == "1-0.wav and 1-1.wav very likely have the same speaker."
    assert different.sentence.key == "verify.different"


def test_of_several_all_pairs_are_compared_and_the_least_alike_is_named() -> None:
    told = verify([spoken(1), spoken(1, 1), spoken(2)], SPEC, Purpose.IDENTITY)
    assert [(pair.one, pair.other) for pair in told.pairs] == [
        ("1-0.wav", "1-1.wav"),
        ("1-0.wav", "2-0.wav"),
        ("1-1.wav", "2-0.wav"),
    ]
    assert not told.same
    assert told.sentence.text.startswith("2 of 3 pairs do not pass for the same speaker; least alike:")
    assert verify([spoken(1, seed) for seed in range(3)], SPEC, Purpose.IDENTITY).sentence.key == "verify.all_same"


def test_stricter_purposes_need_more() -> None:
    needed = [threshold(SPEC, purpose, 4.0, 4.0) for purpose in Purpose]
    assert needed == sorted(needed, reverse=True)


def test_strangers_pass_as_often_as_the_purpose_allows() -> None:
    voices = [spoken(speaker, 0) for speaker in range(100)]
    pairs = verify(voices, SPEC, Purpose.GROUPING).pairs
    assert sum(pair.same for pair in pairs) / len(pairs) < 2 * FALSE_ACCEPTS[Purpose.GROUPING]


def test_a_models_own_thresholds_hold_at_their_length_and_move_with_it() -> None:
    declared = replace(SPEC, thresholds={"access": 0.65, "identity": 0.45})
    assert threshold(declared, Purpose.ACCESS, 4.0, 4.0) == pytest.approx(0.65)
    assert threshold(declared, Purpose.IDENTITY, 4.0, 4.0) == pytest.approx(0.45)
    assert threshold(declared, Purpose.ACCESS, 1.0, 1.0) < 0.65
    assert threshold(declared, Purpose.GROUPING, 4.0, 4.0) == threshold(SPEC, Purpose.GROUPING, 4.0, 4.0)


def test_what_was_likely_before_counts() -> None:
    chances = [
        verify([spoken(1), spoken(1, 1)], SPEC, Purpose.IDENTITY, prior).pairs[0].probability
        for prior in (0.001, 0.5, 0.9)
    ]
    assert chances == sorted(chances)


def test_no_pair_is_surer_than_can_be_known() -> None:
    assert abs(verify([spoken(1), spoken(1)], SPEC, Purpose.ACCESS).pairs[0].log_odds) <= MOST_ODDS + 1e-3


@pytest.mark.parametrize("probability", [0.0, 0.04, 0.1, 0.5, 0.8, 0.97, 1.0])
def test_every_probability_has_its_sentence(probability: float) -> None:
    sentence = said("a.wav", "b.wav", probability)
    assert sentence.key.startswith("verify.")
    assert "a.wav" in sentence.text


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(VerificationError, match="two or more are needed"):
        verify([spoken(1)], SPEC, Purpose.IDENTITY)
    with pytest.raises(VerificationError, match=r"other.wav was embedded by another, not by model"):
        verify([spoken(1), replace(spoken(2, name="other.wav"), model="another")], SPEC, Purpose.IDENTITY)
    with pytest.raises(VerificationError, match="no probability"):
        verify([spoken(1), spoken(2)], SPEC, Purpose.IDENTITY, prior=1.0)
