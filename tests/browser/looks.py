"""How a page looks: sizes, pictures of it, and what axe says of its accessibility."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

from tests.browser.serving import ROOT

SCREENSHOTS = ROOT / "build" / "screenshots"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
DESKTOP, PHONE = (1280, 800), (360, 760)

Violations = Callable[[Page], list[str]]


def serious_violations(page: Page) -> list[str]:
    """What axe finds on the page as it is now and calls serious or critical: one line each, with the place."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {violation['help']}: {node['html'][:200]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def screenshot(page: Page, name: str, full: bool = False) -> None:
    """Keep a picture of the page as build/screenshots/NAME.png."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=full)
