"""Calls over REST: from memory while they are there, from the history afterwards."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from sqlalchemy.exc import OperationalError

from monitor.analysis import Window
from tests.scripted import conversation, voice
from tests.stream_server.serving import Served, heard, loud, pcm, scripted_models, send_all, serving, until

CONVERSATION = conversation()


async def make_call(served: Served, call_id: str, tags: dict[str, str] | None = None, **query: object) -> None:
    """A call that is over: 24.5 s of two voices."""
    async with served.stream(call_id=call_id, **query) as call:
        if tags:
            await call.send(json.dumps({"type": "configure", "tags": tags}))
        await send_all(call, CONVERSATION)
        await heard(call)


def forgotten(served: Served) -> None:
    """What memory had of ended calls is gone, as after a restart."""
    for call in served.engine.book.all():
        served.engine.book.forget(call.started.call_id)


async def ids(served: Served, **query: object) -> list[str]:
    assert served.engine.history is not None
    await served.engine.history.settle()
    return [call["call_id"] for call in (await served.ask("/v1/calls", **query))["calls"]]


async def test_a_call_that_memory_has_forgotten_is_shown_as_it_was() -> None:
    async with serving(kept=True) as served:
        await make_call(served, "c-1", {"team": "north"})
        remembered = await served.call("c-1")
        await ids(served)
        forgotten(served)
        again = await served.call("c-1")
    assert set(again) == set(remembered) - {"recent"} | {"recent"}
    for key in (
        "state",
        "transport",
        "channels",
        "models",
        "tags",
        "started_at",
        "ended_at",
        "reason",
        "duration_s",
        "last_seq",
    ):
        assert again[key] == remembered[key], key
    assert (again["summary"], again["changes"]) == (remembered["summary"], remembered["changes"])
    newest = {point["t"]: point for point in remembered["timeline"]}
    assert len(again["timeline"]) > 15
    for point in again["timeline"]:
        before = newest[point["t"]]
        assert (point["label"], point["reliability"]) == (before["label"], before["reliability"])
        assert point["scores"] == pytest.approx(before["scores"], abs=1e-3)
    speakers = {speaker["speaker"] for speaker in again["summary"]["speakers"]}
    assert {point["speaker"] for point in again["timeline"]} - {None} == speakers  # by the names they had in the end


async def test_without_parameters_the_list_is_what_memory_has() -> None:
    async with serving(kept=True) as served:
        await make_call(served, "c-1")
        assert await ids(served) == ["c-1"]
        forgotten(served)
        assert await ids(served) == []
        assert await ids(served, state="ended") == ["c-1"]


async def test_calls_are_filtered_and_paged() -> None:
    async with serving(kept=True) as served:
        for number in range(5):
            await make_call(served, f"c-{number}", {"team": "north" if number % 2 else "south"})
        assert await ids(served, tag="team:north") == ["c-3", "c-1"]
        assert await ids(served, role="agent") == []
        assert await ids(served, to="2020-01-01") == await ids(served, state="live") == []
        first = await served.ask("/v1/calls", limit=3)
        assert [call["call_id"] for call in first["calls"]] == ["c-4", "c-3", "c-2"]
        rest = await served.ask("/v1/calls", limit=3, cursor=first["next"])
        assert [call["call_id"] for call in rest["calls"]] == ["c-1", "c-0"]
        assert rest["next"] is None


async def test_a_live_call_is_found_and_shown_as_it_is_now() -> None:
    async with serving(kept=True) as served, served.stream(call_id="c-1") as call:
        await call.send(pcm(voice(110, 3.0)))
        await until(
            lambda: any(seen.t > 2 for record in served.engine.book.live() for seen in record.emotions.values())
        )
        assert await ids(served, state="live") == ["c-1"]
        (shown,) = (await served.ask("/v1/calls", state="live"))["calls"]
        assert shown["emotions"]
        timeline = (await served.ask("/v1/calls/c-1/timeline"))["timeline"]
        assert timeline[-1]["t"] > 2
        turns = (await served.ask("/v1/calls/c-1/turns"))["turns"]
        assert turns[-1]["end_s"] is None
        assert (await served.ask("/v1/calls/c-1/summary"))["state"] == "live"


async def test_timeline_turns_and_summary_of_a_past_call() -> None:
    async with serving(kept=True) as served:
        await make_call(served, "c-1")
        summary = (await served.ask("/v1/calls/c-1/summary"))["summary"]
        await ids(served)
        forgotten(served)
        assert (await served.ask("/v1/calls/c-1/summary"))["summary"] == summary
        turns = (await served.ask("/v1/calls/c-1/turns"))["turns"]
        assert [[turn[key] for key in ("speaker", "channel", "start_s", "end_s")] for turn in turns] == [
            [turn[key] for key in ("speaker", "channel", "start_s", "end_s")] for turn in summary["turns"]
        ]
        assert all(turn["scores"] for turn in turns)
        late = (await served.ask("/v1/calls/c-1/timeline", from_s=20))["timeline"]
        assert late
        assert all(point["t"] >= 20 for point in late)


async def test_a_deleted_call_is_gone_from_everywhere() -> None:
    async with serving(kept=True) as served:
        await make_call(served, "c-1")
        await make_call(served, "c-2")
        assert (await served.delete("/v1/calls/c-1?by=ada")).status_code == 204
        for path in ("", "/timeline", "/turns", "/summary", "/notes"):
            assert (await served.get(f"/v1/calls/c-1{path}")).status_code == 404
        assert await ids(served) == await ids(served, state="ended") == ["c-2"]
        async with served.events(after="unknown:1") as events:
            seen = {event["call_id"] for event in json.loads(await events.recv())}
        assert seen == {"c-2"}
        (entry,) = (await served.ask("/v1/audit"))["entries"]
        assert (entry["by"], entry["action"], entry["call_id"]) == ("ada", "call.deleted", None)
        assert (await served.delete("/v1/calls/c-1")).json()["error"]["code"] == "call.not_found"


async def test_a_live_call_is_not_deleted() -> None:
    async with serving(kept=True) as served, served.stream(call_id="c-1"):
        await until(lambda: served.engine.book.is_live("c-1"))
        refused = await served.delete("/v1/calls/c-1")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "call.live")


async def test_notes_are_written_and_read() -> None:
    async with serving(kept=True) as served:
        await make_call(served, "c-1")
        written = await served.post("/v1/calls/c-1/notes", by="ada", text="calls back on Monday")
        assert written.status_code == 200
        (note,) = (await served.ask("/v1/calls/c-1/notes"))["notes"]
        assert (note["by"], note["text"], note["alert_id"]) == ("ada", "calls back on Monday", None)
        assert (await served.post("/v1/calls/none/notes", by="ada", text="hm")).status_code == 404
        assert (await served.post("/v1/calls/c-1/notes", by="", text="hm")).status_code == 422


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"from": "yesterday"}, "from: 'yesterday' is neither a day nor a time"),
        ({"tag": "north"}, "tag 'north' is not key:value"),
        ({"cursor": "x"}, "cursor 'x' is not the `next` of a page"),
        ({"limit": 0}, "limit"),
        ({"format": "xml"}, "format"),
    ],
)
async def test_what_is_asked_wrongly_is_said(query: dict[str, Any], problem: str) -> None:
    async with serving(kept=True) as served:
        path = "/v1/calls?" + "&".join(f"{key}={value}" for key, value in query.items())
        refused = await served.get(path)
        assert refused.status_code == 422
        assert problem in refused.json()["error"]["reason"]


async def test_a_server_without_history_says_so_and_shows_what_memory_has() -> None:
    async with serving() as served:
        await make_call(served, "c-1")
        assert (await served.call("c-1"))["state"] == "ended"
        assert (await served.get("/v1/calls/none")).json()["error"]["code"] == "call.not_found"
        for path in ("/v1/calls?state=ended", "/v1/calls/c-1/timeline", "/v1/alerts", "/v1/audit", "/v1/trends"):
            refused = await served.get(path)
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "history.unavailable"), path


async def test_a_call_that_breaks_on_our_side_is_over_in_the_history_too() -> None:
    def fail(batch: Sequence[Window]) -> None:
        if loud(batch):
            raise RuntimeError("out of memory")

    async with serving(scripted_models(before=fail), kept=True) as served:
        await make_call(served, "c-1")
        await ids(served)
        forgotten(served)
        call = await served.call("c-1")
        assert call["state"] == "ended"
        assert {point["label"] for point in call["timeline"]} <= {None}
        assert "windows.failed" in {warning["code"] for warning in call["warnings"]}


async def test_a_stereo_call_has_parties_that_overlap_and_interrupt() -> None:
    async with serving(kept=True) as served:
        first = np.concatenate([voice(110, 6.0), np.zeros(16_000 * 4, np.float32)])
        second = np.concatenate([np.zeros(16_000 * 4, np.float32), voice(260, 6.0)])
        both = np.stack([first, second], axis=1).ravel()
        async with served.stream(call_id="c-1", channels=2, roles="customer,agent") as call:
            await send_all(call, both, 3200)
            await heard(call)
        await ids(served)
        forgotten(served)
        summary = (await served.ask("/v1/calls/c-1/summary"))["summary"]
        agent, customer = summary["speakers"]
        assert (agent["role"], agent["interruptions"], agent["course"]) == ("agent", 1, None)
        assert (customer["role"], customer["interruptions"]) == ("customer", 0)
        assert summary["overlap_s"] == pytest.approx(2.0, abs=0.6)
        assert await ids(served, role="agent") == ["c-1"]


async def test_a_disk_that_hangs_delays_no_event_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, let_go = threading.Event(), threading.Event()

    @contextmanager
    def hanging() -> Iterator[Any]:
        asked.set()
        let_go.wait(20)
        raise OperationalError("INSERT", {}, Exception("disk I/O error"))
        yield

    async with serving(kept=True) as served:
        assert served.engine.history is not None
        await served.engine.history.settle()
        with monkeypatch.context() as broken:
            broken.setattr(served.engine.history._database, "writing", hanging)
            await make_call(served, "c-1")
            assert await asyncio.to_thread(asked.wait, 10)
            await make_call(served, "c-2")
            assert (await served.call("c-2"))["reason"] == "finished"
            assert (await served.get("/readyz")).status_code == 200
            let_go.set()
            await until(lambda: served.engine.history is not None and served.engine.history.problem is not None)
            assert (await served.ask("/healthz"))["history"] == "disk I/O error"
        await until(lambda: served.engine.history is not None and served.engine.history.problem is None)
        assert await ids(served, state="ended") == ["c-2", "c-1"]
