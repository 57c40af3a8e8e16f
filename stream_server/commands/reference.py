"""`python -m stream_server.commands.reference` (`make docs`): the parts of docs/ that derive from declarations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from annotated_types import Ge, Gt, Le, Lt

from metrics.declared import DECLARED, Declared
from stream_server.faults import ERRORS, WARNINGS, Fault
from stream_server.settings import declared
from stream_server.tables import is_table

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
BOUNDS = ((Ge, "ge", ">="), (Gt, "gt", ">"), (Le, "le", "<="), (Lt, "lt", "<"))
SETTINGS_PAGE = """# Settings

Flag > environment > settings file > default. The file is `undertone.toml` in the working directory, or `--config FILE`:

```toml
[server]
port = 9000

[monitor]
emotion_roles = ["customer", "mixed"]

[[alerts.rules]]
name = "anger"
score = {angry = 1.0}
above = 0.8
```

In flags and in the environment a list is comma-separated, and what consists of tables is JSON. Unknown keys and bad
values stop the start. Every setting has the flag `--SECTION.KEY`; short ones are `--host`, `--port`, `--tls-cert`,
`--tls-key`, `--emotion-model`, `--speaker-model`, `--device`. Times are seconds. This page is made by `make docs`.

| setting | environment | default | allowed | meaning |
|---|---|---|---|---|
"""


def settings_page() -> str:
    """docs/configuration.md."""
    rows = []
    for setting in declared():
        name = f"| `{setting.name}` | `{setting.env}` | `{setting.shown}` |"
        rows.append(f"{name} {_allowed(setting.type)} | {setting.help} |\n")
    return SETTINGS_PAGE + "".join(rows)


def protocol_page(page: str) -> str:
    """docs/protocol.md with its tables of errors and warnings made anew; they are its last two sections."""
    head = page[: page.index("| code | meaning | close code |")]
    errors = "| code | meaning | close code | HTTP status | call survives |\n|---|---|---|---|---|\n"
    warnings = "| code | meaning |\n|---|---|\n"
    between = re.search(r"\n## Warnings\n.*?\n(?=\| code)", page, re.DOTALL)
    assert between is not None, "docs/protocol.md has lost its section on warnings"
    errors += "".join(_error_row(fault) for fault in ERRORS)
    warnings += "".join(f"| `{fault.code}` | {fault.meaning} |\n" for fault in WARNINGS)
    return head + errors + between.group(0) + warnings


def metrics_page(page: str) -> str:
    """docs/metrics.md with its table of instruments made anew."""
    table = "| name | type | labels | unit | meaning |\n|---|---|---|---|---|\n" + "".join(map(_metrics_row, DECLARED))
    made, tables = re.subn(r"\| name \| type \|[^\n]*\n(?:\|[^\n]*\n)+", lambda _: table, page)
    assert tables == 1, "docs/metrics.md has lost its table of instruments"
    return made


def _metrics_row(one: Declared) -> str:
    labels = ", ".join(f"`{label}`" for label in one.labels)
    only = f" (only with `{one.optional}`)" if one.optional else ""
    return f"| `{one.name}` | {one.kind} | {labels} | {one.unit} | {one.meaning}{only} |\n"


def _error_row(fault: Fault) -> str:
    about_calls = fault.close is not None or fault.status is None
    survives = ("yes" if fault.call_survives else "no") if about_calls else "-"
    return f"| `{fault.code}` | {fault.meaning} | {fault.close or '-'} | {fault.status or '-'} | {survives} |\n"


def _allowed(annotation: Any) -> str:
    """The bounds of an annotated number, or the choices of a Literal; empty where anything goes."""
    bounds = list(_bounds(getattr(annotation, "__metadata__", ())))
    if bounds:
        return ", ".join(bounds)
    if is_table(annotation):
        return "tables"
    choices = get_args(annotation)
    return ", ".join(choices) if choices and all(isinstance(choice, str) for choice in choices) else ""


def _bounds(metadata: tuple[object, ...]) -> Iterator[str]:
    for bound in metadata:
        for kind, attribute, sign in BOUNDS:
            if isinstance(bound, kind):
                yield f"{sign} {getattr(bound, attribute):g}"


def main() -> None:
    protocol = DOCS / "protocol.md"
    protocol.write_text(protocol_page(protocol.read_text(encoding="utf-8")), encoding="utf-8")
    metrics = DOCS / "metrics.md"
    metrics.write_text(metrics_page(metrics.read_text(encoding="utf-8")), encoding="utf-8")
    (DOCS / "configuration.md").write_text(settings_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
