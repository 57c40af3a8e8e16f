"""What is said of the calls that are live, computed when it is asked for, in one pass over them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import nsmallest

import numpy as np
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from metrics import declared
from metrics.bounded import OTHER, Bounded, role_label
from metrics.declared import SCORE_BUCKETS
from metrics.readings import CallReading, RuleReading
from monitor.labels import LABELS

BOUNDS = np.array(SCORE_BUCKETS)
LE = (*map(floatToGoString, SCORE_BUCKETS), "+Inf")
ALARMING = ("angry", "fearful")
"""The labels by which a call without rules is bad."""
Met = Callable[[str, str], object]
"""Told of each rule and severity when it is first met."""


class LiveCalls(Collector):
    """Distribution of scores, rules and alerts; and with `per_call`, scores of so many single calls.

    A rule that was met once goes on being reported, with 0 where no live call is subject to it: a series that ends and
    begins anew would hide its first change from PromQL.
    """

    def __init__(self, readings: Callable[[], Iterable[CallReading]], rules: Bounded, per_call: int, met: Met) -> None:
        """`rules` bounds the names of rules."""
        self._readings = readings
        self._rules = rules
        self._per_call = per_call
        self._met = met
        self._firing: dict[tuple[str, str], int] = {}
        """The alerts of each rule and severity that were ever met, as of the last scrape."""

    def collect(self) -> Iterator[Metric]:
        calls = list(self._readings())
        yield _distribution(calls)
        yield from self._by_rule(calls)
        if self._per_call:
            yield from _singled_out(nsmallest(self._per_call, calls, key=badness))

    def _by_rule(self, calls: Sequence[CallReading]) -> Iterator[Metric]:
        over: dict[str, int] = dict.fromkeys((rule for rule, _ in self._firing), 0)
        worst: dict[str, float] = {}
        self._firing = dict.fromkeys(self._firing, 0)
        for reading in (reading for call in calls for reading in call.rules):
            rule = self._rules.label(reading.rule)
            if (key := (rule, reading.severity)) not in self._firing:
                self._met(*key)
            self._firing[key] = self._firing.get(key, 0) + reading.raised
            over[rule] = over.get(rule, 0) + reading.over
            if reading.value is not None and rule != OTHER:  # others measure this and that
                worst[rule] = _worse(reading, worst.get(rule))
        calls_over, worst_value = declared.RULE_CALLS.family(), declared.RULE_WORST.family()
        firing = declared.ALERTS_FIRING.family()
        for rule, number in over.items():
            calls_over.add_metric((rule,), number)
        for rule, value in worst.items():
            worst_value.add_metric((rule,), value)
        for key, raised in self._firing.items():
            firing.add_metric(key, raised)
        yield from (calls_over, worst_value, firing)


def badness(call: CallReading) -> tuple[int, int, float, str]:
    """The lower the worse: first the calls with most alerts, then those beyond most thresholds, then those in which
    most anger and fear is heard; and to have an order, by id."""
    heard = max((sum(scores[label] for label in ALARMING) for _, scores in call.channels if scores), default=0.0)
    return -sum(rule.raised for rule in call.rules), -sum(rule.over for rule in call.rules), -heard, call.call_id


def _worse(reading: RuleReading, than: float | None) -> float:
    assert reading.value is not None
    if than is None:
        return reading.value
    return max(than, reading.value) if reading.higher_is_worse else min(than, reading.value)


def _distribution(calls: Sequence[CallReading]) -> Metric:
    rows: dict[str, list[list[float]]] = {}
    for role, scores in (channel for call in calls for channel in call.channels):
        if scores is not None:
            rows.setdefault(role_label(role), []).append([scores[label] for label in LABELS])
    family = declared.EMOTION_SCORE.histogram_family()
    for role, heard in rows.items():
        table = np.array(heard)  # (channels, labels)
        within = (table[:, :, None] <= BOUNDS).sum(axis=0)  # (labels, buckets), cumulative as Prometheus wants it
        for label, counts, total in zip(LABELS, within.tolist(), table.sum(axis=0).tolist(), strict=True):
            family.add_metric((label, role), list(zip(LE, (*counts, len(heard)), strict=True)), total)
    return family


def _singled_out(calls: Iterable[CallReading]) -> Iterator[Metric]:
    score, info = declared.CALL_EMOTION_SCORE.family(), declared.CALL_INFO.family()
    for call in calls:
        info.add_metric((call.call_id, ",".join(role for role, _ in call.channels)), 1)
        for role, scores in call.channels:
            for label, value in (scores or {}).items():
                score.add_metric((call.call_id, role, label), value)
    yield from (score, info)
