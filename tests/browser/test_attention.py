"""What people do about alerts on the dashboard, while the call goes on and after it; everyone who looks sees it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.hooks import until
from tests.browser.looks import PHONE, Violations, screenshot
from tests.browser.serving import ServerProcess

CALL = "quiet-0601"
RULES = """
[[alerts.rules]]
name = "dead-air"
measure = "silence_s"
above = 0.5
roles = ["*"]
"""
UNREADABLE = {"error": {"code": "history.unavailable", "reason": "the database does not answer"}}
RAISED_WITHIN_S, ENDED_WITHIN_S, SEEN_WITHIN_MS = 40, 60, 15_000


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that keeps its calls, and calls it an alert if nobody speaks for half a second."""
    folder = tmp_path_factory.mktemp("attention")
    settings = folder / "undertone.toml"
    settings.write_text(RULES)
    server = ServerProcess(folder / "log", "--config", str(settings), "--history.url", f"sqlite:///{folder}/history.db")
    server.start()
    yield server
    server.stop()


def alerts(server: ServerProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{server.url}/v1/alerts?call_id={CALL}").json()["alerts"]
    return found


def attended(server: ServerProcess, alert_id: str) -> dict[str, Any]:
    return next(alert for alert in alerts(server) if alert["alert_id"] == alert_id)


def first(page: Page) -> Any:
    """The alert that was raised first: others of the call come above it."""
    return page.locator(".alerts > li").last


def do(row: Any, action: str, note: str, by: str | None = None) -> None:
    row.get_by_role("button", name=action, exact=True).first.click()
    if by is not None:
        row.get_by_label("Your name").fill(by)
    row.get_by_label("Note").fill(note)
    row.get_by_label("Note").press("Enter")


def test_an_alert_is_attended_to_during_the_call_and_after_it_and_everyone_sees_it(
    keeping: ServerProcess, visit: Visit, recordings: Path, violations: Violations
) -> None:
    speaking = keeping.stream(recordings / "conversations" / "two_speakers_30s.flac", "--call-id", CALL)
    try:
        until(lambda: bool(alerts(keeping)), RAISED_WITHIN_S, "an alert")
        alert_id = alerts(keeping)[-1]["alert_id"]
        page = visit(f"{keeping.url}/dashboard#call={CALL}")
        row = first(page)
        do(row, "Acknowledge", "I listen in", by="Ada")
        expect(row.locator(".done")).to_have_text("Acknowledged by Ada, just now")
        expect(row.locator(".notes")).to_have_text("Ada I listen in")
        expect(row.get_by_role("button", name="Comment")).to_be_focused()
        assert attended(keeping, alert_id)["acknowledged_by"] == "Ada"
        row.get_by_role("button", name="Snooze", exact=True).click()
        expect(row.get_by_label("Your name")).to_have_value("Ada")
        expect(row.get_by_label("Note")).to_be_focused()
        row.get_by_label("For").select_option("an hour")
        assert violations(page) == []
        screenshot(page, "attention")
        row.get_by_label("Note").press("Enter")
        expect(row.locator(".done")).to_have_text(re.compile(r"Snoozed by Ada, until \d\d:\d\d"))
        onlooker = visit(f"{keeping.url}/dashboard#call={CALL}", PHONE, locale="zh-CN")
        expect(first(onlooker).locator(".done")).to_contain_text("Ada 已暂缓", timeout=SEEN_WITHIN_MS)
    finally:
        speaking.wait(ENDED_WITHIN_S)
    expect(page.locator(".head .state")).to_contain_text("Ended")
    do(row, "Resolve", "called back")
    expect(row.locator(".done")).to_have_text("Resolved by Ada, just now")
    expect(row.get_by_role("button", name="Resolve", exact=True)).to_be_hidden()
    expect(first(onlooker).locator(".done")).to_contain_text("Ada 已解决", timeout=SEEN_WITHIN_MS)
    expect(first(onlooker).locator(".notes li")).to_have_text(["Ada I listen in", "Ada called back"])
    assert attended(keeping, alert_id)["attention"] == "resolved"
    again = visit(f"{keeping.url}/dashboard#call={CALL}")
    expect(first(again).locator(".done")).to_contain_text("Resolved by Ada")
    do(first(again), "Comment", "and called again", by="Ben")
    expect(first(again).locator(".notes li")).to_have_count(3)
    again.route("**/v1/alerts?*", lambda route: route.fulfill(status=503, json=UNREADABLE))
    again.reload()
    expect(first(again)).to_be_visible()
    expect(first(again).locator(".attend")).to_be_hidden()
