"""Calls as they were written, read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select

from history.packing import Second, unpack_scores, unpacked
from history.schema import calls, facets, moments, seconds, turns
from monitor.events import (
    CallSummary,
    ChannelInfo,
    ModelInfo,
    Reliability,
    Scores,
    SpeakerChanged,
    TurnSummary,
    Warning,
)

FEW = 2000
"""So many calls are asked for by their keys."""


class StoredCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call as its row has it; times in seconds since 1970, null what is not known while it is live."""

    key: int
    call_id: str
    server: str
    transport: str
    channels: list[ChannelInfo]
    models: dict[str, ModelInfo]
    horizon_s: float
    hop_s: float
    tags: dict[str, str]
    voices: list[str]
    started_at: float
    ended_at: float | None
    reason: str | None
    duration_s: float | None
    last_seq: int | None
    emotion: str | None
    summary: CallSummary | None
    """Without its turns."""


class StoredTurn(msgspec.Struct, frozen=True, kw_only=True):
    """Speech of one speaker on one channel, and the emotion that was said of it; all null where none was."""

    speaker: str | None
    channel: int
    start_s: float
    end_s: float | None
    label: str | None
    confidence: float | None
    arousal: float | None
    reliability: Reliability | None
    scores: Scores | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls: None is any. Times in seconds since 1970, `until` not included; `facets`: (name, value), all of
    which a call must have; `before`: the place, `started_at` and `key`, where the last page ended."""

    live: bool | None = None
    since: float | None = None
    until: float | None = None
    facets: tuple[tuple[str, str], ...] = ()
    before: tuple[float, int] | None = None
    limit: int = 50


def find(connection: Connection, wanted: Wanted) -> list[StoredCall]:
    """The newest calls of those wanted, newest first."""
    conditions = list(_conditions(connection, wanted))
    newest = select(calls).where(*conditions).order_by(calls.c.started_at.desc(), calls.c.id.desc())
    return [_stored(row) for row in connection.execute(newest.limit(wanted.limit))]


def newest(connection: Connection, call_id: str) -> StoredCall | None:
    """The last call of this id."""
    query = select(calls).where(calls.c.call_id == call_id).order_by(calls.c.started_at.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else _stored(row)


def of_key(connection: Connection, key: int) -> StoredCall | None:
    """The call of this row."""
    row = connection.execute(select(calls).where(calls.c.id == key)).one_or_none()
    return None if row is None else _stored(row)


def timeline(connection: Connection, call: StoredCall, first_s: float = 0.0) -> Iterator[Second]:
    """Emotion by the second from `first_s` on, in the order of time; channels alternate by the minute."""
    query = select(seconds.c.channel, seconds.c.minute, seconds.c.body)
    query = query.where(seconds.c.call == call.key, seconds.c.minute >= int(first_s // 60))
    for row in connection.execute(query.order_by(seconds.c.minute, seconds.c.channel)):
        for second in unpacked(row.channel, row.minute, row.body, call.voices):
            if second.t >= first_s:
                yield second


def turns_of(connection: Connection, key: int) -> list[StoredTurn]:
    query = select(turns).where(turns.c.call == key).order_by(turns.c.start_s, turns.c.channel)
    return [
        StoredTurn(
            speaker=row.speaker,
            channel=row.channel,
            start_s=row.start_s,
            end_s=row.end_s,
            label=row.label,
            confidence=row.confidence,
            arousal=row.arousal,
            reliability=row.reliability,
            scores=None if row.scores is None else unpack_scores(row.scores),
        )
        for row in connection.execute(query)
    ]


def moments_of(connection: Connection, call: StoredCall) -> list[SpeakerChanged | Warning]:
    """Changes of speaker and warnings, in the order of their making."""
    query = select(moments).where(moments.c.call == call.key).order_by(moments.c.seq)
    return [_moment(call.call_id, row) for row in connection.execute(query)]


def whole(summary: CallSummary, of: Iterable[StoredTurn], now_s: float) -> CallSummary:
    """A summary with its turns; one that goes on ends now."""
    told = [
        TurnSummary(turn.speaker, turn.channel, turn.start_s, now_s if turn.end_s is None else turn.end_s)
        for turn in of
    ]
    return msgspec.structs.replace(summary, turns=told)


def _conditions(connection: Connection, wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.live is True:  # they are few, and asked for first: no index leads to them and to the newest at once
        yield calls.c.id.in_(connection.scalars(select(calls.c.id).where(calls.c.ended_at.is_(None))).all())
    elif wanted.live is False:
        yield calls.c.ended_at.is_not(None)
    if wanted.since is not None:
        yield calls.c.started_at >= wanted.since
    if wanted.until is not None:
        yield calls.c.started_at < wanted.until
    for name, value in wanted.facets:
        own = facets.c.name == name, facets.c.value == value
        few = connection.scalars(select(facets.c.call).where(*own).limit(FEW + 1)).all()
        if len(few) <= FEW:
            yield calls.c.id.in_(few)
        else:  # there are so many that the newest calls are soon found among all
            yield select(facets.c.call).where(facets.c.call == calls.c.id, *own).exists()
    if wanted.before is not None:
        at, key = wanted.before
        yield or_(calls.c.started_at < at, and_(calls.c.started_at == at, calls.c.id < key))


def _moment(call_id: str, row: Row[Any]) -> SpeakerChanged | Warning:
    place = {"call_id": call_id, "seq": row.seq, "t": row._mapping["t"], "channel": row.channel}
    if row.code is not None:
        return Warning(**place, code=row.code, reason=row.reason)
    return SpeakerChanged(**place, from_=row.before, to=row.after, confidence=row.confidence)


def _stored(row: Row[Any]) -> StoredCall:
    fields = {str(name): value for name, value in row._mapping.items() if name not in ("id", "facts", "summary")}
    summary = None if row.summary is None else msgspec.json.decode(row.summary, type=CallSummary)
    return msgspec.structs.replace(
        msgspec.convert(fields | {"key": row.id, "summary": None}, StoredCall), summary=summary
    )
