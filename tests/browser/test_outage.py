"""Nobody listens to the webhook, and the server is killed meanwhile: the alert arrives all the same."""

from __future__ import annotations

import os
import time
from pathlib import Path

import httpx

from tests.browser.callers import Caller, Part, Script, conversation
from tests.browser.hooks import Hook, until
from tests.browser.serving import ServerProcess
from tests.browser.test_shouting import CALM, LOUD, SETTINGS, VOICE
from tests.notify.receiving import SECRET

OUTAGE_S = float(os.environ.get("OUTAGE_S", "5"))
"""For how long nobody listens; longer by `OUTAGE_S=60 pytest tests/browser/test_outage.py`."""
HEAD_S = 20.0
RAISED_WITHIN_S, ARRIVED_WITHIN_S = 60.0, 60.0
RETRIES = "\n[notify]\nfirst_retry_s = 1.0\nlongest_retry_s = 5.0\n"


def test_no_alert_is_lost_while_the_receiver_is_down_and_the_server_is_killed(tmp_path: Path, recordings: Path) -> None:
    hook = Hook()
    settings = tmp_path / "undertone.toml"
    settings.write_text(RETRIES + SETTINGS.format(hook=hook.address, secret=SECRET))
    server = ServerProcess(
        tmp_path / "log", "--config", str(settings), "--history.url", f"sqlite:///{tmp_path}/kept.sqlite3"
    )
    audio = conversation(recordings, CALM, LOUD, Part("neutral", 1), voice=VOICE)
    hook.close()
    down_s = time.monotonic()
    server.start()
    try:
        with Caller(server.url, Script("loud", audio, ("customer", "agent"), {}), HEAD_S):
            waiting = until(lambda: messages(server, "desk", "waiting"), RAISED_WITHIN_S, "the alert")
            server.kill()
        server.start()
        time.sleep(max(0.0, OUTAGE_S - (time.monotonic() - down_s)))
        with hook.again() as told:
            until(lambda: len(told.bodies("/desk")) >= len(waiting), ARRIVED_WITHIN_S, "what nobody heard before")
            arrived = {request.headers["webhook-id"] for request in told.requests if request.path == "/desk"}
            assert {message["id"] for message in waiting} <= arrived
            assert all(request.signature_holds for request in told.requests if request.path == "/desk")
            until(lambda: not messages(server, "desk", "waiting"), ARRIVED_WITHIN_S, "the outbox to be empty")
    finally:
        server.stop()


def messages(server: ServerProcess, channel: str, state: str) -> list[dict[str, str]]:
    """What the outbox has for a channel."""
    query = {"channel": channel, "state": state}
    found: list[dict[str, str]] = httpx.get(f"{server.url}/v1/notifications", params=query).json()["notifications"]
    return found
