"""`make pictures`: the picture of the trends, of calls that are made up. It is looked at, not compared."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.browser.chromium import launch, write_microphone
from tests.browser.past import with_past
from tests.browser.serving import ROOT
from tests.browser.workbenchpicture import DATA

DAYS, CALLS_A_DAY = 65, 12


def main() -> None:
    """Write docs/trends.png."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = with_past(Path(folder), DAYS, CALLS_A_DAY)
        server.start()
        try:
            silent = write_microphone(DATA / "conversations" / "two_speakers_30s.flac", Path(folder) / "none.wav")
            browser = launch(playwright, silent)
            page = browser.new_page(viewport={"width": 1280, "height": 800}, device_scale_factor=2, locale="en-GB")
            page.goto(f"{server.url}/trends")
            expect(page.locator(".bars .calls").first).to_be_visible()
            page.screenshot(path=ROOT / "docs" / "trends.png")
            browser.close()
        finally:
            server.stop()


if __name__ == "__main__":
    main()
