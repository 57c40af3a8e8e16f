"""The microphone page: from one button to emotion and speakers, whichever way the audio takes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, WebSocketRoute, expect

from tests.browser.chromium import FOREIGN_HOST
from tests.browser.conftest import Visit
from tests.browser.looks import PHONE, Violations, screenshot
from tests.browser.serving import ServerProcess

FEELING = re.compile("Angry|Disgusted|Fearful|Happy|Neutral|Sad|Surprised|Perhaps|Hard to tell")
ALERT = {
    "alert_id": "c:1",
    "rule": "anger",
    "severity": "warning",
    "value": 0.8,
    "start_s": 1.0,
    "end_s": 4.0,
    "speaker": "S1",
    "measure": "score",
    "threshold": 0.6,
}
CLEARED_S = 8.0
FEELING_ZH = re.compile("愤怒|厌恶|恐惧|开心|平静|悲伤|惊讶|可能|难以判断")


def without_webrtc(page: Page) -> Page:
    """The page, on a server that offers no WebRTC."""

    def missing(route: Route) -> None:
        route.fulfill(status=404, json={"error": {"code": "request.not_found", "reason": "there is nothing here"}})

    page.route("**/v1/whip*", missing)
    return page


def listen(page: Page) -> None:
    """Press the button and wait until the first feeling is shown."""
    page.get_by_role("button", name="Start listening").click()
    expect(page.locator(".now .word")).to_have_text(FEELING)


def stop(page: Page) -> None:
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("heading", name="That was your call")).to_be_visible()


def test_over_webrtc_the_page_shows_emotion_and_two_speakers(visit: Visit) -> None:
    page = visit("/")
    listen(page)
    expect(page.locator("#path")).to_have_text("WebRTC")
    expect(page.locator(".voices li")).to_have_count(2)
    stop(page)
    expect(page.locator(".figures")).to_contain_text("Changes of speaker")


def test_without_webrtc_a_websocket_takes_its_place_and_the_page_says_why(visit: Visit, violations: Violations) -> None:
    page = without_webrtc(visit("/"))
    assert violations(page) == []
    screenshot(page, "mic-welcome")
    listen(page)
    expect(page.locator("#path")).to_have_text("WebSocket (this server does not offer WebRTC)")
    expect(page.locator(".now .says")).to_contain_text("sounds")
    expect(page.locator(".facts")).to_contain_text(re.compile(r"\d ms"))
    expect(page.locator(".voices li")).to_have_count(2)
    expect(page.get_by_role("img", name=re.compile("The last 30 seconds: Mostly"))).to_be_visible()
    expect(page.get_by_role("meter")).to_have_attribute("aria-valuetext", re.compile("good|silent"))
    assert violations(page) == []
    screenshot(page, "mic-live", full=True)
    stop(page)
    expect(page.locator(".summary")).to_contain_text("Length")
    assert violations(page) == []
    screenshot(page, "mic-over", full=True)


@pytest.mark.parametrize(
    ("status", "why"), [(500, "the server refused WebRTC"), (401, "this server takes WebRTC only with a token")]
)
def test_when_the_server_refuses_webrtc_the_websocket_is_tried(visit: Visit, status: int, why: str) -> None:
    page = visit("/")
    refusal = {"error": {"code": "x", "reason": "broken"}}
    page.route("**/v1/whip*", lambda route: route.fulfill(status=status, json=refusal))
    listen(page)
    expect(page.locator("#path")).to_have_text(f"WebSocket ({why})")


def test_a_voice_is_named_by_keyboard_and_called_so_from_then_on(visit: Visit) -> None:
    page = without_webrtc(visit("/"))
    listen(page)
    page.get_by_role("button", name="Name Speaker 1").press("Enter")
    page.get_by_role("textbox", name="Name Speaker 1").fill("Ada")
    page.keyboard.press("Enter")
    expect(page.locator(".voices")).to_contain_text("Ada (speaker 1)")
    expect(page.locator(".now .says")).to_contain_text("Ada sounds")
    stop(page)
    expect(page.locator(".summary")).to_contain_text("Ada (speaker 1)")


def test_the_language_changes_during_a_call_and_the_call_goes_on(visit: Visit, violations: Violations) -> None:
    page = without_webrtc(visit("/", dark=True))
    listen(page)
    page.get_by_role("button", name="中文").click()
    expect(page.locator(".now .word")).to_have_text(FEELING_ZH)
    expect(page.locator(".controls")).to_contain_text("停止")
    expect(page.get_by_text("How clear")).to_have_count(0)
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    assert violations(page) == []
    screenshot(page, "mic-live-dark-zh", full=True)
    page.reload()
    expect(page.get_by_role("button", name="开始聆听")).to_be_visible()


def test_the_language_is_the_address_s_or_the_browser_s(visit: Visit) -> None:
    expect(visit("/?lang=zh").get_by_role("button", name="开始聆听")).to_be_visible()
    expect(visit("/", locale="zh-CN").get_by_role("button", name="开始聆听")).to_be_visible()
    expect(visit("/", locale="fr-FR").get_by_role("button", name="Start listening")).to_be_visible()


def test_a_phone_shows_everything_in_its_width(visit: Visit, violations: Violations) -> None:
    page = without_webrtc(visit("/", size=PHONE, has_touch=True))
    screenshot(page, "mic-phone-welcome")
    assert violations(page) == []
    listen(page)
    expect(page.locator(".voices li")).not_to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert violations(page) == []
    screenshot(page, "mic-phone-live", full=True)
    stop(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    screenshot(page, "mic-phone-over", full=True)


def test_a_restarted_server_is_found_again_and_a_new_call_begins(visit: Visit, server: ServerProcess) -> None:
    page = without_webrtc(visit("/"))
    listen(page)
    server.stop()
    expect(page.locator("#lost")).to_contain_text("The connection to the server is lost")
    screenshot(page, "mic-lost")
    server.start()
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("#note")).to_contain_text("The call broke off: the server was stopped. A new one began")
    expect(page.locator("#lost")).to_be_hidden()
    expect(page.locator(".now .word")).to_have_text(FEELING)
    stop(page)


@pytest.mark.heavy
def test_when_webrtc_s_process_dies_the_page_goes_on_by_itself_and_keeps_what_it_heard(
    visit: Visit, server: ServerProcess
) -> None:
    page = visit("/")
    listen(page)
    expect(page.locator("#path")).to_have_text("WebRTC")
    expect(page.locator(".voices li")).not_to_have_count(0)
    server.kill_webrtc()
    expect(page.locator("#note")).to_have_text(
        re.compile(r"The call broke off: something broke on the server. A new one began \d+ s later")
    )
    expect(page.locator("#lost")).to_be_hidden()
    expect(page.locator("#path")).to_have_text("WebRTC")
    expect(page.locator(".now .word")).to_have_text(FEELING)
    expect(page.get_by_role("img", name=re.compile("The connection was lost for"))).to_be_visible()
    screenshot(page, "mic-resumed", full=True)
    stop(page)
    expect(page.locator(".summary")).to_contain_text("The call broke off before.")


@pytest.mark.heavy
def test_over_webrtc_a_server_that_died_is_found_again_and_a_new_call_begins(
    visit: Visit, server: ServerProcess
) -> None:
    page = visit("/")
    listen(page)
    server.kill()
    expect(page.locator("#lost")).to_contain_text("The connection to the server is lost")
    server.start()
    expect(page.locator("#note")).to_contain_text("The call broke off: connection lost. A new one began")
    expect(page.locator("#path")).to_have_text("WebRTC")
    expect(page.locator(".now .word")).to_have_text(FEELING)
    stop(page)


def test_an_alert_of_the_page_s_own_call_is_a_plain_sentence(visit: Visit, violations: Violations) -> None:
    page = without_webrtc(visit("/"))

    def joined(socket: WebSocketRoute) -> None:
        served = socket.connect_to_server()

        def passed(message: str | bytes) -> None:
            socket.send(message)
            event = json.loads(message)
            if event["type"] == "emotion" and event["label"]:
                socket.send(
                    json.dumps(event | ALERT | {"type": "alert.raised" if event["t"] < CLEARED_S else "alert.cleared"})
                )

        served.on_message(passed)

    page.route_web_socket(lambda url: "/v1/stream" in url, joined)
    listen(page)
    expect(page.locator("#alerts")).to_have_text("Alert “Anger”: that is how Speaker 1 sounded from 0:01 to 0:04.")
    assert violations(page) == []
    screenshot(page, "mic-alert")
    expect(page.locator("#alerts")).to_contain_text("It is over.")
    stop(page)


def test_a_stereo_recording_is_played_as_a_call_of_two_parties(visit: Visit, recordings: Path) -> None:
    page = visit("/")
    page.get_by_text("Play a recording").click()
    page.locator("#player-file").set_input_files(recordings / "conversations" / "auto_repairs_40_stereo.flac")
    expect(page.locator("#player-message")).to_contain_text("2 channels")
    page.get_by_label("Left is the customer, right the agent").check()
    page.get_by_role("button", name="Play it").click()
    expect(page.locator(".now .word")).to_have_text("Agent is speaking")
    expect(page.locator(".now .says")).to_contain_text("Customer sounds")
    screenshot(page, "mic-recording", full=True)
    stop(page)
    expect(page.locator(".summary")).to_contain_text("Customer")


def test_a_refused_microphone_is_explained_and_can_be_tried_again(visit: Visit) -> None:
    page = visit("/")
    page.evaluate(
        """() => {
            navigator.mediaDevices.getUserMedia = async () => {
                delete navigator.mediaDevices.getUserMedia;
                throw new DOMException("", "NotAllowedError");
            };
        }"""
    )
    page.get_by_role("button", name="Start listening").click()
    expect(page.get_by_role("alert")).to_contain_text("did not allow the microphone")
    listen(without_webrtc(page))
    expect(page.get_by_role("alert")).to_be_hidden()


def test_over_plain_http_from_elsewhere_the_page_says_why_there_is_no_microphone(
    browser: Browser, server: ServerProcess
) -> None:
    page = browser.new_page(locale="en-GB")
    page.goto(f"http://{FOREIGN_HOST}:{server.port}/")
    expect(page.get_by_role("alert")).to_contain_text("Browsers give a microphone only to pages over HTTPS")
    expect(page.get_by_role("button", name="Start listening")).to_be_disabled()
    screenshot(page, "mic-insecure")
    page.context.close()
