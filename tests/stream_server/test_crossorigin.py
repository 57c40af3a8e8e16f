"""WHIP from pages of other origins: of those that are let in, and of no others, and nothing but WHIP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from stream_server.settings import ServerConfig, WebrtcConfig
from tests.stream_server.publishing import Played, Publisher
from tests.stream_server.serving import Served, serving

DESK = "https://desk.example"
EVIL = "https://evil.example"
SHARED = ("access-control-allow-origin", "access-control-expose-headers")


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """A server with a token, for pages of DESK."""
    webrtc = WebrtcConfig(addresses=("127.0.0.1",), token="s3cret")
    config = ServerConfig(allowed_origins=("https://Desk.example/",))
    async with serving(server_config=config, webrtc=webrtc) as server:
        yield server


async def preflight(served: Served, method: str, path: str = "/v1/whip", origin: str = DESK) -> httpx.Response:
    """What a browser asks before it sends a page's request."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,if-match",
    }
    async with httpx.AsyncClient(base_url=served.http) as client:
        return await client.options(path, headers=headers)


def listed(answer: httpx.Response, header: str) -> set[str]:
    return {name.strip().lower() for name in answer.headers[header].split(",")}


@pytest.mark.parametrize("path", ["/v1/whip", "/v1/whip/some-call"])
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "OPTIONS"])
async def test_a_page_that_is_let_in_may_ask_for_all_of_whip_without_having_shown_the_token(
    served: Served, method: str, path: str
) -> None:
    answer = await preflight(served, method, path)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == DESK
    assert method.lower() in listed(answer, "access-control-allow-methods")
    assert listed(answer, "access-control-allow-headers") >= {"authorization", "content-type", "if-match"}
    assert answer.headers["accept-post"] == "application/sdp"
    assert "link" not in answer.headers


async def test_it_may_read_where_its_call_is_and_why_it_has_none(served: Served) -> None:
    for token, status in (("guess", 401), ("s3cret", 201)):
        publisher = Publisher(served, Played([]), token=token)
        answer = await publisher.post(await publisher.offer(), Origin=DESK)
        await publisher.__aexit__()
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, DESK)
        assert listed(answer, "access-control-expose-headers") >= {"location", "link", "etag"}
        assert "Origin" in answer.headers["vary"]


async def test_a_page_of_any_other_origin_stays_refused(served: Served) -> None:
    publisher = Publisher(served, Played([]), token="s3cret")
    posted = await publisher.post(await publisher.offer(), Origin=EVIL)
    await publisher.__aexit__()
    for answer in (await preflight(served, "POST", origin=EVIL), posted):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "request.forbidden")
        assert not set(SHARED) & set(answer.headers)
    assert not (await served.get("/v1/calls")).json()["calls"]


async def test_nothing_but_whip_is_shared(served: Served) -> None:
    calls = await served.get("/v1/calls", Origin=DESK)
    assert calls.status_code == 200
    assert not set(SHARED) & set(calls.headers)
    for path in ("/v1/calls", "/v1/whipped"):
        assert "access-control-allow-origin" not in (await preflight(served, "GET", path)).headers
