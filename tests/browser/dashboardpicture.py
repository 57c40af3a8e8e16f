"""`make pictures`: the README's picture of the dashboard, from live calls. It is looked at, not compared."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.browser.callers import Caller, scene
from tests.browser.chromium import launch, write_microphone
from tests.browser.serving import ROOT, ServerProcess

DATA = Path(os.environ.get("UNDERTONE_DATA", ROOT.parent / "shared" / "data"))
SIZE = {"width": 1360, "height": 890}
HEAD_S, SEEN_S = 60.0, 20.0
"""How old the calls are when the page is opened, and how long it is open before the picture is taken."""


def main() -> None:
    """Write docs/dashboard.png."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, ExitStack() as stack:
        server = ServerProcess(Path(folder) / "log")
        server.start()
        stack.callback(server.stop)
        callers = [stack.enter_context(Caller(server.url, script, HEAD_S)) for script in scene(DATA)]
        for caller in callers:
            caller.ready.wait()
        browser = launch(
            playwright, write_microphone(DATA / "conversations" / "auto_repairs_40.flac", Path(folder) / "none.wav")
        )
        page = browser.new_page(viewport=SIZE, device_scale_factor=1.5, locale="en-GB", reduced_motion="reduce")
        page.goto(f"{server.url}/dashboard")
        expect(page.locator(".row")).to_have_count(len(callers))
        page.wait_for_timeout(SEEN_S * 1000)
        page.screenshot(path=ROOT / "docs" / "dashboard.png")
        browser.close()


if __name__ == "__main__":
    main()
