"""Accounts, credits, budgets; issued documents; payments and their ledger; leases.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Columns of an issued document that may still change; all others are frozen.
_MUTABLE = frozenset({"status", "paid_minor", "revision"})
_APPEND_ONLY = ("invoice_lines", "invoice_credit_uses", "closed_periods", "closed_taxes", "ledger_postings")
_TABLES = (
    "leases", "ledger_postings", "payments", "gateway_customers", "invoice_credit_uses", "invoice_lines", "invoices",
    "closed_taxes", "closed_periods", "budgets", "credits", "accounts", "number_series", "counters", "deployment",
)  # fmt: skip


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _bigint(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _integer(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def _primary_key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{columns[0]}")


def _foreign_key(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.{column}"], name=f"fk_{table}_{column}")


def _index(table: str, column: str) -> None:
    op.create_index(f"ix_{table}_{column}", table, [column])


def upgrade() -> None:
    """Create everything, the counter and this deployment's id."""
    deployment = op.create_table("deployment", _text("deployment_id"), _primary_key("deployment", "deployment_id"))
    op.bulk_insert(deployment, [{"deployment_id": uuid.uuid4().hex}])
    counters = op.create_table("counters", _text("name"), _bigint("value"), _primary_key("counters", "name"))
    op.bulk_insert(counters, [{"name": "revision", "value": 0}])
    op.create_table(
        "number_series",
        *(_text("seller_key"), _text("prefix"), _bigint("last_number")),
        _primary_key("number_series", "seller_key"),
        _unique("number_series", "prefix"),
    )
    _create_accounts()
    _create_documents()
    _create_payments()
    op.create_table(
        "leases",
        *(_text("name"), _text("token"), _text("holder"), _text("host"), _bigint("pid"), _text("process_started")),
        *(_bigint("acquired_ms"), _bigint("renewals"), _bigint("expires_ms")),
        _primary_key("leases", "name"),
    )
    _create_triggers()


def downgrade() -> None:
    """Drop everything."""
    for table in _TABLES:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION meterhouse_refuse()")


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        *(_text("account_id"), _text("name"), _text("currency_code"), _text("country_code"), _text("tax_id")),
        sa.Column("is_tax_exempt", sa.Boolean, nullable=False),
        *(_text("email"), _text("gateway"), _integer("payment_terms_days")),
        *(_text("legal_name"), _text("address"), _text("postal_code"), _text("city"), _bigint("revision")),
        _primary_key("accounts", "account_id"),
    )
    op.create_table(
        "credits",
        *(_text("credit_id"), _text("account_id"), _text("amount_minor"), _text("used_minor"), _text("currency_code")),
        *(_text("valid_from"), _text("valid_to"), _bigint("revision")),
        _primary_key("credits", "credit_id"),
        _foreign_key("credits", "account_id", "accounts"),
    )
    op.create_table(
        "budgets",
        *(_text("budget_id"), _text("account_id"), _text("scope_type"), _text("scope_value"), _text("amount_minor")),
        *(_text("currency_code"), _text("thresholds"), _bigint("revision")),
        _primary_key("budgets", "budget_id"),
        _foreign_key("budgets", "account_id", "accounts"),
    )
    for table in ("accounts", "credits", "budgets"):
        _index(table, "revision")


