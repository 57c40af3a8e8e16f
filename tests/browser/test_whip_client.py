"""A WHIP client that nobody here wrote (npm's whip-whep) publishes Chromium's microphone."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route

from tests.browser.packages import needs_of_npm
from tests.browser.serving import ROOT, ServerProcess

CLIENT = ROOT / "node_modules" / "whip-whep"
PUBLISH = """async ({ client, address, video }) => {
  const { WHIPClient } = await import(client);
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video });
  const connection = new RTCPeerConnection();
  window.events = [];
  const channel = connection.createDataChannel("events");
  channel.onmessage = (message) => window.events.push(JSON.parse(message.data));
  const tracks = video ? media.getTracks().reverse() : media.getTracks();
  for (const track of tracks) connection.addTransceiver(track, { direction: "sendonly", streams: [media] });
  window.whip = new WHIPClient();
  await window.whip.publish(connection, address);
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


def publish(page: Page, server: ServerProcess, call_id: str, video: bool = False) -> None:
    address = f"{server.url}/v1/whip?call_id={call_id}"
    page.evaluate(PUBLISH, {"client": "/npm/whip-whep/whip.js", "address": address, "video": video})


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
    publish(page, server, call_id, video)
    for kind in ("call.started", "speech.started", "emotion", "speaker.changed"):
        page.wait_for_function(HEARD, arg=kind, timeout=30_000)
    page.evaluate("window.whip.stop()")
    call = ended(server, call_id)
    assert (call["transport"], call["reason"]) == ("webrtc", "finished")
    assert call["summary"]["speech_s"] > 0
    assert "audio.gap" not in {warning["code"] for warning in call["warnings"]}
