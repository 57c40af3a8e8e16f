"""What the documentation says is what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml
from msgspec.structs import fields

from monitor.events import EVENTS, decode, event_type
from stream_server.commands.reference import metrics_page, protocol_page, settings_page
from stream_server.faults import ERRORS, WARNINGS
from stream_server.settings import declared

ROOT = Path(__file__).resolve().parent.parent
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
METRICS = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


def test_every_event_has_a_section_with_a_complete_example_that_decodes() -> None:
    sections = dict(re.findall(r"^### ([a-z.]+)\n.*?```json\n(.*?)\n```", PROTOCOL, re.DOTALL | re.MULTILINE))
    assert list(sections) == [event_type(event) for event in in_documented_order()]
    for event in EVENTS:
        example = sections[event_type(event)]
        assert type(decode(example)) is event
        assert set(json.loads(example)) - {"type"} == {field.encode_name for field in fields(event)}


def in_documented_order() -> list:
    return sorted(EVENTS, key=lambda event: PROTOCOL.index(f"### {event_type(event)}\n"))


def test_the_tables_of_codes_are_those_that_are_declared() -> None:
    assert protocol_page(PROTOCOL) == PROTOCOL, "run make docs"
    for fault in (*ERRORS, *WARNINGS):
        assert f"| `{fault.code}` | {fault.meaning} |" in PROTOCOL


def test_the_table_of_instruments_is_what_is_declared() -> None:
    assert metrics_page(METRICS) == METRICS, "run make docs"


def test_every_alert_of_prometheus_stands_in_its_table() -> None:
    rules = yaml.safe_load((ROOT / "metrics" / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    alerts = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    assert re.findall(r"^\| `(Undertone\w+)` \|", METRICS, re.MULTILINE) == alerts


def test_every_code_that_is_used_is_declared() -> None:
    known = {fault.code for fault in (*ERRORS, *WARNINGS)}
    prefixes = {code.split(".")[0] for code in known}
    for path in (*(ROOT / "stream_server").rglob("*.py"), *(ROOT / "monitor").glob("*.py")):
        used = re.findall(
            r"(?:warn|reject|Refusal|_end|answer)\(\s*f?\"([a-z_]+\.[a-z_]+)\"", path.read_text(encoding="utf-8")
        )
        assert {code for code in used if code.split(".")[0] in prefixes} <= known, path


def test_the_configuration_page_lists_every_setting() -> None:
    assert settings_page() == CONFIGURATION, "run make docs"
    for setting in declared():
        assert f"| `{setting.name}` | `{setting.env}` |" in CONFIGURATION
