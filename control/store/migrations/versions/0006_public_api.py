"""The public API: keys of one account that rotate, audit log, idempotency keys, webhook subscriptions and their deliveries.

Revision ID: 0006
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ADDED = ("account_id", "previous_hash")
_ADDED_INSTANTS = ("previous_until", "last_used_at")


def upgrade() -> None:
    """Create the tables. Keys that exist reach all accounts, as before."""
    for name in _ADDED:
        op.add_column("api_keys", sa.Column(name, sa.Text, nullable=False, server_default=""))
    for name in _ADDED_INSTANTS:
        op.add_column("api_keys", sa.Column(name, sa.Text, nullable=True))
    op.create_table(
        "audit_log",
        *_texts("request_id", "asked_at", "key_id", "key_name", "account_id", "action", "path", "idempotency_key", "outcome"),
        sa.Column("status", sa.Integer, nullable=False),
        *_texts("problem"),
        sa.CheckConstraint("outcome IN ('committed', 'refused', 'failed')", name="ck_audit_log_outcome"),
        sa.PrimaryKeyConstraint("request_id", name="pk_audit_log"),
    )
    op.create_index("ix_audit_log_asked_at", "audit_log", ["asked_at"])
    op.create_index("ix_audit_log_account_id", "audit_log", ["account_id"])
    op.create_table(
        "idempotency_keys",
        *_texts("key_id", "idempotency_key", "fingerprint", "request_id", "state"),
        sa.Column("status", sa.Integer, nullable=False),
        *_texts("body", "claimed_at"),
        sa.CheckConstraint("state IN ('in_flight', 'answered', 'unknown')", name="ck_idempotency_keys_state"),
        sa.PrimaryKeyConstraint("key_id", "idempotency_key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_claimed_at", "idempotency_keys", ["claimed_at"])
    op.create_table(
        "webhook_subscriptions",
        *_texts("subscription_id", "account_id", "url", "event_types"),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("secret_version", sa.Integer, nullable=False),
        *_texts("created_at"),
        sa.PrimaryKeyConstraint("subscription_id", name="pk_webhook_subscriptions"),
    )
    op.create_index("ix_webhook_subscriptions_account_id", "webhook_subscriptions", ["account_id"])
    op.create_table(
        "webhook_deliveries",
        *_texts("subscription_id", "event_id", "status"),
        sa.Column("tries", sa.Integer, nullable=False),
        *_texts("message", "created_at", "due_at"),
        sa.Column("delivered_at", sa.Text, nullable=True),
        sa.CheckConstraint("status IN ('pending', 'delivered', 'given_up')", name="ck_webhook_deliveries_status"),
        sa.PrimaryKeyConstraint("subscription_id", "event_id", name="pk_webhook_deliveries"),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["webhook_subscriptions.subscription_id"], name="fk_webhook_deliveries_subscription_id"
        ),
        sa.ForeignKeyConstraint(["event_id"], ["outbox.event_id"], name="fk_webhook_deliveries_event_id"),
    )
    op.create_index("ix_webhook_deliveries_status", "webhook_deliveries", ["status"])


def downgrade() -> None:
    """Drop them. A key of one account would reach all without its binding, so it goes too."""
    for table in ("webhook_deliveries", "webhook_subscriptions", "idempotency_keys", "audit_log"):
        op.drop_table(table)
    op.execute("DELETE FROM api_keys WHERE account_id != ''")
    with op.batch_alter_table("api_keys") as batch:
        for name in (*_ADDED, *_ADDED_INSTANTS):
            batch.drop_column(name)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]
