"""Debian's Chromium before a real server; its microphone plays a recording of a service call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.chromium import FOREIGN_HOST, launch, write_microphone
from tests.browser.looks import AXE, DESKTOP, Violations, serious_violations
from tests.browser.packages import needs_of_npm
from tests.browser.serving import ROOT, ServerProcess

EXPECT_WITHIN_MS = 20_000
RESOURCE_FAILED = "Failed to load resource"
"""Chromium's own line about a server that is away, or a refusal; what the page makes of it is what is tested."""

Visit = Callable[..., Page]
Bench = Callable[..., Page]


@pytest.fixture(scope="session")
def microphone(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mono WAV file: an agent speaks for five seconds, then the customer."""
    recording = recordings / "conversations" / "auto_repairs_40.flac"
    return write_microphone(recording, tmp_path_factory.mktemp("microphone") / "microphone.wav")


@pytest.fixture(scope="session")
def browser(microphone: Path) -> Iterator[Browser]:
    expect.set_options(timeout=EXPECT_WITHIN_MS)
    with sync_playwright() as playwright:
        launched = launch(playwright, microphone)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The server that most tests share. One that restarts it leaves it running."""
    process = ServerProcess(
        tmp_path_factory.mktemp("server") / "log", "--server.allowed-origins", f"http://{FOREIGN_HOST}"
    )
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="session")
def violations() -> Violations:
    """Finds what axe objects to."""
    needs_of_npm(AXE)
    return serious_violations


@pytest.fixture(scope="session")
def charts() -> None:
    """What draws the curves is there."""
    needs_of_npm(ROOT / "frontend_static" / "vendor" / "uPlot.esm.js")


@pytest.fixture
def visit(browser: Browser, server: ServerProcess) -> Iterator[Visit]:
    """Opens a page of the server in a fresh profile. A script error or a breach of the page's security policy, on any
    page that a test opened, fails it at the end."""
    contexts, complaints = [], []

    def open_page(path: str, size: tuple[int, int] = DESKTOP, dark: bool = False, **options: Any) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            locale=options.pop("locale", "en-GB"),
            permissions=["microphone"],
            base_url=server.url,
            device_scale_factor=2,
            **options,
        )
        contexts.append(context)
        context.set_default_timeout(EXPECT_WITHIN_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [text for text in complaints if RESOURCE_FAILED not in text and "WebSocket connection to" not in text] == []


@pytest.fixture
def bench(visit: Visit, recordings: Path) -> Bench:
    """Opens the workbench with recordings chosen."""

    def open_bench(*chosen: str | Path, size: tuple[int, int] = DESKTOP, **options: Any) -> Page:
        page = visit("/workbench", size, **options)
        if chosen:
            page.locator("#work-files").set_input_files([recordings / path for path in chosen])
        return page

    return open_bench
