"""The pages' own tests, run by Node where it is installed, and what holds for all that they consist of."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.events import EVENTS, event_type
from stream_server.faults import ERRORS, WARNINGS

ROOT = Path(__file__).resolve().parent.parent
OURS = ("mic", "dashboard", "trends", "shared", "messages")
"""The folders of the front end that are written here; `vendor` is not."""
MISTAKES_OF_A_PROGRAM = (
    "stream.",
    "call.id_invalid",
    "message.",
    "request.",
    "offer.",
    "candidates.",
    "rule.",
    "channel.",
    "notification.",
)
"""Codes of what the pages do not do; should it happen, the server's own words are shown."""


def ours(*suffixes: str) -> Iterator[Path]:
    """The front end's own files with these suffixes; all of them without."""
    for folder in OURS:
        for path in sorted((ROOT / "frontend_static" / folder).rglob("*")):
            if path.is_file() and (not suffixes or path.suffix in suffixes):
                yield path


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
    named = {path: set(events_named(path.read_text(encoding="utf-8"))) for path in ours(".js")}
    assert len(set().union(*named.values())) > len(known) / 2
    assert {path: names - known for path, names in named.items() if names - known} == {}


def test_names_of_events_are_found_in_switches_and_in_comparisons() -> None:
    switch = 'switch (event.type) {\n  case "emotion":\n  case "call.ended": {\n  }\n}\n'
    assert set(events_named(switch + 'switch (action.do) {\n  case "x":\n}')) == {"emotion", "call.ended"}
    assert set(events_named('a.type === "warning" || "error" !== e.type || e.name === "y"')) == {"warning", "error"}


def events_named(text: str) -> Iterator[str]:
    """The types of events that a module tells apart, by `switch` or by comparison."""
    compared = r'\.type\s*[!=]==?\s*["\']([^"\']+)["\']|["\']([^"\']+)["\']\s*[!=]==?\s*\w+\.type\b'
    for after, before in re.findall(compared, text):
        yield after or before
    for indent, cases in re.findall(r"^( *)switch \(\w+\.type\) \{\n(.*?)^\1\}", text, re.MULTILINE | re.DOTALL):
        yield from re.findall(rf'^{indent} *case ["\']([^"\']+)["\']:', cases, re.MULTILINE)


def test_the_page_loads_nothing_from_outside() -> None:
    for path in ours():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/", "")
        assert not re.search(r"https?://|(?:src|href)=[\"']//", text), path


def test_every_code_that_a_reader_can_meet_has_words_in_the_pages() -> None:
    messages = (ROOT / "frontend_static/messages/en.js").read_text(encoding="utf-8")
    keys = set(re.findall(r'^ +"([\w.]+)":', messages, re.MULTILINE))
    assert {f"shared.warning.{fault.code}" for fault in WARNINGS} <= keys
    named = {key.removeprefix("shared.error.") for key in keys if key.startswith("shared.error.")}
    errors = {fault.code for fault in ERRORS}
    assert named - {"unreachable", "status"} <= errors
    assert {code for code in errors - named if not code.startswith(MISTAKES_OF_A_PROGRAM)} == set()
