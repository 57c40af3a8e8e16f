"""A customer who shouts and calms down again, heard live by the embedded models: one alert, raised and cleared, and
with one span of evidence on the page, over REST, in a webhook, in Apprise's hands; Prometheus counts it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from benchmarks.watchers import WatcherError, Watchers
from tests.browser.callers import RATE_HZ, Caller, Part, Script, conversation
from tests.browser.conftest import Visit
from tests.browser.hooks import Hook, until
from tests.browser.looks import screenshot
from tests.browser.serving import ServerProcess
from tests.notify.receiving import SECRET

CALL = "loud-0501"
VOICE = 7
"""Of EmoDB; one that the embedded models were not trained on."""
CALM, LOUD = Part("neutral", 5), Part("angry", 8)
HORIZON_S = 3.0
HEAD_S = 8.0
"""The call begins with so much, and goes on at the pace of speech: the anger is still to come."""
RAISED_WITHIN_S, CLEARED_WITHIN_S, TOLD_WITHIN_S = 40, 60, 30

SETTINGS = """
[notify.channels.desk]
kind = "webhook"
url = "http://{hook}/desk"
secret = "{secret}"
allow_private = true

[notify.channels.chat]
kind = "apprise"
url = "json://{hook}/chat"
"""


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as told:
        yield told


@pytest.fixture
def server(tmp_path: Path, hook: Hook) -> Iterator[ServerProcess]:
    """A server that tells a webhook and, through Apprise, a service."""
    settings = tmp_path / "undertone.toml"
    settings.write_text(SETTINGS.format(hook=hook.address, secret=SECRET))
    process = ServerProcess(tmp_path / "log", "--config", str(settings))
    process.start()
    yield process
    process.stop()


def rest(server: ServerProcess) -> dict[str, Any] | None:
    """The anger of the call, as REST has it."""
    answer = httpx.get(f"{server.url}/v1/calls/{CALL}")
    alerts = answer.json().get("alerts", []) if answer.status_code == 200 else []
    return next((alert for alert in alerts if alert["rule"] == "anger"), None)


def metric(server: ServerProcess, series: str) -> float:
    found = re.search(rf"^{re.escape(series)} (.+)$", httpx.get(f"{server.url}/metrics").text, re.MULTILINE)
    return float(found[1]) if found else math.nan


FIRING = 'undertone_alerts_firing{rule="anger",severity="warning"}'
EVIDENCE = ("alert_id", "rule", "start_s", "end_s", "value", "threshold", "speaker", "scores", "link")


def test_shouting_raises_and_clears_one_alert_everywhere(
    server: ServerProcess, hook: Hook, visit: Visit, recordings: Path
) -> None:
    audio = conversation(recordings, CALM, LOUD, CALM, voice=VOICE)
    starts = [len(conversation(recordings, *parts, voice=VOICE)) / RATE_HZ for parts in ((CALM,), (CALM, LOUD))]
    script = Script(CALL, audio, ("customer", "agent"), {"queue": "billing"})
    with Watched(server) as watched, Caller(server.url, script, HEAD_S):
        page = visit(f"/dashboard#call={CALL}")
        raised = until(lambda: rest(server), RAISED_WITHIN_S, "the alert")
        assert metric(server, FIRING) == 1
        row = page.locator(".alerts > li").filter(has_text="Anger")
        expect(row.locator("> button")).to_have_attribute("data-open", "yes")
        screenshot(page, "shouting-alert")
        watched.sees_it()
        cleared = until(lambda: (a := rest(server)) and a["cleared_s"] and a, CLEARED_WITHIN_S, "its end")
        expect(row.locator("> button")).to_have_attribute("data-open", "no")
        shown = row.inner_text()
    start_s, end_s = starts
    assert start_s <= raised["raised_s"] <= end_s
    assert start_s - HORIZON_S <= cleared["start_s"] < cleared["end_s"] <= end_s + HORIZON_S
    assert cleared["speaker"] == "customer"
    assert cleared["value"] >= cleared["threshold"]

    desk = until(lambda: len(bodies := hook.bodies("/desk")) >= 2 and bodies, TOLD_WITHIN_S, "the webhook")
    anger = [body for body in desk if body["data"]["event"]["rule"] == "anger"]
    assert [body["type"] for body in anger] == ["alert.raised", "alert.cleared"]
    last = anger[-1]["data"]["event"]
    assert {key: last[key] for key in EVIDENCE} == {key: cleared[key] for key in EVIDENCE}
    assert anger[-1]["data"]["link"] == server.url.replace("127.0.0.1", "localhost") + cleared["link"]
    assert anger[-1]["data"]["call"]["tags"] == {"queue": "billing"}
    assert all(request.signature_holds for request in hook.requests if request.path == "/desk")

    chat = until(
        lambda: len(found := [each for each in hook.bodies("/chat") if "nger" in each["title"]]) >= 2 and found,
        TOLD_WITHIN_S,
        "Apprise",
    )
    assert cleared["link"] in chat[-1]["message"]
    assert f"Heard from {clock(cleared['start_s'])} to {clock(cleared['end_s'])}" in shown
    assert metric(server, 'undertone_alerts_total{rule="anger",severity="warning"}') == 1
    assert metric(server, FIRING) == 0


class Watched:
    """A real Prometheus and Alertmanager, where they are installed."""

    def __init__(self, server: ServerProcess) -> None:
        try:
            self._watchers: Watchers | None = Watchers([f"127.0.0.1:{server.port}"], every_s=1)
        except WatcherError:
            self._watchers = None

    def __enter__(self) -> Watched:
        if self._watchers is not None:
            self._watchers.__enter__()
        return self

    def __exit__(self, *of: Any) -> None:
        if self._watchers is not None:
            self._watchers.__exit__(*of)

    def sees_it(self) -> None:
        """Prometheus has the series, and Alertmanager the alert that follows from it."""
        watchers = self._watchers
        if watchers is None:
            return
        until(lambda: watchers.value(FIRING) == 1, TOLD_WITHIN_S, "Prometheus")
        until(
            lambda: [each for each in watchers.alerts("UndertoneCallAlert") if each["labels"]["rule"] == "anger"],
            TOLD_WITHIN_S,
            "Alertmanager",
        )


def clock(seconds: float) -> str:
    """As the page writes it."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
