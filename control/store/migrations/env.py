"""Alembic's entry: runs the scripts in the transaction that migrate.py opened."""

from __future__ import annotations

from alembic import context

from control.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
