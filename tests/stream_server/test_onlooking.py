"""`/v1/events`, `/v1/calls` and the operators' addresses."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from types import SimpleNamespace

import httpx
import pytest

from monitor.analysis import Window
from monitor.events import EVENTS, Error, SpeakerChanged, Warning, decode, event_type
from stream_server.live import fanout, onlookers
from stream_server.live.fanout import Published
from stream_server.live.outbox import Message
from tests.scripted import conversation, of, voice
from tests.stream_server.serving import Deaf, Served, heard, pcm, scripted_models, send_all, serving, until


async def play(served: Served, call_id: str, **query: object) -> list:
    async with served.stream(call_id=call_id, **query) as call:
        sending = asyncio.create_task(send_all(call, conversation()[: 16_000 * 10]))
        events = await heard(call)
        await sending
        return events


async def gathered(onlooker, last: str = "call.ended") -> list[dict]:
    events: list[dict] = []
    async for message in onlooker:
        batch = json.loads(message)
        assert isinstance(batch, list)
        events += batch
        if events[-1]["type"] == last:
            return events
    raise AssertionError("closed too early")


async def test_an_onlooker_gets_the_events_of_the_call_in_arrays() -> None:
    async with serving() as served, served.events() as onlooker:
        own = await play(served, "c1")
        seen = await gathered(onlooker)
    assert [event["seq"] for event in seen] == [event.seq for event in own]
    assert seen[0]["type"] == "call.started"


async def test_an_onlooker_gets_what_it_asked_for_only() -> None:
    async with serving() as served, served.events(types="call.ended,emotion", call_id="c2") as onlooker:
        await play(served, "c1")
        await play(served, "c2")
        seen = await gathered(onlooker)
    assert {event["type"] for event in seen} == {"call.ended", "emotion"}
    assert {event["call_id"] for event in seen} == {"c2"}


async def test_an_onlooker_that_returns_gets_what_it_missed() -> None:
    async with serving() as served:
        own = await play(served, "c1")
        async with served.events(after=own[4].id) as onlooker:
            seen = await gathered(onlooker)
    assert [event["seq"] for event in seen] == [event.seq for event in own[5:]]


async def test_an_id_nobody_remembers_gives_all_that_is_remembered() -> None:
    async with serving() as served:
        own = await play(served, "c1")
        async with served.events(after="gone:7") as onlooker:
            assert len(await gathered(onlooker)) == len(own)


async def test_an_unknown_type_is_refused() -> None:
    async with serving() as served, served.events(types="emotoin") as onlooker:
        await onlooker.wait_closed()
        assert onlooker.close_code == 4400
        assert "emotoin" in onlooker.close_reason
        answer = await served.get("/v1/events?types=emotoin")
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "request.invalid"


async def test_server_sent_events_carry_ids_and_resume() -> None:
    async with serving() as served:
        own = await play(served, "c1")
        lines: list[str] = []
        async with httpx.AsyncClient(base_url=served.http, timeout=5) as client:
            request = client.stream("GET", "/v1/events", headers={"Last-Event-ID": own[1].id})
            async with request as response:
                assert response.headers["content-type"].startswith("text/event-stream")
                async for line in response.aiter_lines():
                    lines.append(line)
                    if line == "event: call.ended":
                        break
    assert f"id: {own[2].id}" in lines
    assert f"id: {own[1].id}" not in lines
    data = next(line for line in lines if line.startswith("data: "))
    assert event_type(decode(data.removeprefix("data: "))) == event_type(own[2])


async def test_a_live_call_is_shown_with_its_summary_so_far() -> None:
    async with serving() as served, served.stream(call_id="live") as call:
        await call.send(pcm(voice(110, 4.0)))
        await until(lambda: bool(served.engine.book.find("live").emotions))
        await asyncio.sleep(0.2)
        listed = (await served.get("/v1/calls")).json()["calls"]
        record = await served.call("live")
    assert [(one["call_id"], one["state"], one["speaker"]) for one in listed] == [("live", "live", "S1")]
    assert record["summary"]["turns"][0]["speaker"] == "S1"
    assert record["timeline"][-1]["t"] == 4.0
    assert record["changes"][0]["from"] is None
    assert set(record["timeline"][-1]["scores"]) == set(record["emotions"]["0"]["scores"])


async def test_a_list_brings_the_recent_past_of_live_calls_on_request() -> None:
    async with serving() as served, served.stream(call_id="live") as call:
        await play(served, "over")
        await call.send(pcm(voice(110, 8.0)))
        await until(lambda: len(served.engine.book.find("live").details().timeline) == 16)
        (live, over) = (await served.get("/v1/calls?recent_s=5")).json()["calls"]
        refused = await served.get("/v1/calls?recent_s=601")
    assert [(row[0], row[1], row[-1]) for row in live["recent"]] == [
        (4.0, 0, "high"),
        (6.0, 0, "high"),
        (8.0, 0, "high"),
    ]
    assert over["recent"] is None
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "request.invalid")


async def test_ended_calls_are_forgotten_in_the_end() -> None:
    async with serving(ended_calls=2) as served:
        for name in ("one", "two", "three"):
            await play(served, name)
        listed = (await served.get("/v1/calls")).json()["calls"]
        gone = await served.get("/v1/calls/one")
    assert [one["call_id"] for one in listed] == ["three", "two"]
    assert gone.status_code == 404
    assert gone.json()["error"]["code"] == "call.not_found"


async def test_operators_see_health_readiness_metrics_and_the_reference() -> None:
    async with serving() as served:
        await play(served, "c1")
        assert (await served.get("/healthz")).json()["status"] == "ok"
        assert (await served.get("/readyz")).status_code == 200
        metrics = (await served.get("/metrics")).text
        assert 'undertone_calls_total{reason="finished",transport="websocket"} 1.0' in metrics
        assert 'undertone_streams_active{transport="websocket"} 0.0' in metrics
        assert "undertone_event_lag_seconds_count" in metrics
        docs = (await served.get("/docs")).text
        assert "http" not in docs.split("SwaggerUIBundle")[0].replace(served.http, "")
        assert (await served.get("/docs/assets/swagger-ui-bundle.js")).status_code == 200
        assert "/v1/calls/{call_id}" in (await served.get("/openapi.json")).json()["paths"]
        served.engine.draining = True
        assert (await served.get("/readyz")).status_code == 503


async def test_an_unready_server_says_so() -> None:
    async with serving() as served:
        served.engine.ready = False
        answer = await served.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "warming up")


async def test_a_server_whose_models_are_being_restarted_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as served:
        monkeypatch.setattr(served.engine, "_bases", [SimpleNamespace(down=False), SimpleNamespace(down=True)])
        answer = await served.get("/readyz")
        monkeypatch.undo()
    assert (answer.status_code, answer.json()["status"]) == (503, "models restarting")
    assert int(answer.headers["Retry-After"]) > 0


async def test_the_pages_load_nothing_from_outside() -> None:
    async with serving() as served:
        for path in ("/", "/dashboard"):
            page = await served.get(path)
            assert page.status_code == 200
            assert "default-src 'self'" in page.headers["content-security-policy"]
        missing = await served.get("/nowhere")
    assert missing.json()["error"]["code"] == "request.not_found"


async def test_the_reference_describes_calls_and_every_event() -> None:
    async with serving() as served:
        document = (await served.get("/openapi.json")).json()
        await play(served, "c1")
        record = await served.call("c1")
    schemas = document["components"]["schemas"]
    assert {event.__name__ for event in EVENTS} <= set(schemas)
    assert set(schemas["CallDetails"]["properties"]) == set(record)
    answer = document["paths"]["/v1/calls/{call_id}"]["get"]["responses"]["200"]["content"]["application/json"]
    assert answer["schema"]["$ref"] == "#/components/schemas/CallDetails"


def publish(served: Served, count: int, size: int = 1) -> None:
    """So many events of `size` characters that no onlooker may lose, all at once."""
    for seq in range(count):
        event = Warning(call_id="made-up", seq=seq, t=0.0, code="audio.gap", reason="x" * size)
        served.engine.fanout.publish(Published(Message.of(event), ("mixed",), {}))


def onlookers_of(served: Served) -> int:
    return served.engine.fanout.onlookers


def flush(served: Served) -> None:
    for audience in served.engine.fanout._audiences.values():
        audience.flush()


@pytest.mark.parametrize("websocket", [True, False], ids=["WebSocket", "server-sent"])
async def test_an_onlooker_that_never_reads_is_cut(monkeypatch: pytest.MonkeyPatch, websocket: bool) -> None:
    monkeypatch.setattr(onlookers, "SEND_TIMEOUT_S", 0.2, raising=False)
    monkeypatch.setattr(onlookers, "CLOSE_TIMEOUT_S", 0.1, raising=False)
    async with serving(narrow=True) as served, Deaf(served, "/v1/events", websocket) as deaf:
        await until(lambda: onlookers_of(served) == 1)
        async with asyncio.timeout(5):
            while onlookers_of(served):
                publish(served, 10, 10_000)
                await asyncio.sleep(0.05)
        assert b"made-up" in await asyncio.wait_for(deaf.rest(), 5)
        await asyncio.wait_for(served.engine.drain(), 1)


async def test_an_onlooker_that_never_reads_is_cut_once_too_much_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "ONLOOKER_CAPACITY", 20)
    monkeypatch.setattr(onlookers, "CLOSE_TIMEOUT_S", 0.1, raising=False)
    async with serving(narrow=True) as served, Deaf(served, "/v1/events"):
        await until(lambda: onlookers_of(served) == 1)
        publish(served, 10, 30_000)
        await asyncio.sleep(0.4)  # gathered, and the sending of them begun
        publish(served, 21, 1)
        await until(lambda: onlookers_of(served) == 0, 3)


async def test_an_overrun_onlooker_is_told_that_it_reads_too_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "ONLOOKER_CAPACITY", 20)
    async with serving() as served, served.events() as onlooker, served.events(types="call.started") as other:
        await until(lambda: onlookers_of(served) == 2)
        publish(served, 400, 30_000)
        flush(served)  # more than the network takes at once
        publish(served, 21)
        flush(served)
        assert len(json.loads(await onlooker.recv())) == 400
        await asyncio.wait_for(onlooker.wait_closed(), 3)
        assert onlooker.close_code == 1008
        await play(served, "c1")
        assert [event["call_id"] for event in await gathered(other, "call.started")] == ["c1"]


async def test_an_onlooker_that_returns_gets_more_than_a_slow_one_may_leave_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanout, "ONLOOKER_CAPACITY", 5)
    async with serving() as served:
        own = await play(served, "c1")
        async with served.events(after=own[0].id) as onlooker:
            seen = await gathered(onlooker)
    assert len(own) > 20
    assert [event["seq"] for event in seen] == [event.seq for event in own[1:]]


async def test_an_onlooker_that_returns_to_a_server_that_stops_still_gets_what_it_missed() -> None:
    async with serving() as served:
        own = await play(served, "c1")
        served.engine.fanout.close()
        async with served.events(after=own[0].id) as onlooker:
            seen = await gathered(onlooker)
            await asyncio.wait_for(onlooker.wait_closed(), 3)
            assert onlooker.close_code == 1012
    assert [event["seq"] for event in seen] == [event.seq for event in own[1:]]


async def test_an_unknown_parameter_is_refused_and_counted() -> None:
    async with serving() as served, served.events(typs="emotion") as onlooker:
        await asyncio.wait_for(onlooker.wait_closed(), 3)
        assert onlooker.close_code == 4400
        assert "typs" in onlooker.close_reason
        answer = await served.get("/v1/events?typs=emotion")
        metrics = (await served.get("/metrics")).text
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "request.invalid"
    assert "typs" in answer.json()["error"]["reason"]
    assert 'undertone_faults_total{code="request.invalid"} 2.0' in metrics


async def test_a_method_an_address_does_not_take_is_named_as_that() -> None:
    async with serving() as served:
        async with httpx.AsyncClient(base_url=served.http) as client:
            answer = await client.post("/v1/calls")
        missing = await served.get("/v1/calls/nobody")
        metrics = (await served.get("/metrics")).text
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "request.method_not_allowed")
    assert answer.headers["allow"] == "GET"
    assert missing.status_code == 404
    assert 'undertone_faults_total{code="request.method_not_allowed"} 1.0' in metrics
    assert 'undertone_faults_total{code="call.not_found"} 1.0' in metrics


async def test_while_the_models_warm_up_the_server_answers_and_takes_no_calls() -> None:
    warm = threading.Event()

    def wait(batch: Sequence[Window]) -> None:
        assert warm.wait(10)

    async with serving(scripted_models(before=wait), warm=False) as served:
        try:
            assert (await served.get("/healthz")).status_code == 200
            unready = await served.get("/readyz")
            assert (unready.status_code, unready.json()["status"]) == (503, "warming up")
            async with served.stream() as early:
                assert [event.code for event in of(await heard(early), Error)] == ["server.warming_up"]
                assert early.close_code == 1013
        finally:
            warm.set()
        await until(lambda: served.engine.ready)
        assert (await served.get("/readyz")).status_code == 200
        assert of(await play(served, "c1"), SpeakerChanged)


async def test_a_server_whose_models_do_not_run_stops() -> None:
    def fail(batch: Sequence[Window]) -> None:
        raise RuntimeError("no such kernel")

    async with serving(scripted_models(before=fail), warm=False) as served:
        await asyncio.wait_for(asyncio.shield(served.running), 5)
        assert served.engine.broken
        assert not served.engine.ready
