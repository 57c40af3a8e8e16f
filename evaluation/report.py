"""How results are shown: tables for people, one JSON document for machines, progress beside both."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from rich.console import Console, RenderableType
from rich.progress import track
from rich.table import Table

Results = dict[str, Any]
Item = TypeVar("Item")


def progress(items: Sequence[Item], doing: str) -> Iterable[Item]:
    """The items, with a bar on standard error as they are used up."""
    return track(items, doing, console=Console(stderr=True), transient=True)


def note(text: str) -> None:
    """One line on standard error."""
    print(text, file=sys.stderr, flush=True)


def rounded(value: Any, digits: int = 4) -> Any:
    """The same document with rounded numbers; what is not a number becomes null."""
    if isinstance(value, Mapping):
        return {str(key): rounded(item, digits) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item, digits) for item in value]
    if isinstance(value, float):
        return round(value, digits) if math.isfinite(value) else None
    return value


def table(title: str, rows: Mapping[str, Mapping[str, Any]], first: str = "") -> Table:
    """A row per key; the columns are those of the first row."""
    out = Table(title=title, title_justify="left", title_style="bold")
    out.add_column(first, no_wrap=True)
    columns = list(next(iter(rows.values()), {}))
    for column in columns:
        out.add_column(column.replace("_", " "), justify="right")
    for name, row in rows.items():
        out.add_row(name, *(shown(row.get(column)) for column in columns))
    return out


def shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def show(results: Results, parts: Iterable[RenderableType], as_json: bool) -> None:
    """Print one JSON document, or the parts."""
    if as_json:
        json.dump(results, sys.stdout, indent=1, ensure_ascii=False)
        print()
        return
    console = Console(width=None if sys.stdout.isatty() else 160)
    for part in parts:
        console.print(part, highlight=False)
