"""What is said of the live calls: distributions, rules, the worst call, and single calls where that is asked for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from metrics.bounded import MOST_NAMES
from metrics.instruments import Instruments
from metrics.livecalls import badness
from metrics.readings import CallReading, RuleReading
from monitor.labels import LABELS


def scores(angry: float) -> dict[str, float]:
    return dict.fromkeys(LABELS, 0.0) | {"angry": angry, "neutral": 1 - angry}


def call(call_id: str, angry: float | None, *rules: RuleReading, role: str = "customer") -> CallReading:
    return CallReading(call_id, [(role, None if angry is None else scores(angry))], rules)


def anger(value: float | None, raised: int = 0, rule: str = "anger") -> RuleReading:
    return RuleReading(rule, "critical", value, value is not None and value >= 0.7, True, raised)


class Watched:
    """Instruments that watch `calls`, which may be changed between scrapes."""

    def __init__(self, calls: Sequence[CallReading] = (), per_call: int = 0) -> None:
        self.calls = list(calls)
        self.instruments = Instruments(CollectorRegistry(), "1")
        self.instruments.watch_calls(lambda: self.calls, per_call)

    def value(self, name: str, **labels: str) -> float | None:
        return self.instruments.registry.get_sample_value(f"undertone_{name}", labels)

    def series(self, name: str) -> list[str]:
        text = generate_latest(self.instruments.registry).decode()
        return [line for line in text.splitlines() if line.startswith(f"undertone_{name}{{")]


def test_the_distribution_counts_live_channels_by_score_cumulatively() -> None:
    watched = Watched([call("a", 0.2), call("b", 0.65), call("c", 1.0)])
    within = {
        le: watched.value("emotion_score_bucket", label="angry", role="customer", le=le)
        for le in ("0.1", "0.2", "0.6", "0.7", "1.0", "+Inf")
    }
    assert within == {"0.1": 0, "0.2": 1, "0.6": 1, "0.7": 2, "1.0": 3, "+Inf": 3}
    assert watched.value("emotion_score_gcount", label="angry", role="customer") == 3
    assert watched.value("emotion_score_gsum", label="angry", role="customer") == pytest.approx(1.85)


def test_a_channel_without_a_usable_score_counts_nowhere() -> None:
    watched = Watched([call("a", None), call("b", 0.5)])
    assert watched.value("emotion_score_gcount", label="angry", role="customer") == 1


def test_the_distribution_shrinks_when_calls_end() -> None:
    watched = Watched([call("a", 0.9), call("b", 0.9)])
    assert watched.value("emotion_score_bucket", label="angry", role="customer", le="+Inf") == 2
    watched.calls.pop()
    assert watched.value("emotion_score_bucket", label="angry", role="customer", le="+Inf") == 1
    watched.calls.clear()
    assert watched.value("emotion_score_bucket", label="angry", role="customer", le="+Inf") is None


def test_a_thousand_roles_are_one() -> None:
    watched = Watched([call(f"c{number}", 0.5, role=f"role-{number}") for number in range(1_000)])
    found = watched.series("emotion_score_gcount")
    assert len(found) == len(LABELS)
    assert all('role="other"' in series for series in found)


def test_calls_beyond_a_threshold_the_worst_of_them_and_alerts_are_said_by_rule() -> None:
    watched = Watched(
        [call("a", 0.9, anger(0.9, raised=1)), call("b", 0.8, anger(0.8)), call("c", 0.1, anger(0.1, raised=1))]
    )
    assert watched.value("rule_calls", rule="anger") == 2
    assert watched.value("rule_worst", rule="anger") == 0.9
    assert watched.value("alerts_firing", rule="anger", severity="critical") == 2


def test_where_lower_is_worse_the_worst_is_the_lowest() -> None:
    readings = [RuleReading("quiet", "info", value, value < 0.3, False, 0) for value in (0.6, 0.2, 0.4)]
    watched = Watched([call(str(at), 0.5, reading) for at, reading in enumerate(readings)])
    assert watched.value("rule_worst", rule="quiet") == 0.2
    assert watched.value("rule_calls", rule="quiet") == 1


def test_a_rule_that_was_met_is_0_and_has_no_worst_once_no_call_is_subject_to_it() -> None:
    watched = Watched([call("a", 0.9, anger(0.9, raised=1))])
    assert watched.value("alerts_firing", rule="anger", severity="critical") == 1
    watched.calls.clear()
    assert watched.value("alerts_firing", rule="anger", severity="critical") == 0
    assert watched.value("rule_calls", rule="anger") == 0
    assert watched.value("rule_worst", rule="anger") is None


def test_a_rule_that_measures_nothing_yet_has_no_worst() -> None:
    watched = Watched([call("a", None, anger(None))])
    assert watched.value("rule_worst", rule="anger") is None
    assert watched.value("rule_calls", rule="anger") == 0


def test_the_alerts_of_a_rule_are_counted_from_0_on() -> None:
    watched = Watched([call("a", 0.1, anger(0.1))])
    assert watched.value("alerts_firing", rule="anger", severity="critical") == 0
    assert watched.value("alerts_total", rule="anger", severity="critical") == 0
    watched.instruments.alert_raised("anger", "critical")
    assert watched.value("alerts_total", rule="anger", severity="critical") == 1


def test_rules_beyond_the_first_fifty_are_one_which_has_no_worst() -> None:
    rules = [anger(0.9, raised=1, rule=f"rule-{number}") for number in range(MOST_NAMES + 7)]
    watched = Watched([call("a", 0.9, *rules)])
    assert len(watched.series("rule_calls")) == len(watched.series("alerts_firing")) == MOST_NAMES + 1
    assert watched.value("rule_calls", rule="other") == 7
    assert watched.value("alerts_firing", rule="other", severity="critical") == 7
    assert watched.value("rule_worst", rule="other") is None


def test_a_rule_has_one_name_in_gauges_and_counters() -> None:
    watched = Watched()
    for number in range(MOST_NAMES):
        watched.instruments.alert_raised(f"rule-{number}", "critical")
    watched.calls.append(call("a", 0.9, anger(0.9)))
    assert watched.value("rule_calls", rule="other") == 1
    assert watched.value("rule_calls", rule="anger") is None


def test_no_call_has_series_of_its_own_unless_that_is_asked_for() -> None:
    watched = Watched([call("a", 0.9)])
    assert watched.series("call_info") == watched.series("call_emotion_score") == []


def test_a_call_with_series_of_its_own_loses_them_at_its_end() -> None:
    watched = Watched([CallReading("a", [("customer", scores(0.9)), ("agent", None)]), call("b", 0.1)], per_call=5)
    assert watched.value("call_info", call_id="a", roles="customer,agent") == 1
    assert watched.value("call_emotion_score", call_id="a", role="customer", label="angry") == 0.9
    assert watched.value("call_emotion_score", call_id="a", role="agent", label="angry") is None
    watched.calls.pop(0)
    assert len(watched.series("call_info")) == 1
    assert len(watched.series("call_emotion_score")) == len(LABELS)


def test_of_more_calls_than_may_have_series_the_worst_have_them() -> None:
    calls = [call(f"c{number}", number / 100) for number in range(100)]
    watched = Watched([*calls, call("alarm", 0.1, anger(0.1, raised=1)), call("over", 0.2, anger(0.75))], per_call=4)
    assert len(watched.series("call_info")) == 4
    for call_id in ("alarm", "over", "c99", "c98"):
        assert watched.value("call_info", call_id=call_id, roles="customer") == 1


def test_alerts_come_before_thresholds_and_those_before_what_is_heard() -> None:
    calls = [call("calm", 0.1), call("b", 0.9), call("a", 0.9), call("over", 0.0, anger(0.8)), call("silent", None)]
    alarmed = call("alarmed", None, anger(None, raised=1))
    order = [reading.call_id for reading in sorted([*calls, alarmed], key=badness)]
    assert order == ["alarmed", "over", "a", "b", "calm", "silent"]
