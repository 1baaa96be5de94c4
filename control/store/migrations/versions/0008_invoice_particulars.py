"""What a document says beside its rows: names of items and taxes, the way to pay. Frozen when it is issued.

Revision ID: 0008
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TABLE = "invoice_particulars"
_REFUSAL = "invoice_particulars is frozen: issued documents do not change"


def upgrade() -> None:
    """Create the table and refuse changes of its rows."""
    op.create_table(
        _TABLE,
        sa.Column("invoice_id", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("invoice_id", name=f"pk_{_TABLE}"),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.invoice_id"], name=f"fk_{_TABLE}_invoice_id"),
    )
    dialect = op.get_bind().dialect.name
    for event in ("UPDATE", "DELETE"):
        trigger = f"CREATE TRIGGER {_TABLE}_refuse_{event.lower()} BEFORE {event} ON {_TABLE}"
        if dialect == "sqlite":
            op.execute(f"{trigger} BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END")
        elif dialect == "postgresql":
            op.execute(f"{trigger} FOR EACH ROW EXECUTE FUNCTION meterhouse_refuse()")


def downgrade() -> None:
    """Drop it."""
    op.drop_table(_TABLE)
