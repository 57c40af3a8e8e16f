"""A WHIP client that nobody here wrote (npm's whip-whep) publishes Chromium's microphone, from our pages and others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Error, Page, Route

from tests.browser.packages import needs_of_npm
from tests.browser.serving import ROOT, ServerProcess

CLIENT = ROOT / "node_modules" / "whip-whep"
TOKEN = "s3cret"
PUBLISH = """async ({ client, address, video, token }) => {
  const { WHIPClient } = await import(client);
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video });
  const connection = new RTCPeerConnection();
  window.events = [];
  const channel = connection.createDataChannel("events");
  channel.onmessage = (message) => window.events.push(JSON.parse(message.data));
  const tracks = video ? media.getTracks().reverse() : media.getTracks();
  for (const track of tracks) connection.addTransceiver(track, { direction: "sendonly", streams: [media] });
  window.whip = new WHIPClient();
  await window.whip.publish(connection, address, token);
}"""
HEARD = "(type) => window.events.some((event) => event.type === type)"


@pytest.fixture
def page(visit: Callable[..., Page]) -> Page:
    """A page of the server, to which the client's files are served as if they were the server's."""
    needs_of_npm(CLIENT / "whip.js")
    page = visit("/")

    def deliver(route: Route) -> None:
        name = Path(route.request.url.partition("/npm/")[2])
        route.fulfill(path=ROOT / "node_modules" / name, content_type="text/javascript")

    page.route("**/npm/**", deliver)
    return page


@pytest.fixture(scope="module")
def foreign_pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a web server that is not ours; it has a page, which is empty, and the client."""
    needs_of_npm(CLIENT / "whip.js")
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "index.html").write_text("<!doctype html><title>Elsewhere</title>", encoding="utf-8")
    (folder / "whip.js").write_bytes((CLIENT / "whip.js").read_bytes())
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder))) as pages:
        serving = threading.Thread(target=pages.serve_forever)
        serving.start()
        yield pages.server_port
        pages.shutdown()
        serving.join()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, foreign_pages: int) -> Iterator[ServerProcess]:
    """A server with a token, for pages of 127.0.0.1 at that port, and not of localhost."""
    log = tmp_path_factory.mktemp("guarded") / "log"
    origin = f"http://127.0.0.1:{foreign_pages}"
    process = ServerProcess(log, "--server.allowed-origins", origin, "--webrtc.token", TOKEN)
    process.start()
    yield process
    process.stop()


def publish(page: Page, server: ServerProcess, call_id: str, client: str, video: bool = False, token: str = "") -> None:
    address = f"{server.url}/v1/whip?call_id={call_id}"
    page.evaluate(PUBLISH, {"client": client, "address": address, "video": video, "token": token})


def heard_and_ended(page: Page, server: ServerProcess, call_id: str) -> dict[str, Any]:
    """The call as REST has it, which is stopped once the page has heard all kinds of events."""
    for kind in ("call.started", "speech.started", "emotion", "speaker.changed"):
        page.wait_for_function(HEARD, arg=kind, timeout=30_000)
    page.evaluate("window.whip.stop()")
    return ended(server, call_id)


def ended(server: ServerProcess, call_id: str) -> dict[str, Any]:
    """The call as REST has it, once it has ended."""
    until_s = time.monotonic() + 10
    while time.monotonic() < until_s:
        call = httpx.get(f"{server.url}/v1/calls/{call_id}").json()
        if call["state"] == "ended":
            return dict(call)
        time.sleep(0.1)
    raise AssertionError(f"{call_id} is live still")


@pytest.mark.parametrize("video", [False, True])
def test_its_call_has_emotion_and_speakers_and_ends_in_order(page: Page, server: ServerProcess, video: bool) -> None:
    """Also if it would send video, and offers that first. It closes its connection before it sends DELETE."""
    call_id = f"whip-whep-{video}"
    publish(page, server, call_id, "/npm/whip-whep/whip.js", video)
    call = heard_and_ended(page, server, call_id)
    assert (call["transport"], call["reason"]) == ("webrtc", "finished")
    assert call["summary"]["speech_s"] > 0
    assert "audio.gap" not in {warning["code"] for warning in call["warnings"]}


def test_a_page_of_an_origin_that_is_let_in_publishes_with_the_token(
    visit: Callable[..., Page], guarded: ServerProcess, foreign_pages: int
) -> None:
    """It needs all of WHIP across origins: its call's address (`Location`) and PATCH with `ETag`, then DELETE."""
    page = visit(f"http://127.0.0.1:{foreign_pages}/")
    patched: list[int | None] = []
    page.on("response", lambda answer: patched.append(answer.status) if answer.request.method == "PATCH" else None)
    publish(page, guarded, "elsewhere", "/whip.js", token=TOKEN)
    call = heard_and_ended(page, guarded, "elsewhere")
    assert (call["transport"], call["reason"]) == ("webrtc", "finished")
    assert patched
    assert set(patched) == {204}


def test_it_is_told_that_its_token_is_wrong(
    visit: Callable[..., Page], guarded: ServerProcess, foreign_pages: int
) -> None:
    page = visit(f"http://127.0.0.1:{foreign_pages}/")
    with pytest.raises(Error, match="status 401"):
        publish(page, guarded, "guessed", "/whip.js", token="guess")


def test_a_page_of_another_origin_is_stopped(browser: Browser, guarded: ServerProcess, foreign_pages: int) -> None:
    with browser.new_context(permissions=["microphone"]) as context:  # whose console may say so
        page = context.new_page()
        page.goto(f"http://localhost:{foreign_pages}/")
        with pytest.raises(Error, match="Failed to fetch"):
            publish(page, guarded, "stranger", "/whip.js", token=TOKEN)
    assert httpx.get(f"{guarded.url}/v1/calls/stranger").status_code == 404
