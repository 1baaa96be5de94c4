"""Members, contacts and projects get a place in the order of changes, so that they reach the warehouse; pay-outs of bank refunds.

Who is taken out stays as a row that says so: otherwise the warehouse would never hear of it. On the way back those rows go.

Revision ID: 0007
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from control.errors import StoreError

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Table to its key, and whether its rows can be taken out.
_PEOPLE = {
    "account_contacts": (("account_id", "email"), True),
    "members": (("account_id", "email"), True),
    "projects": (("project_id",), False),
}


def upgrade() -> None:
    """Give the rows that exist their revisions, and make the table of pay-outs."""
    for table, (key, is_removable) in _PEOPLE.items():
        op.add_column(table, sa.Column("revision", sa.BigInteger, nullable=True))
        if is_removable:
            op.add_column(table, sa.Column("is_removed", sa.Boolean, nullable=True))
            op.execute(f"UPDATE {table} SET is_removed = false")
        _number_rows(table, key)
        with op.batch_alter_table(table) as batch:
            batch.alter_column("revision", existing_type=sa.BigInteger, nullable=False)
            if is_removable:
                batch.alter_column("is_removed", existing_type=sa.Boolean, nullable=False)
        op.create_index(f"ix_{table}_revision", table, ["revision"])
    op.add_column("bank_receipts", sa.Column("payer_account", sa.Text, nullable=True))
    op.execute("UPDATE bank_receipts SET payer_account = ''")
    with op.batch_alter_table("bank_receipts") as batch:
        batch.alter_column("payer_account", existing_type=sa.Text, nullable=False)
    texts = ("bank_account", "creditor_name", "creditor_account", "currency_code", "amount_minor", "remittance", "status", "export_id")
    op.create_table(
        "payouts",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("payout_id", *texts, "entry_id", "message", "made_at", "updated_at")),
        sa.Column("exported_at", sa.Text, nullable=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("payout_id", name="pk_payouts"),
        sa.ForeignKeyConstraint(["payout_id"], ["refunds.refund_id"], name="fk_payouts_payout_id"),
        sa.CheckConstraint("status IN ('waiting', 'exported', 'booked', 'failed')", name="ck_payouts_status"),
    )
    for column in ("export_id", "revision", "status"):
        op.create_index(f"ix_payouts_{column}", "payouts", [column])


def downgrade() -> None:
    """Drop the rows that say who was taken out, the columns and the pay-outs.

    Raises:
        StoreError: a pay-out is under way, which the older schema would forget and somebody would pay again.
    """
    waiting = op.get_bind().execute(sa.text("SELECT payout_id FROM payouts WHERE status IN ('waiting', 'exported')")).first()
    if waiting is not None:
        raise StoreError(f"pay-out {waiting.payout_id} is under way, which schema 0003 cannot hold; book or cancel it first")
    op.drop_table("payouts")
    with op.batch_alter_table("bank_receipts") as batch:
        batch.drop_column("payer_account")
    for table, (_, is_removable) in _PEOPLE.items():
        op.drop_index(f"ix_{table}_revision", table)
        if is_removable:
            op.execute(f"DELETE FROM {table} WHERE is_removed")
        with op.batch_alter_table(table) as batch:
            batch.drop_column("revision")
            if is_removable:
                batch.drop_column("is_removed")


def _number_rows(table: str, key: tuple[str, ...]) -> None:
    """Give each row the next revision."""
    bind = op.get_bind()
    rows = bind.execute(sa.text(f"SELECT {', '.join(key)} FROM {table} ORDER BY {', '.join(key)}")).all()
    last: int = bind.execute(sa.text("SELECT value FROM counters WHERE name = 'revision'")).scalar_one()
    condition = " AND ".join(f"{name} = :{name}" for name in key)
    for number, row in enumerate(rows, start=last + 1):
        bind.execute(sa.text(f"UPDATE {table} SET revision = :revision WHERE {condition}"), {**row._mapping, "revision": number})
    bind.execute(sa.text("UPDATE counters SET value = :value WHERE name = 'revision'"), {"value": last + len(rows)})
