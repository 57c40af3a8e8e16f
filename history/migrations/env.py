"""What alembic runs: on the connection it is given, or, by hand, on an empty database in memory."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine

from history.schema import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    connection = create_engine("sqlite://").connect()
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
