"""`make pictures`: the pictures of the workbench, from real recordings. They are looked at, not compared."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.chromium import launch, write_microphone
from tests.browser.serving import ROOT, ServerProcess

DATA = Path(os.environ.get("UNDERTONE_DATA", ROOT.parent / "shared" / "data"))
SIZE, TALL, MAP = (1200, 1010), (1200, 2400), (1200, 950)
UNHEARD = ("11", "14")
"""Actors of EmoDB whom the model was not trained on (training/split.csv)."""
DONE_WITHIN_MS = 300_000


def main() -> None:
    """Write docs/workbench.png and docs/library.png."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        recording = DATA / "conversations" / "auto_repairs_40_stereo.flac"
        server = ServerProcess(Path(folder) / "log", "--history.url", f"sqlite:///{folder}/kept.sqlite3")
        server.start()
        try:
            browser = launch(playwright, write_microphone(recording, Path(folder) / "none.wav"))
            result(opened(browser, server, SIZE), recording)
            library(opened(browser, server, TALL))
            browser.close()
        finally:
            server.stop()


def opened(browser: Browser, server: ServerProcess, size: tuple[int, int]) -> Page:
    viewport = {"width": size[0], "height": size[1]}
    page = browser.new_page(viewport=viewport, device_scale_factor=1.5, locale="en-GB", reduced_motion="reduce")
    page.goto(f"{server.url}/workbench")
    return page


def result(page: Page, recording: Path) -> None:
    """A call, and what there is to say of it."""
    page.locator("#work-files").set_input_files(recording)
    page.get_by_label("Channels").first.select_option("customer,agent")
    page.locator(".start").click()
    expect(page.locator(".result")).to_be_visible(timeout=DONE_WITHIN_MS)
    page.locator(".result").evaluate("element => element.scrollIntoView()")
    page.screenshot(path=ROOT / "docs" / "workbench.png")
    page.close()


def library(page: Page) -> None:
    """Acted feelings on a map, a point of it chosen."""
    files = [path for actor in UNHEARD for path in sorted((DATA / "emotion" / "emodb").glob(f"{actor}*.flac"))]
    page.locator("#work-files").set_input_files(files)
    kept = page.locator(".library")
    kept.locator(".keep .button.primary").click()
    expect(kept.locator(".keep .status")).to_contain_text("were kept", timeout=DONE_WITHIN_MS)
    kept.get_by_role("tab", name="Groups and map").click()
    kept.locator("form select:visible").last.select_option("tsne")
    kept.get_by_role("button", name="Make groups").click()
    expect(kept.locator(".grouped")).to_be_visible(timeout=DONE_WITHIN_MS)
    kept.get_by_label("Colour and shape by").select_option("label")
    for key in ("ArrowRight", "ArrowRight", "ArrowRight"):
        kept.locator(".field").press(key)
    kept.locator(".grouped").evaluate("element => element.scrollIntoView()")
    clip = {"x": 0, "y": 0, "width": MAP[0], "height": MAP[1]}
    page.screenshot(path=ROOT / "docs" / "library.png", clip=clip)
    page.close()


if __name__ == "__main__":
    main()
