"""`make pictures`: the README's picture of the workbench, from real recordings. It is looked at, not compared."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.browser.chromium import launch, write_microphone
from tests.browser.serving import ROOT, ServerProcess

DATA = Path(os.environ.get("UNDERTONE_DATA", ROOT.parent / "shared" / "data"))
SIZE = {"width": 1200, "height": 1010}
DONE_WITHIN_MS = 120_000


def main() -> None:
    """Write docs/workbench.png."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        recording = DATA / "conversations" / "auto_repairs_40_stereo.flac"
        server = ServerProcess(Path(folder) / "log")
        server.start()
        try:
            browser = launch(playwright, write_microphone(recording, Path(folder) / "none.wav"))
            page = browser.new_page(viewport=SIZE, device_scale_factor=1.5, locale="en-GB", reduced_motion="reduce")
            page.goto(f"{server.url}/workbench")
            page.locator("#work-files").set_input_files(recording)
            page.get_by_label("Channels").first.select_option("customer,agent")
            page.locator(".start").click()
            expect(page.locator(".result")).to_be_visible(timeout=DONE_WITHIN_MS)
            page.locator(".result").evaluate("element => element.scrollIntoView()")
            page.screenshot(path=ROOT / "docs" / "workbench.png")
            browser.close()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
