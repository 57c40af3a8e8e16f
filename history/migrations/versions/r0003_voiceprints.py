"""Voiceprints, and embeddings of recordings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "voiceprints",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("model", sa.String(128), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_by", sa.String(16), nullable=True),
        sa.Column("windows", sa.Double(), nullable=False),
        sa.Column("recordings", sa.Integer(), nullable=False),
        sa.Column("speech_s", sa.Double(), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("consent", sa.JSON(), nullable=False),
        sa.Column("enrolled_at", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_voiceprints"),
        sa.UniqueConstraint("name", "model", name="uq_voiceprints_name_model"),
    )
    op.create_index("ix_voiceprints_expires_at", "voiceprints", ["expires_at"])
    op.create_table(
        "embeddings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("model", sa.String(128), nullable=False),
        sa.Column("source", sa.String(1024), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=True),
        sa.Column("end_s", sa.Double(), nullable=True),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_by", sa.String(16), nullable=True),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_embeddings"),
    )
    op.create_index("ix_embeddings_kind_model", "embeddings", ["kind", "model"])
    op.create_index("ix_embeddings_source", "embeddings", ["source"])
