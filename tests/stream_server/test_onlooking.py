"""`/v1/events`, `/v1/calls` and the operators' addresses."""

from __future__ import annotations

import asyncio
import json

import httpx

from monitor.events import EVENTS, decode, event_type
from tests.scripted import conversation, voice
from tests.stream_server.serving import Served, heard, pcm, send_all, serving, until


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


async def test_the_page_loads_nothing_from_outside() -> None:
    async with serving() as served:
        page = await served.get("/")
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
