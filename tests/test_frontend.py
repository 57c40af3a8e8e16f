"""The page's own tests, run by Node where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from monitor.events import EVENTS, event_type

ROOT = Path(__file__).resolve().parent.parent


def test_the_page_s_modules_pass_their_tests() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the page's pure modules are not tested")
    files = sorted(map(str, (ROOT / "tests" / "frontend").glob("*.test.mjs")))
    assert files
    done = subprocess.run([node, "--test", *files], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_knows_only_events_that_exist() -> None:
    known = {event_type(event) for event in EVENTS}
    named = {
        name
        for path in (ROOT / "frontend_static").glob("*.js")
        for name in re.findall(r"""case ["']([a-z]+\.[a-z]+)["']""", path.read_text(encoding="utf-8"))
    }
    assert named
    assert named <= known


def test_the_page_loads_nothing_from_outside() -> None:
    for path in (ROOT / "frontend_static").iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/", "")
        assert not re.search(r"https?://|(?:src|href)=[\"']//", text), path
