"""`make pictures`: the README's picture of the microphone page, from a real call. It is looked at, not compared."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.browser.chromium import launch, write_microphone
from tests.browser.serving import ROOT, ServerProcess

DATA = Path(os.environ.get("UNDERTONE_DATA", ROOT.parent / "shared" / "data"))
SIZE = {"width": 1080, "height": 880}
FROM_S, HEARD_S = 60.0, 115.0
"""Where in the recording the microphone begins, and how much of it is heard before the picture is taken."""


def main() -> None:
    """Write docs/mic.png."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        recording = DATA / "conversations" / "auto_repairs_40.flac"
        microphone = write_microphone(recording, Path(folder) / "microphone.wav", FROM_S, HEARD_S + 60)
        server = ServerProcess(Path(folder) / "log")
        server.start()
        try:
            browser = launch(playwright, microphone)
            page = browser.new_page(viewport=SIZE, device_scale_factor=1.5, locale="en-GB")
            page.goto(server.url)
            page.get_by_role("button", name="Start listening").click()
            minutes, seconds = divmod(int(HEARD_S), 60)
            expect(page.locator("#clock")).to_have_text(f"{minutes}:{seconds:02}", timeout=(HEARD_S + 30) * 1000)
            page.screenshot(path=ROOT / "docs" / "mic.png")
            browser.close()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
