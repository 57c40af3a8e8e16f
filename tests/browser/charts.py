"""What draws a call's curves, measured: `python -m tests.browser.charts`, once `npm ci --prefix tests/browser/charts`
has fetched what the library in use is compared with. Prints a table for docs/performance.md."""

from __future__ import annotations

import gzip
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import CDPSession, Page, Route, sync_playwright

from tests.browser.chromium import program
from tests.browser.serving import ROOT

MODULES = Path(__file__).parent / "charts" / "node_modules"
ORIGIN = "http://charts.test"
SHIPPED = {
    "uPlot": MODULES / "uplot" / "dist" / "uPlot.esm.js",
    "Chart.js": MODULES / "chart.js" / "dist" / "chart.umd.min.js",
    "Lightweight Charts": MODULES / "lightweight-charts" / "dist" / "lightweight-charts.standalone.production.mjs",
    "own canvas code": ROOT / "frontend_static" / "shared" / "band.js",
}
POINTS, TIMES = 7200, 25
"""An hour at one point per half second; how often each is measured, of which the median counts."""
BEGIN = """async (name) => {
  const { WAYS, points, drawn } = await import("/ways.js");
  Object.assign(window, { way: WAYS[name], points, drawn });
  await way.load();
}"""
DRAW = "async () => { window.chart = way.draw(document.body, all); await drawn(); }"
UPDATE = "async () => { all = [...all.slice(1), ...points(1, next++)]; chart.update(all); await drawn(); }"
TYPES = {".js": "text/javascript", ".mjs": "text/javascript"}


def main() -> None:
    """Measure each way in a page of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=["--no-sandbox"])
        print("| | first draw, ms | update, ms | code, kB | gzip, kB |\n|---|---|---|---|---|")
        for name, path in SHIPPED.items():
            page = browser.new_page()
            page.route(f"{ORIGIN}/**", deliver)
            page.goto(f"{ORIGIN}/")
            page.evaluate(BEGIN, name)
            first, update = measured(page)
            code = path.read_bytes()
            sizes_kb = [len(code) / 1000, len(gzip.compress(code)) / 1000]
            print(f"| {name} | {first:.1f} | {update:.1f} | {sizes_kb[0]:.0f} | {sizes_kb[1]:.0f} |")
            page.close()
        browser.close()


def measured(page: Page) -> tuple[float, float]:
    """Processor time of the page's main thread for a first picture, and for one point more; ms."""
    cpu = page.context.new_cdp_session(page)
    cpu.send("Performance.enable", {"timeDomain": "threadTicks"})
    firsts, updates = [], []
    for _ in range(TIMES):
        page.evaluate(f"() => {{ window.all = points({POINTS}); window.next = {POINTS}; }}")
        firsts.append(busy_ms(cpu, page, DRAW))
        updates += [busy_ms(cpu, page, UPDATE) for _ in range(2)]
        page.evaluate("chart.remove()")
    idle = median(busy_ms(cpu, page, "() => drawn()") for _ in range(TIMES))
    return median(firsts) - idle, median(updates) - idle


def busy_ms(cpu: CDPSession, page: Page, script: str) -> float:
    """What a script and the picture that it asks for take."""
    before = task_s(cpu)
    page.evaluate(script)
    return (task_s(cpu) - before) * 1000


def task_s(cpu: CDPSession) -> float:
    metrics: list[dict[str, Any]] = cpu.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


def deliver(route: Route) -> None:
    """A page with nothing on it, the libraries, and our own modules."""
    path = route.request.url.removeprefix(ORIGIN)
    if path == "/":
        return route.fulfill(body="<!doctype html><body>", content_type="text/html")
    for prefix, folder in (("/charts/", MODULES), ("/static/", ROOT / "frontend_static")):
        if path.startswith(prefix):
            file = folder / path.removeprefix(prefix)
            return route.fulfill(path=file, content_type=TYPES[file.suffix])
    return route.fulfill(path=MODULES.parent / "ways.js", content_type="text/javascript")


if __name__ == "__main__":
    main()
