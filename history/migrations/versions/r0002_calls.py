"""Calls and what was heard in them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(128), nullable=False),
        sa.Column("server", sa.String(32), nullable=False),
        sa.Column("transport", sa.String(32), nullable=False),
        sa.Column("channels", sa.JSON(), nullable=False),
        sa.Column("models", sa.JSON(), nullable=False),
        sa.Column("horizon_s", sa.Double(), nullable=False),
        sa.Column("hop_s", sa.Double(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("voices", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("reason", sa.String(64), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("last_seq", sa.Integer(), nullable=True),
        sa.Column("emotion", sa.String(16), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("facts", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_calls_call_id_started_at", "calls", ["call_id", "started_at"], unique=True)
    op.create_index("ix_calls_ended_at", "calls", ["ended_at"])
    op.create_index("ix_calls_started_at", "calls", ["started_at"])

    op.create_table(
        "servers",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_servers"),
    )
    op.create_table(
        "trends",
        sa.Column("span", sa.String(8), nullable=False),
        sa.Column("name", sa.String(264), nullable=False),
        sa.Column("value", sa.String(256), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Double(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("speech_s", sa.Double(), nullable=False),
        sa.Column("alerts", sa.Double(), nullable=False),
        sa.Column("alerted_calls", sa.Double(), nullable=False),
        sa.Column("heard_s", sa.Double(), nullable=False),
        sa.Column("unusable_s", sa.Double(), nullable=False),
        sa.Column("arousal_s", sa.Double(), nullable=False),
        sa.Column("angry_s", sa.Double(), nullable=False),
        sa.Column("disgusted_s", sa.Double(), nullable=False),
        sa.Column("fearful_s", sa.Double(), nullable=False),
        sa.Column("happy_s", sa.Double(), nullable=False),
        sa.Column("neutral_s", sa.Double(), nullable=False),
        sa.Column("other_s", sa.Double(), nullable=False),
        sa.Column("sad_s", sa.Double(), nullable=False),
        sa.Column("surprised_s", sa.Double(), nullable=False),
        sa.Column("unknown_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("span", "name", "value", "role", "start", name="pk_trends"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_trends_start", "trends", ["start"])

    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.String(160), nullable=False),
        sa.Column("rule", sa.String(64), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("measure", sa.String(32), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=True),
        sa.Column("role", sa.String(32), nullable=True),
        sa.Column("speaker", sa.String(64), nullable=True),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("scores", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("raised_s", sa.Double(), nullable=False),
        sa.Column("cleared_s", sa.Double(), nullable=True),
        sa.Column("raised_at", sa.Double(), nullable=False),
        sa.Column("cleared_at", sa.Double(), nullable=True),
        sa.Column("acknowledged_at", sa.Double(), nullable=True),
        sa.Column("acknowledged_by", sa.String(128), nullable=True),
        sa.Column("snoozed_until", sa.Double(), nullable=True),
        sa.Column("snoozed_by", sa.String(128), nullable=True),
        sa.Column("resolved_at", sa.Double(), nullable=True),
        sa.Column("resolved_by", sa.String(128), nullable=True),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name="fk_alerts_call", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alerts_alert_id", "alerts", ["alert_id"])
    op.create_index("ix_alerts_call_alert_id", "alerts", ["call", "alert_id"], unique=True)
    op.create_index("ix_alerts_raised_at", "alerts", ["raised_at"])
    op.create_index("ix_alerts_rule_raised_at", "alerts", ["rule", "raised_at"])

    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call", sa.Integer(), nullable=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("alert_id", sa.String(160), nullable=True),
        sa.Column("detail", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name="fk_audit_call", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_call", "audit", ["call"])

    op.create_table(
        "facets",
        sa.Column("call", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(264), nullable=False),
        sa.Column("value", sa.String(256), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name="fk_facets_call", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call", "name", "value", name="pk_facets"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_facets_name_value_call", "facets", ["name", "value", "call"])

    op.create_table(
        "moments",
        sa.Column("call", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("t", sa.Double(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("before", sa.String(64), nullable=True),
        sa.Column("after", sa.String(64), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name="fk_moments_call", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call", "seq", name="pk_moments"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.String(160), nullable=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("by", sa.String(128), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name="fk_notes_call", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_notes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notes_call", "notes", ["call"])

    op.create_table(
        "seconds",
        sa.Column("call", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name="fk_seconds_call", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call", "channel", "minute", name="pk_seconds"),
    )
    op.create_table(
        "speakers",
        sa.Column("call", sa.Integer(), nullable=False),
        sa.Column("speaker", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=True),
        sa.Column("speech_s", sa.Double(), nullable=False),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("arousal", sa.Double(), nullable=True),
        sa.Column("emotion", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name="fk_speakers_call", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call", "speaker", name="pk_speakers"),
    )
    op.create_table(
        "turns",
        sa.Column("call", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=True),
        sa.Column("speaker", sa.String(64), nullable=True),
        sa.Column("label", sa.String(16), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("arousal", sa.Double(), nullable=True),
        sa.Column("reliability", sa.String(16), nullable=True),
        sa.Column("scores", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name="fk_turns_call", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call", "channel", "start_s", name="pk_turns"),
        sqlite_with_rowid=False,
    )
