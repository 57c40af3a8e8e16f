"""Alerts over REST, what people do about them, and trends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from history.clock import told
from tests.history.callsmade import Telling, short_call
from tests.stream_server.serving import Served, serving


@asynccontextmanager
async def with_alerts(*call_ids: str) -> AsyncIterator[Served]:
    """A server that has had calls, an hour ago, each with an alert."""
    async with serving(kept=True) as served:
        assert served.engine.history is not None
        began_at = (datetime.now(UTC) - timedelta(hours=1)).timestamp()
        for number, call_id in enumerate(call_ids):
            for event in short_call(Telling(call_id, started_at=began_at + 60 * number), f"{call_id}:9"):
                served.engine.history.tell(event, {"agent": "7"})
        await served.engine.history.settle()
        yield served


async def alerts(served: Served, **query: object) -> list[str]:
    return [alert["alert_id"] for alert in (await served.ask("/v1/alerts", **query))["alerts"]]


async def test_alerts_are_listed_with_their_evidence() -> None:
    async with with_alerts("c-1") as served:
        (alert,) = (await served.ask("/v1/alerts"))["alerts"]
    assert (alert["call_id"], alert["rule"], alert["state"], alert["attention"]) == ("c-1", "anger", "cleared", "none")
    assert (alert["value"], alert["start_s"], alert["end_s"], alert["raised_s"], alert["cleared_s"]) == (
        0.2,
        3.0,
        6.0,
        4.0,
        6.0,
    )
    assert alert["raised_at"].endswith("Z")


async def test_alerts_are_filtered_and_paged() -> None:
    async with with_alerts("c-1", "c-2", "c-3") as served:
        assert await alerts(served) == ["c-3:9", "c-2:9", "c-1:9"]
        assert await alerts(served, call_id="c-2") == ["c-2:9"]
        assert await alerts(served, state="open") == await alerts(served, rule="risk") == []
        assert await alerts(served, to="2020-01-01") == []
        page = await served.ask("/v1/alerts", limit=2)
        assert await alerts(served, limit=2, cursor=page["next"]) == ["c-1:9"]


async def test_an_alert_is_acknowledged_snoozed_and_resolved() -> None:
    async with with_alerts("c-1", "c-2") as served:
        shown = (await served.post("/v1/alerts/c-1:9/acknowledge", by="ada", text="on it")).json()
        assert (shown["attention"], shown["acknowledged_by"]) == ("acknowledged", "ada")
        shown = (await served.post("/v1/alerts/c-1:9/snooze", by="ben", for_s=600)).json()
        assert (shown["attention"], shown["snoozed_by"]) == ("snoozed", "ben")
        assert await alerts(served, attention="snoozed") == ["c-1:9"]
        shown = (await served.post("/v1/alerts/c-1:9/resolve", by="ada")).json()
        assert (shown["attention"], shown["resolved_by"]) == ("resolved", "ada")
        refused = await served.post("/v1/alerts/c-1:9/acknowledge", by="ada")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "alert.resolved")
        assert (await served.post("/v1/alerts/c-1:9/comment", by="ada", text="was a dog")).status_code == 200
        notes = (await served.ask("/v1/calls/c-1/notes"))["notes"]
        assert [(note["text"], note["alert_id"]) for note in notes] == [("on it", "c-1:9"), ("was a dog", "c-1:9")]
        first = await served.ask("/v1/audit", limit=3)
        rest = await served.ask("/v1/audit", cursor=first["next"])
        actions = [entry["action"] for entry in first["entries"] + rest["entries"]]
        assert actions == ["alert.commented", "alert.resolved", "alert.snoozed", "alert.acknowledged"]


async def test_an_alert_can_be_acknowledged_the_moment_it_is_raised() -> None:
    async with serving(kept=True) as served:
        assert served.engine.history is not None
        call = Telling()
        for event in (call.start(), call.alert(3, "c-1:9")):
            served.engine.history.tell(event, {})
        assert (await served.post("/v1/alerts/c-1:9/acknowledge", by="ada")).status_code == 200
        served.engine.history.tell(call.cleared(6, "c-1:9"), {})
        await served.engine.history.settle()
        (alert,) = (await served.ask("/v1/alerts"))["alerts"]
        assert (alert["state"], alert["attention"]) == ("cleared", "acknowledged")


@pytest.mark.parametrize(
    ("path", "fields", "status", "code"),
    [
        ("none/acknowledge", {"by": "ada"}, 404, "alert.not_found"),
        ("c-1:9/forget", {"by": "ada"}, 422, "request.invalid"),
        ("c-1:9/acknowledge", {"text": "on it"}, 422, "request.invalid"),
        ("c-1:9/snooze", {"by": "ada"}, 422, "request.invalid"),
        ("c-1:9/comment", {"by": "ada"}, 422, "request.invalid"),
    ],
)
async def test_what_cannot_be_done_is_said(path: str, fields: dict[str, Any], status: int, code: str) -> None:
    async with with_alerts("c-1") as served:
        refused = await served.post(f"/v1/alerts/{path}", **fields)
        assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)


async def test_trends_by_day_hour_role_and_agent() -> None:
    async with with_alerts("c-1", "c-2") as served:
        days = await served.ask("/v1/trends")
        assert (sum(day["calls"] for day in days["trends"]), days["tags"]) == (2, ["agent"])
        for by in ("hour", "week", "role", "agent", "tag:agent"):
            since = f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}"
            trends = (await served.ask("/v1/trends", by=by, **{"from": since}))["trends"]
            assert sum(trend["calls"] for trend in trends) == 2, by
        zone = await served.ask("/v1/trends", zone="Asia/Shanghai", role="mixed")
        assert sum(day["calls"] for day in zone["trends"]) == 2
        assert (await served.ask("/v1/trends", to="2020-01-01"))["trends"] == []
        assert sum(day["calls"] for day in (await served.ask("/v1/trends", tag="agent:7"))["trends"]) == 2


@pytest.mark.parametrize(
    "query",
    [
        "by=weather",
        "by=tag:",
        "by=hour&from=2026-01-01&to=2026-03-01",
        "from=2020-01-01",
        "from=2026-01-02&to=2026-01-01",
        "zone=Nowhere/At_all",
        "by=hour&tag=a:b",
    ],
)
async def test_trends_that_make_no_sense_are_refused(query: str) -> None:
    async with serving(kept=True) as served:
        refused = await served.get(f"/v1/trends?{query}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "request.invalid")


async def test_a_database_that_is_gone_is_said_and_calls_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async with with_alerts("c-1") as served:
        history = served.engine.history
        assert history is not None
        monkeypatch.setattr(history, "_database", Gone())
        refused = await served.get("/v1/alerts")
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "history.unavailable")
        assert (await served.get("/readyz")).status_code == 200
        monkeypatch.undo()
        await asyncio.sleep(0)


class Gone:
    def reading(self) -> Any:
        from sqlalchemy.exc import OperationalError

        raise OperationalError("SELECT", {}, Exception(f"gone since {told(0)}"))
