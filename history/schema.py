"""Every table. Times are seconds since 1970 in UTC; what is a document is JSON.

A change here needs a migration beside it: `alembic -c history/alembic.ini revision --autogenerate -m WHY`.
"""

from __future__ import annotations

from sqlalchemy import JSON, Column, Double, Index, Integer, MetaData, String, Table, Text

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
