"""Every table. Times are seconds since 1970 in UTC; what is a document is JSON. In SQLite, tables of many small rows
lie in the order of their keys (`sqlite_with_rowid=False`): less space, and what is read together is together.

A change here needs a migration beside it: `alembic -c history/alembic.ini revision --autogenerate -m WHY`.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.sql.schema import SchemaItem

from monitor.labels import LABELS

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

alert_rules = Table(
    "alert_rules",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("rule", JSON, nullable=False),
    Column("changed_at", Double, nullable=False),
)
"""Rules that were set over REST; they come before those of undertone.toml."""

notifications = Table(
    "notifications",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("channel", String(64), nullable=False),
    Column("event_id", String(160), nullable=False),
    Column("call_id", String(128), nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("next_at", Double, nullable=False),
    Column("give_up_at", Double, nullable=False),
    Column("done_at", Double),
    Column("problem", Text),
    Index(None, "channel", "state", "next_at"),
    Index(None, "channel", "id"),
    Index(None, "state", "id"),
    Index(None, "call_id", "channel", "state", "id"),
)
"""The outbox: what is to be told to whom. `id`s grow; `body`: what is sent, as the channel's kind has it; `state`:
waiting, delivered, failed; `problem`: why the last attempt failed."""


def _sums(*names: str) -> tuple[SchemaItem, ...]:
    return tuple(Column(name, Double, nullable=False) for name in names)


def _of_call(primary_key: bool = False) -> Column[int]:
    """The call that a row belongs to, and with which it goes."""
    key = ForeignKey("calls.id", ondelete="CASCADE")
    return Column("call", Integer, key, primary_key=primary_key, nullable=False)


servers = Table(
    "servers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("seen_at", Double, nullable=False),
)
"""Processes that write here, and when each was alive last: a dead one's calls are closed by another."""

