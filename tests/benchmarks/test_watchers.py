"""A real Prometheus and Alertmanager, with the rules that ship, at a real server whose calls raise alerts."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from typing import TypeVar

import pytest

from benchmarks.operators import dashboard_queries
from benchmarks.watchers import PROGRAMS, WatcherError, Watchers, until
from metrics.settings import MetricsConfig
from monitor.rules import AlertsConfig, Rule
from tests.scripted import conversation
from tests.stream_server.serving import pcm, serving

PATIENCE_S = 30.0
T = TypeVar("T")
needs_watchers = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)), reason="Prometheus and Alertmanager are not installed: make operators"
)


async def seen(condition: Callable[[], T], what: str) -> T:
    return await asyncio.to_thread(until, condition, PATIENCE_S, what)


@needs_watchers
async def test_an_alert_of_a_call_goes_from_the_server_to_alertmanager_and_is_over_with_the_call() -> None:
    calm = Rule(name="calm", score={"neutral": 1.0}, above=0.5, for_s=1.0, severity="critical", reliability="low")
    alerts = AlertsConfig(defaults=False, rules=(calm,))
    async with serving(alerts=alerts, metrics=MetricsConfig(per_call=3)) as served:
        with Watchers([f"127.0.0.1:{served.port}"], every_s=1) as watchers:
            async with served.stream(call_id="loud") as call:
                await call.send(pcm(conversation()[: 16_000 * 6]))
                (alert,) = await seen(lambda: watchers.alerts("UndertoneCallAlert"), "the alert")
                assert alert["labels"] | {"instance": ""} == {
                    "alertname": "UndertoneCallAlert",
                    "instance": "",
                    "job": "undertone",
                    "rule": "calm",
                    "severity": "critical",
                }
                assert alert["receivers"] == [{"name": "team-leads"}]
                assert alert["annotations"]["summary"].startswith("calm: 1 alert(s) in live calls of 127.0.0.1:")
                await seen(lambda: watchers.query("undertone_call_emotion_score"), "the call's scores")
                await seen(lambda: watchers.query("role_label:undertone_emotion_score:mean"), "their mean")
                await asyncio.to_thread(check_what_prometheus_knows, watchers)
            await seen(lambda: watchers.value("sum(undertone_alerts_firing)") == 0, "the alert's end")
            await seen(lambda: not watchers.query('ALERTS{alertname="UndertoneCallAlert"}'), "Prometheus to end it")
            assert watchers.query("undertone_call_emotion_score") == []


def check_what_prometheus_knows(watchers: Watchers) -> None:
    known = {
        "up": 1.0,
        'undertone_rule_worst{rule="calm"} > bool 0.5': 1.0,
        'undertone_alerts_total{rule="calm", severity="critical"}': 1.0,
        'undertone_rule_calls{rule="calm"}': 1.0,
        'undertone_status{status="ready"}': 1.0,
        'undertone_emotion_score_bucket{label="angry", le="+Inf"}': 1.0,
    }
    assert {expression: watchers.value(expression) for expression in known} == known
    unanswered = {title for title, expression in dashboard_queries() if not watchers.query(expression)}
    assert "Live calls" not in unanswered
    assert "How many live calls have which score: $label" not in unanswered
    assert "The worst single calls: $label" not in unanswered


@needs_watchers
async def test_an_expression_that_is_none_is_said_to_be_none() -> None:
    with Watchers([], every_s=1) as watchers, pytest.raises(WatcherError, match=r"400.*parse error"):
        watchers.query("sum(")


def test_without_prometheus_it_is_said_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(WatcherError, match="make operators"):
        Watchers([])
