"""A real Prometheus and Alertmanager, with the rules that ship, at a real server whose calls raise alerts."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

import pytest

from benchmarks.operators import dashboard_queries
from benchmarks.watchers import PROGRAMS, WatcherError, Watchers, until
from metrics.readings import CallReading, RuleReading
from metrics.settings import MetricsConfig
from stream_server.engine import Engine
from tests.scripted import conversation
from tests.stream_server.serving import pcm, serving

PATIENCE_S = 30.0
T = TypeVar("T")
needs_watchers = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)), reason="Prometheus and Alertmanager are not installed: make operators"
)


async def seen(condition: Callable[[], T], what: str) -> T:
    return await asyncio.to_thread(until, condition, PATIENCE_S, what)


def raising(engine_readings: Callable[[Engine], Iterator[CallReading]]) -> Callable[[Engine], Iterator[CallReading]]:
    """Readings by which every live call has raised one alert."""
    anger = RuleReading("anger", "critical", 0.83, True, True, 1)

    def readings(engine: Engine) -> Iterator[CallReading]:
        for reading in engine_readings(engine):
            yield replace(reading, rules=[anger])

    return readings


@needs_watchers
async def test_an_alert_of_a_call_goes_from_the_server_to_alertmanager_and_is_over_with_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Engine, "_readings", raising(Engine._readings))
    async with serving(metrics=MetricsConfig(per_call=3)) as served:
        with Watchers([f"127.0.0.1:{served.port}"], every_s=1) as watchers:
            async with served.stream(call_id="loud") as call:
                await call.send(pcm(conversation()[: 16_000 * 6]))
                (alert,) = await seen(lambda: watchers.alerts("UndertoneCallAlert"), "the alert")
                assert alert["labels"] | {"instance": ""} == {
                    "alertname": "UndertoneCallAlert",
                    "instance": "",
                    "job": "undertone",
                    "rule": "anger",
                    "severity": "critical",
                }
                assert alert["receivers"] == [{"name": "team-leads"}]
                assert alert["annotations"]["summary"].startswith("anger: 1 alert(s) in live calls of 127.0.0.1:")
                await seen(lambda: watchers.query("undertone_call_emotion_score"), "the call's scores")
                await seen(lambda: watchers.query("role_label:undertone_emotion_score:mean"), "their mean")
                await asyncio.to_thread(check_what_prometheus_knows, watchers)
            await seen(lambda: watchers.value("sum(undertone_alerts_firing)") == 0, "the alert's end")
            await seen(lambda: not watchers.query('ALERTS{alertname="UndertoneCallAlert"}'), "Prometheus to end it")
            assert watchers.query("undertone_call_emotion_score") == []


def check_what_prometheus_knows(watchers: Watchers) -> None:
    known = {
        "up": 1.0,
        'undertone_rule_worst{rule="anger"}': 0.83,
        'undertone_rule_calls{rule="anger"}': 1.0,
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
