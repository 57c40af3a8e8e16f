"""Every table. Times are seconds since 1970 in UTC; what is a document is JSON.

A change here needs a migration beside it: `alembic -c history/alembic.ini revision --autogenerate -m WHY`.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

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
    Column("done_at", Double),
    Column("problem", Text),
    Index(None, "state", "next_at"),
    Index(None, "call_id"),
)
"""The outbox: what is to be told to whom. `state`: waiting, delivered, failed; `problem`: why the last try failed."""

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
