"""A rule that makes no sense is refused, in words; what a model brings with it holds unless one is named alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from monitor.analysis import AlertLevels
from monitor.rules import AlertsConfig, Rule, admits
from tests.scripted import EMOTION

FEARLESS = EMOTION
FULL = replace(EMOTION, labels=("angry", "fearful", "neutral"))


def rule(**fields: Any) -> Rule:
    whole: dict[str, Any] = {"name": "anger", "score": {"angry": 1.0}, "above": 0.7} | fields
    return Rule(**{name: value for name, value in whole.items() if value is not ...})


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": "so angry"}, "a name is 1 to 64 letters"),
        ({"score": ...}, "expected one of `score`"),
        ({"measure": "arousal"}, "expected one of `score`"),
        ({"score": {"anger": 1.0}}, "anger is no label; expected some of angry, disgusted"),
        ({"score": {}}, "nothing is no label"),
        ({"below": 0.1}, "expected one of `above` and `below`"),
        ({"above": ...}, "expected one of `above` and `below`"),
        ({"above": 1.2}, "above = 1.2 is never reached: expected 0 to 1"),
        ({"score": {"angry": 1.0, "happy": -1.0}, "above": -1.5}, "expected -1 to 1"),
        ({"clear": 0.8}, "clear lies beyond the level"),
        ({"above": ..., "below": 0.3, "clear": 0.2}, "clear lies beyond the level"),
        ({"clear": 0.0}, "it would never be over: expected clear .* above 0"),
        ({"score": ..., "measure": "interruptions", "above": 0.0}, "it would never be over"),
        ({"above": ..., "below": 0.5, "clear": 1.0}, "it would never be over: .* below 1"),
        ({"for_s": -1.0}, "for_s = -1: expected 0 to 3600 seconds"),
        ({"cooldown_s": 4000.0}, "cooldown_s = 4000"),
        ({"over_s": 1.0}, "over_s = 1: expected 5 to 3600 seconds"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        rule(**fields)


def test_a_rule_goes_through_json_and_unknown_fields_do_not() -> None:
    one = rule(roles=("customer",), tags={"queue": "billing"}, notify=("desk",))
    assert msgspec.json.decode(msgspec.json.encode(one), type=Rule) == one
    with pytest.raises(msgspec.ValidationError, match="abov"):
        msgspec.convert({"name": "anger", "score": {"angry": 1.0}, "abov": 0.7}, Rule)


def test_between_the_levels_it_is_neither_beyond_nor_back() -> None:
    one = rule(clear=0.5)
    assert [(one.beyond(value), one.back(value)) for value in (0.7, 0.6, 0.5, 0.49)] == [
        (True, False),
        (False, False),
        (False, False),
        (False, True),
    ]
    other = rule(above=..., below=0.3, clear=0.5)
    assert [(other.beyond(value), other.back(value)) for value in (0.3, 0.4, 0.5, 0.51)] == [
        (True, False),
        (False, False),
        (False, False),
        (False, True),
    ]


def test_roles_are_admitted_whatever_their_case() -> None:
    assert admits(("*", "!agent"), "customer")
    assert not admits(("*", "!agent"), "Agent")
    assert admits(("Customer",), "customer")
    assert not admits(("customer",), "mixed")


def test_by_default_anger_and_risk_are_alerts_at_the_model_s_own_levels() -> None:
    spec = replace(FULL, alerts={"anger": AlertLevels(0.6, 0.4, 2.0), "risk": AlertLevels(0.8, 0.5, 3.0)})
    anger, risk = AlertsConfig().in_force(spec)
    assert (anger.name, anger.score, anger.above, anger.clear, anger.for_s) == ("anger", {"angry": 1.0}, 0.6, 0.4, 2.0)
    assert (risk.name, risk.score, risk.above) == ("risk", {"angry": 1.0, "fearful": 1.0}, 0.8)


def test_a_model_that_does_not_know_fear_has_no_rule_of_it() -> None:
    assert [one.name for one in AlertsConfig().in_force(FEARLESS)] == ["anger"]


def test_a_rule_of_one_s_own_takes_a_default_s_place() -> None:
    own, other = rule(above=0.9), rule(name="quiet", score=..., measure="silence_s", above=20.0)
    assert AlertsConfig(rules=(own, other)).in_force(FEARLESS) == (own, other)
    assert AlertsConfig(defaults=False).in_force(FULL) == ()
    assert AlertsConfig(rules=(other,)).in_force(None) == (other,)


def test_two_rules_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two rules have one name: anger"):
        AlertsConfig(rules=(rule(), rule(above=0.9)))