calls = Table(
    "calls",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call_id", String(128), nullable=False),
    Column("server", String(32), nullable=False),
    Column("transport", String(32), nullable=False),
    Column("channels", JSON, nullable=False),
    Column("models", JSON, nullable=False),
    Column("horizon_s", Double, nullable=False),
    Column("hop_s", Double, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("voices", JSON, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("reason", String(64)),
    Column("duration_s", Double),
    Column("last_seq", Integer),
    Column("emotion", String(16)),
    Column("summary", Text),
    Column("facts", Text),
    Index(None, "call_id", "started_at", unique=True),
    Index(None, "started_at"),
    Index(None, "ended_at"),
    sqlite_autoincrement=True,
)
"""One row per call; a `call_id` may come again later, with another `id`, which only grows. `voices`: the speakers that
`seconds` counts, by the names they have by now. `ended_at` and what follows: null while it is live. `emotion`: the
highest score of the whole call. `summary`: `CallSummary` as JSON, without the turns, which are rows.
`facts`: what it adds to the trends (`history.tally`), as JSON."""

facets = Table(
    "facets",
    metadata,
    _of_call(primary_key=True),
    Column("name", String(264), primary_key=True),
    Column("value", String(256), primary_key=True),
    Index(None, "name", "value", "call"),
    sqlite_with_rowid=False,
)
"""What calls are found by: `role`, `emotion`, and `tag:KEY`."""

seconds = Table(
    "seconds",
    metadata,
    _of_call(primary_key=True),
    Column("channel", Integer, primary_key=True),
    Column("minute", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
"""Emotion by the second, a minute to a row (`history.packing`)."""

turns = Table(
    "turns",
    metadata,
    _of_call(primary_key=True),
    Column("channel", Integer, primary_key=True),
    Column("start_s", Double, primary_key=True),
    Column("end_s", Double),
    Column("speaker", String(64)),
    Column("label", String(16)),
    Column("confidence", Double),
    Column("arousal", Double),
    Column("reliability", String(16)),
    Column("scores", LargeBinary),
    sqlite_with_rowid=False,
)
"""Stretches of speech of one speaker. `end_s` is null while one goes on; what is emotion is null where none was said.
`scores`: packed (`history.packing`)."""

speakers = Table(
    "speakers",
    metadata,
    _of_call(primary_key=True),
    Column("speaker", String(64), primary_key=True),
    Column("role", String(32)),
    Column("speech_s", Double, nullable=False),
    Column("turns", Integer, nullable=False),
    Column("arousal", Double),
    Column("emotion", JSON(none_as_null=True)),
)
"""The speakers of a call that is over."""

moments = Table(
    "moments",
    metadata,
    _of_call(primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("t", Double, nullable=False),
    Column("channel", Integer),
    Column("code", String(64)),
    Column("reason", Text),
    Column("before", String(64)),
    Column("after", String(64)),
    Column("confidence", Double),
    sqlite_with_rowid=False,
)
"""Warnings, which have a `code` and a `reason`, and changes of speaker."""

alerts = Table(
    "alerts",
    metadata,
    Column("id", Integer, primary_key=True),
    _of_call(),
    Column("alert_id", String(160), nullable=False),
    Column("rule", String(64), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("measure", String(32), nullable=False),
    Column("channel", Integer),
    Column("role", String(32)),
    Column("speaker", String(64)),
    Column("value", Double, nullable=False),
    Column("threshold", Double, nullable=False),
    Column("start_s", Double, nullable=False),
    Column("end_s", Double, nullable=False),
    Column("scores", JSON(none_as_null=True)),
    Column("link", Text, nullable=False),
    Column("raised_s", Double, nullable=False),
    Column("cleared_s", Double),
    Column("raised_at", Double, nullable=False),
    Column("cleared_at", Double),
    Column("acknowledged_at", Double),
    Column("acknowledged_by", String(128)),
    Column("snoozed_until", Double),
    Column("snoozed_by", String(128)),
    Column("resolved_at", Double),
    Column("resolved_by", String(128)),
    Index(None, "call", "alert_id", unique=True),
    Index(None, "alert_id"),
    Index(None, "raised_at"),
    Index(None, "rule", "raised_at"),
    sqlite_autoincrement=True,
)
"""Alerts as their newest event has them, and what people did about them."""

notes = Table(
    "notes",
    metadata,
    Column("id", Integer, primary_key=True),
    _of_call(),
    Column("alert_id", String(160)),
    Column("at", Double, nullable=False),
    Column("by", String(128), nullable=False),
    Column("text", Text, nullable=False),
    Index(None, "call"),
    sqlite_autoincrement=True,
)
"""What people wrote, of a call or of one of its alerts."""

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call", Integer, ForeignKey("calls.id", ondelete="CASCADE")),
    Column("at", Double, nullable=False),
    Column("by", String(128), nullable=False),
    Column("action", String(32), nullable=False),
    Column("alert_id", String(160)),
    Column("detail", JSON(none_as_null=True)),
    Index(None, "call"),
    Index(None, "at"),
    sqlite_autoincrement=True,
)
"""Who did what and when. That calls were deleted stays, without saying which."""

TREND_SUMS = ("calls", "duration_s", "speech_s", "alerts", "alerted_calls", "heard_s", "unusable_s", "arousal_s")

trends = Table(
    "trends",
    metadata,
    Column("span", String(8), primary_key=True),
    Column("name", String(264), primary_key=True),
    Column("value", String(256), primary_key=True),
    Column("role", String(32), primary_key=True),
    Column("start", Integer, primary_key=True),
    *_sums(*TREND_SUMS, *(f"{label}_s" for label in LABELS)),
    Index(None, "start"),
    sqlite_with_rowid=False,
)
"""Sums over calls that began in an hour or a day (`span`, `start`: seconds since 1970). `name` and `value`: of calls
with this tag, empty for all. `role`: empty for what is counted by call, else the speech of that role: `heard_s` seconds
with a usable reading, and each score and the arousal summed over these (`angry_s`)."""

voiceprints = Table(
    "voiceprints",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("model", String(128), nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Column("sealed_by", String(16)),
    Column("windows", Double, nullable=False),
    Column("recordings", Integer, nullable=False),
    Column("speech_s", Double, nullable=False),
    Column("problems", JSON, nullable=False),
    Column("consent", JSON, nullable=False),
    Column("enrolled_at", Double, nullable=False),
    Column("changed_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    UniqueConstraint("name", "model"),
    Index(None, "expires_at"),
)
"""People who are to be recognised. `vector`: float32, little-endian, encrypted if `sealed_by` names a key; `windows`:
how many full windows' worth of speech it is the mean of; gone at `expires_at`, when the consent is."""

embeddings = Table(
    "embeddings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("model", String(128), nullable=False),
    Column("source", String(1024), nullable=False),
    Column("start_s", Double),
    Column("end_s", Double),
    Column("vector", LargeBinary, nullable=False),
    Column("sealed_by", String(16)),
    Column("about", JSON, nullable=False),
    Column("created_at", Double, nullable=False),
    Index(None, "kind", "model"),
    Index(None, "source"),
)
"""Recordings, or the part [`start_s`, `end_s`) of one, as a model hears them. `kind`: emotion, speaker, or cohort
(voices that nobody asks about, to compare with); `vector` and `sealed_by` as in voiceprints."""
