"""Antifraud: what gateways tell of cards, tries to bind them, decisions and what people said of them.

Revision ID: 0005
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_CARD_FACTS = ("fingerprint", "funding", "country_code")
_APPEND_ONLY = ("card_attempts", "fraud_decisions", "fraud_verdicts")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def upgrade() -> None:
    """Create the tables; of cards that are known already, nothing more is known."""
    for name in _CARD_FACTS:
        op.add_column("payment_methods", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.create_table(
        "card_attempts",
        *(_text(name) for name in ("attempt_id", "account_id", "gateway", "outcome", "code", "payment_method_id", "brand")),
        *(_text(name) for name in (*_CARD_FACTS, "tried_at")),
        sa.PrimaryKeyConstraint("attempt_id", name="pk_card_attempts"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_card_attempts_account_id"),
        sa.CheckConstraint("outcome IN ('saved', 'declined')", name="ck_card_attempts_outcome"),
    )
    op.create_index("ix_card_attempts_account_id", "card_attempts", ["account_id"])
    op.create_index("ix_card_attempts_tried_at", "card_attempts", ["tried_at"])
    op.create_table(
        "fraud_decisions",
        _text("account_id"),
        sa.Column("number", sa.Integer, nullable=False),
        *(_text(name) for name in ("as_of", "decided_at", "cause", "policy_version", "score", "action", "findings")),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "number", name="pk_fraud_decisions"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name="fk_fraud_decisions_account_id"),
        sa.CheckConstraint("cause IN ('scan', 'card')", name="ck_fraud_decisions_cause"),
        sa.CheckConstraint("action IN ('challenge', 'review', 'limit', 'suspend')", name="ck_fraud_decisions_action"),
    )
    op.create_index("ix_fraud_decisions_revision", "fraud_decisions", ["revision"])
    op.create_table(
        "fraud_verdicts",
        _text("account_id"),
        sa.Column("number", sa.Integer, nullable=False),
        *(_text(name) for name in ("verdict", "reason", "actor", "given_at")),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "number", name="pk_fraud_verdicts"),
        sa.ForeignKeyConstraint(
            ["account_id", "number"], ["fraud_decisions.account_id", "fraud_decisions.number"], name="fk_fraud_verdicts_account_id"
        ),
        sa.CheckConstraint("verdict IN ('released', 'confirmed')", name="ck_fraud_verdicts_verdict"),
    )
    op.create_index("ix_fraud_verdicts_revision", "fraud_verdicts", ["revision"])
    _refuse_changes()


def downgrade() -> None:
    """Drop the tables, and what was known of cards."""
    for table in reversed(_APPEND_ONLY):
        op.drop_table(table)
    for name in reversed(_CARD_FACTS):
        op.drop_column("payment_methods", name)


def _refuse_changes() -> None:
    dialect = op.get_bind().dialect.name
    for table in _APPEND_ONLY:
        for event in ("UPDATE", "DELETE"):
            name = f"{table}_refuse_{event.lower()}"
            if dialect == "sqlite":
                refusal = "frozen: what was decided does not change"
                op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, '{table} is {refusal}'); END")
            elif dialect == "postgresql":
                op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION meterhouse_refuse()")