def _create_documents() -> None:
    op.create_table(
        "closed_periods",
        *(_text("period"), _text("closed_at"), _text("as_of"), _bigint("revision")),
        _primary_key("closed_periods", "period"),
    )
    op.create_table(
        "closed_taxes",
        *(_text("period"), _text("account_id"), _text("tax_percent"), _text("tax_note"), _bigint("revision")),
        _primary_key("closed_taxes", "period", "account_id"),
        _foreign_key("closed_taxes", "period", "closed_periods"),
        _foreign_key("closed_taxes", "account_id", "accounts"),
    )
    op.create_table(
        "invoices",
        *(_text("invoice_id"), _text("invoice_number"), _text("seller_key"), _bigint("series_number"), _text("kind"), _text("account_id")),
        *(_text("period"), _text("adjusted_period"), _text("status"), _text("currency_code")),
        *(_text("subtotal_minor"), _text("credit_minor"), _text("tax_percent"), _text("tax_minor"), _text("total_minor")),
        *(_text("paid_minor"), _text("tax_note"), _text("issued_at"), sa.Column("due_date", sa.Date, nullable=False)),
        *(_text("seller_legal_name"), _text("seller_address"), _text("seller_postal_code"), _text("seller_city")),
        *(_text("seller_country_code"), _text("seller_tax_id")),
        *(_text("buyer_name"), _text("buyer_legal_name"), _text("buyer_address"), _text("buyer_postal_code"), _text("buyer_city")),
        *(_text("buyer_country_code"), _text("buyer_tax_id"), _text("content_hash"), _bigint("revision")),
        _primary_key("invoices", "invoice_id"),
        _foreign_key("invoices", "account_id", "accounts"),
        _unique("invoices", "invoice_number"),
        _unique("invoices", "seller_key", "series_number"),
        _unique("invoices", "account_id", "period", "kind", "adjusted_period"),
        sa.CheckConstraint("status IN ('issued', 'partially_paid', 'paid', 'uncollectible')", name="ck_invoices_status"),
        sa.CheckConstraint("kind IN ('invoice', 'debit_note', 'credit_note', 'refund_note')", name="ck_invoices_kind"),
    )
    op.create_table(
        "invoice_lines",
        *(_text("invoice_id"), _integer("line_number"), _text("line_type"), _text("sku_id"), _text("price_id"), _text("quantity")),
        *(_text("unit"), _text("amount_minor"), _bigint("revision")),
        _primary_key("invoice_lines", "invoice_id", "line_number"),
        _foreign_key("invoice_lines", "invoice_id", "invoices"),
    )
    op.create_table(
        "invoice_credit_uses",
        *(_text("invoice_id"), _text("credit_id"), _integer("use_order"), _text("amount_minor"), _bigint("revision")),
        _primary_key("invoice_credit_uses", "invoice_id", "credit_id"),
        _foreign_key("invoice_credit_uses", "invoice_id", "invoices"),
        _foreign_key("invoice_credit_uses", "credit_id", "credits"),
    )
    for table, column in (
        *((table, "revision") for table in ("closed_periods", "closed_taxes", "invoices", "invoice_lines", "invoice_credit_uses")),
        *(("invoices", column) for column in ("period", "status")),
    ):
        _index(table, column)


def _create_payments() -> None:
    op.create_table(
        "gateway_customers",
        *(_text("account_id"), _text("gateway"), _text("gateway_customer_id"), _text("payment_method_id")),
        *(_text("card_brand"), _text("card_last4"), _text("card_expires")),
        _primary_key("gateway_customers", "account_id", "gateway"),
        _foreign_key("gateway_customers", "account_id", "accounts"),
    )
    op.create_table(
        "payments",
        *(_text("payment_id"), _text("invoice_id"), _integer("attempt"), _text("gateway"), _text("gateway_customer_id")),
        *(_text("payment_method_id"), _text("currency_code"), _text("amount_minor"), _text("charged_minor"), _text("balance_minor")),
        *(_text("status"), _text("gateway_payment_id"), _text("reason_code"), _text("message")),
        *(_text("started_at"), _text("updated_at"), _bigint("revision")),
        _primary_key("payments", "payment_id"),
        _foreign_key("payments", "invoice_id", "invoices"),
        _unique("payments", "invoice_id", "attempt"),
        sa.CheckConstraint("status IN ('pending', 'paid', 'declined', 'requires_action', 'refused', 'failed')", name="ck_payments_status"),
    )
    is_open = sa.text("status = 'pending'")
    op.create_index("ux_payments_open", "payments", ["invoice_id"], unique=True, sqlite_where=is_open, postgresql_where=is_open)
    _index("payments", "revision")
    op.create_table(
        "ledger_postings",
        *(_text("transaction_id"), _text("ledger_account"), _text("account_id"), _text("invoice_id"), _text("currency_code")),
        *(_text("amount_minor"), _text("posted_at")),
        _primary_key("ledger_postings", "transaction_id", "ledger_account"),
        _foreign_key("ledger_postings", "account_id", "accounts"),
        _foreign_key("ledger_postings", "invoice_id", "invoices"),
    )
    _index("ledger_postings", "invoice_id")


def _create_triggers() -> None:
    """What the code never does, the database refuses: changing or deleting an issued document.

    Other databases than these two have the rule in code only, and the content hash as its evidence.
    """
    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("invoices")]
    frozen = ", ".join(name for name in columns if name not in _MUTABLE)
    refused = [("invoices", f"UPDATE OF {frozen}"), ("invoices", "DELETE")]
    refused += [(table, event) for table in _APPEND_ONLY for event in ("UPDATE", "DELETE")]
    dialect = op.get_bind().dialect.name
    if dialect == "postgresql":
        op.execute(
            "CREATE FUNCTION meterhouse_refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION '% is frozen: issued documents do not change', TG_TABLE_NAME; END $$"
        )
    for table, event in refused:
        name = f"{table}_refuse_{event.split()[0].lower()}"
        if dialect == "sqlite":
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{table} is frozen: issued documents do not change'); END"
            )
        elif dialect == "postgresql":
            op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION meterhouse_refuse()")
