"""The pages' own tests, run by Node where it is installed, and what holds for all that they consist of."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.events import EVENTS, event_type
from stream_server.faults import ERRORS, WARNINGS
from stream_server.jobs import uploads
from stream_server.rest.jobs import AT_ONCE
from workbench.recordings import SUFFIXES
from workbench.sentences import SENTENCES
from workbench.tables import COLUMNS

ROOT = Path(__file__).resolve().parent.parent
OURS = ("mic", "dashboard", "trends", "workbench", "shared", "messages")
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
    "voices.",
)
"""Codes of what the pages do not do; should it happen, the server's own words are shown."""
SHOWN = ("emotion.", "band.", "moment.", "audio.", "failed.", "remedy.", "embeddings.", "voice.", "enrolment.",
         "refused.", "voices.", "verify.", "identify.", "alike.", "cluster.", "compare.")  # fmt: skip
"""What the workbench says on its page."""


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


def test_the_page_says_of_recordings_what_the_workbench_says() -> None:
    messages = exported("messages/en.js", "Object.entries(module.default)")
    said = {key.removeprefix("work.says."): text for key, text in messages if key.startswith("work.says.")}
    assert {key: text for key, text in SENTENCES.items() if key.startswith(SHOWN)}.keys() <= said.keys()
    assert {key: SENTENCES.get(key) for key in said} == said


def test_whatever_the_workbench_says_on_its_page_is_said_in_chinese() -> None:
    chinese = dict(exported("messages/zh.js", "Object.entries(module.default)"))
    modules = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "workbench").glob("*.py"))}
    said = {key for text in modules.values() for key in re.findall(r'\bsay\(\s*f?"([\w.]+)', text)}
    assert len(said) > 20
    assert {key for key in said if not any(known.startswith(key) for known in SENTENCES)} == set()
    shown = [key for key in SENTENCES if key.startswith(SHOWN)]
    assert [key for key in shown if not re.search("[\u4e00-\u9fff]", chinese.get(f"work.says.{key}", ""))] == [
        "enrolment.recording"  # a name and a sentence, which is said in Chinese itself
    ]


def test_the_page_takes_the_recordings_and_writes_the_tables_that_the_workbench_does() -> None:
    assert exported("workbench/entries.js", "[...module.SUFFIXES]") == [suffix[1:] for suffix in SUFFIXES]
    assert exported("workbench/rows.js", "module.CSV_COLUMNS") == list(COLUMNS)
    assert exported("workbench/voicejobs.js", "module.MOST_AT_ONCE") == AT_ONCE


def test_the_server_calls_recordings_as_the_page_does() -> None:
    """So that what is kept of them is known again."""
    given = [
        f"{'录' * 90}.wav",
        "a\\b/../c\u00a0d\n.flac",
        f"{'x' * 300}/y",
        "/ ..",
        'say "no" (2).m4a',
        "é" * 250 + ".ogg",
    ]
    ours = exported("workbench/entries.js", f"{json.dumps(given)}.map(module.named)")
    assert [uploads.named(name) for name in ours] == ours


def exported(path: str, expression: str) -> Any:
    """What an expression of a `module` of the front end comes to."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    address = (ROOT / "frontend_static" / path).as_uri()
    script = f"const module = await import({address!r}); console.log(JSON.stringify({expression}))"
    done = subprocess.run([node, "--input-type=module", "-e", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
