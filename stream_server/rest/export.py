"""History as tables: JSON lines, CSV, and Parquet where pyarrow is installed."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterator, Sequence
from importlib.util import find_spec
from tempfile import TemporaryFile
from typing import IO, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from history.archive import StoredCall, StoredTurn
from history.clock import told
from history.desk import StoredAlert
from history.packing import Second
from monitor.labels import LABELS
from stream_server.faults import Refusal
from stream_server.rest.pastcalls import record
from workbench.tables import no_formula

Format = Literal["json", "jsonl", "csv", "parquet"]
MEDIA = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
PIECE_BYTES = 1 << 16
SCORES: list[tuple[str, Any]] = [(label, float | None) for label in LABELS]
"""A column for each label."""


def _row(name: str, *columns: tuple[str, Any]) -> type[msgspec.Struct]:
    return msgspec.defstruct(name, columns, frozen=True, kw_only=True, module=__name__)


CallRow = _row(
    "CallRow",
    ("call_id", str), ("state", str), ("transport", str), ("roles", str), ("tags", dict[str, str]),
    ("started_at", str), ("ended_at", str | None), ("reason", str | None), ("duration_s", float | None),
    ("speech_s", float | None), ("silence_s", float | None), ("overlap_s", float | None), ("speakers", int | None),
    ("speaker_changes", int | None), ("alerts", int | None), ("emotion", str | None), ("arousal", float | None),
    *SCORES,
)  # fmt: skip
AlertRow = _row(
    "AlertRow",
    ("alert_id", str), ("call_id", str), ("state", str), ("attention", str), ("rule", str), ("severity", str),
    ("measure", str), ("role", str | None), ("speaker", str | None), ("value", float), ("threshold", float),
    ("start_s", float), ("end_s", float), ("raised_at", str), ("cleared_at", str | None),
    ("acknowledged_at", str | None), ("acknowledged_by", str | None), ("resolved_at", str | None),
    ("resolved_by", str | None), *SCORES,
)  # fmt: skip
SecondRow = _row(
    "SecondRow",
    ("t", float), ("channel", int), ("speaker", str | None), ("reliability", str), ("emotion", str | None),
    ("arousal", float | None), *SCORES,
)  # fmt: skip
TurnRow = _row(
    "TurnRow",
    ("speaker", str | None), ("channel", int), ("start_s", float), ("end_s", float | None),
    ("reliability", str | None), ("emotion", str | None), ("arousal", float | None), *SCORES,
)  # fmt: skip


def call_row(call: StoredCall) -> Any:
    summary = call.summary
    return CallRow(
        call_id=call.call_id,
        state="live" if call.ended_at is None else "ended",
        transport=call.transport,
        roles=",".join(channel.role for channel in call.channels),
        tags=call.tags,
        started_at=told(call.started_at),
        ended_at=None if call.ended_at is None else told(call.ended_at),
        reason=call.reason,
        duration_s=call.duration_s,
        speech_s=None if summary is None else summary.speech_s,
        silence_s=None if summary is None else summary.silence_s,
        overlap_s=None if summary is None else summary.overlap_s,
        speakers=None if summary is None else len(summary.speakers),
        speaker_changes=None if summary is None else summary.speaker_changes,
        alerts=None if summary is None else sum(count.raised for count in summary.alerts),
        emotion=call.emotion,
        arousal=None if summary is None else summary.arousal,
        **_scores(None if summary is None else summary.emotion),
    )


def alert_row(alert: StoredAlert) -> Any:
    shown = record(alert)
    fields = {name: getattr(shown, name) for name in AlertRow.__struct_fields__ if name not in LABELS}
    return AlertRow(**fields, **_scores(alert.scores))


def second_row(second: Second) -> Any:
    return SecondRow(
        t=second.t,
        channel=second.channel,
        speaker=second.speaker,
        reliability=second.reliability,
        emotion=second.label,
        arousal=second.arousal,
        **_scores(second.scores if second.label is not None else None),
    )


def turn_row(turn: StoredTurn) -> Any:
    return TurnRow(
        speaker=turn.speaker,
        channel=turn.channel,
        start_s=turn.start_s,
        end_s=turn.end_s,
        reliability=turn.reliability,
        emotion=turn.label,
        arousal=turn.arousal,
        **_scores(turn.scores),
    )


def check(wanted: Format) -> None:
    """Raises Refusal where there is nothing that writes the format."""
    if wanted == "parquet" and find_spec("pyarrow") is None:
        raise Refusal("export.unavailable", "Parquet needs pyarrow: pip install 'undertone[parquet]'")


async def exported(
    wanted: Format, row: type[msgspec.Struct], pages: AsyncIterator[Sequence[Any]]
) -> AsyncIterator[bytes]:
    """The rows of all pages in a format, in pieces; a page at a time is in memory. (`check` the format before.)"""
    if wanted == "parquet":
        with TemporaryFile() as file:
            table = _Parquet(file, row)
            async for rows in pages:
                table.add(rows)
            table.close()
            file.seek(0)
            while piece := file.read(PIECE_BYTES):
                yield piece
        return
    if wanted == "csv":
        yield _csv([row.__struct_fields__])
    async for rows in pages:
        yield (
            _csv(map(_flat, rows)) if wanted == "csv" else b"".join(msgspec.json.encode(each) + b"\n" for each in rows)
        )


class _Parquet:
    """A file that grows by pages of rows; its types are those of the row."""

    def __init__(self, file: IO[bytes], row: type[msgspec.Struct]) -> None:
        import pyarrow  # an extra
        import pyarrow.parquet

        types = {str: pyarrow.string(), float: pyarrow.float64(), int: pyarrow.int64(), dict: pyarrow.string()}
        hints = get_type_hints(row)
        columns = [(name, types[_plain(hints[name])]) for name in row.__struct_fields__]
        self._schema = pyarrow.schema(columns)
        self._writer = pyarrow.parquet.ParquetWriter(file, self._schema)
        self._table = pyarrow.Table

    def add(self, rows: Sequence[Any]) -> None:
        plain = [dict(zip(self._schema.names, _flat(row), strict=True)) for row in rows]
        self._writer.write_table(self._table.from_pylist(plain, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


def _plain(hint: Any) -> type:
    """str of `str | None`, and dict of `dict[str, str]`."""
    inner = get_args(hint)[0] if type(None) in get_args(hint) else hint
    plain: type = get_origin(inner) or inner
    return plain


def _flat(row: Any) -> list[Any]:
    """The values of a row; tags, which are no value, as JSON."""
    values = (getattr(row, name) for name in row.__struct_fields__)
    return [msgspec.json.encode(value).decode() if isinstance(value, dict) else value for value in values]


def _csv(rows: Iterator[Sequence[Any]] | Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([no_formula(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _scores(scores: dict[str, float] | None) -> dict[str, float | None]:
    return dict(scores) if scores is not None else dict.fromkeys(LABELS)
