"""Debt: terms of accounts, held claims, promises, steps of dunning, restrictions, mails.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Dropped in this order.
_TABLES = ("mails", "restrictions", "dunning_steps", "promises", "claim_holds", "debt_terms")


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _integer(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def _date(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Date, nullable=False)


def _create(table: str, *items: Any, key: tuple[str, ...], of: str = "accounts.account_id", indexes: tuple[str, ...] = ()) -> None:  # noqa: ANN401 - columns and constraints
    column = of.partition(".")[2]
    op.create_table(
        table,
        *items,
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint([column], [of], name=f"fk_{table}_{column}"),
        sa.PrimaryKeyConstraint(*key, name=f"pk_{table}"),
    )
    for name in ("revision", *indexes):
        op.create_index(f"ix_{table}_{name}", table, [name])


def upgrade() -> None:
    """Create the tables."""
    _create(
        "debt_terms",
        *(_text("account_id"), _integer("grace_days"), _text("language"), _text("currency_code")),
        *(_text("credit_limit_minor", nullable=True), _text("prepaid_minimum_minor", nullable=True), _text("actor"), _text("updated_at")),
        key=("account_id",),
    )
    _create(
        "claim_holds",
        *(_text("invoice_id"), _integer("number"), _text("reason"), _text("actor"), _text("placed_at"), _text("lifted_at")),
        key=("invoice_id", "number"),
        of="invoices.invoice_id",
    )
    _create(
        "promises",
        *(_text("promise_id"), _text("account_id"), _text("currency_code"), _text("amount_minor"), _date("promised_for")),
        *(_text("made_at"), _text("actor"), _text("withdrawn_at")),
        key=("promise_id",),
        indexes=("account_id",),
    )
    _create(
        "dunning_steps",
        *(_text("account_id"), _date("anchor_date"), _integer("round"), _text("state"), _text("step"), _text("policy")),
        *(_text("policy_hash"), _integer("days_overdue"), _text("currency_code"), _text("amount_minor"), _text("invoice_numbers")),
        _text("taken_at"),
        key=("account_id", "anchor_date", "round", "state", "step"),
    )
    _create(
        "restrictions",
        *(_text("account_id"), _text("cause"), _integer("number"), _text("reason"), _text("since_at"), _text("lifted_at")),
        sa.CheckConstraint("cause IN ('overdue', 'credit_limit', 'prepaid', 'fraud')", name="ck_restrictions_cause"),
        key=("account_id", "cause", "number"),
    )
    _create(
        "mails",
        *(_text("mail_id"), _text("account_id"), _text("template"), _text("language"), _text("about"), _text("recipients")),
        *(_text("subject"), _text("plain_body"), _text("html_body"), _text("status"), _integer("tries"), _text("message")),
        *(_text("created_at"), _text("due_at"), _text("sent_at")),
        sa.CheckConstraint("status IN ('pending', 'sent', 'withdrawn', 'given_up')", name="ck_mails_status"),
        key=("mail_id",),
        indexes=("account_id", "status"),
    )
    _refuse_changes("dunning_steps")
    # A look reads one account; the index of a month's documents leaves refund notes out.
    op.create_index("ix_invoices_account_id", "invoices", ["account_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_invoices_account_id", "invoices")
    for table in _TABLES:
        op.drop_table(table)


def _refuse_changes(table: str) -> None:
    dialect = op.get_bind().dialect.name
    for event in ("UPDATE", "DELETE"):
        name = f"{table}_refuse_{event.lower()}"
        if dialect == "sqlite":
            op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, '{table} is frozen'); END")
        elif dialect == "postgresql":
            op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION meterhouse_refuse()")
