"""`make pictures`: the picture of the trends, of calls that are made up. It is looked at, not compared."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from benchmarks.pastcalls import fill
from history.database import Database
from tests.browser.chromium import launch, write_microphone
from tests.browser.serving import ROOT, ServerProcess
from tests.browser.workbenchpicture import DATA

DAYS, CALLS_A_DAY = 65, 12
NO_MODELS = ("--models.emotion", "none", "--models.speaker", "none", "--vad.backend", "webrtcvad")


def main() -> None:
    """Write docs/trends.png."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        url = f"sqlite:///{folder}/history.sqlite3"
        database = Database(url)
        fill(database, DAYS, CALLS_A_DAY, time.time())
        database.close()
        server = ServerProcess(Path(folder) / "log", "--history.url", url, *NO_MODELS)
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
