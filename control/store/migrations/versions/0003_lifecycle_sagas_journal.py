"""Lifecycle of accounts, members, payment methods; refunds, bank receipts, sagas, inbox, outbox; a journal by service and gateway.

Postings move from ledger_postings to the journal: cash gets its gateway, revenue the service `other`, since older documents
were posted without theirs. Refund notes stand outside the identity of a month's documents. Accounts that exist are active.

Revision ID: 0003
Revises: 0001
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from control.errors import StoreError

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_APPEND_ONLY = ("account_changes", "journal_entries", "journal_postings")
# Dropped in this order, children first.
_TABLES = (
    "payment_differences", "disputes", "sagas", "outbox", "gateway_events", "bank_receipts", "refunds", "payment_methods", "members",
    "projects", "account_contacts", "account_changes", "billing_accounts", "journal_postings", "journal_entries", "sku_services",
)  # fmt: skip
_MUTABLE = frozenset({"status", "paid_minor", "revision"})
_IDENTITY = ["account_id", "period", "kind", "adjusted_period"]
_REFUSAL = "frozen: issued documents do not change"
# What the older schema knows; postings to anything else are lost on the way back.
_OLD_ACCOUNTS = {
    "receivable": "receivable", "revenue": "revenue", "credits_granted": "credits_granted", "tax_payable": "tax_payable",
    "cash": "gateway_cash", "customer_balance": "customer_balance",
}  # fmt: skip


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _bigint(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _integer(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False)


def _foreign_key(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.{column}"], name=f"fk_{table}_{column}")


def _one_of(table: str, column: str, *values: str) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"ck_{table}_{column}")


def _create(table: str, *items: Any, key: tuple[str, ...], indexes: tuple[str, ...] = ()) -> None:  # noqa: ANN401 - columns and constraints
    op.create_table(table, *items, sa.PrimaryKeyConstraint(*key, name=f"pk_{table}"))
    for column in indexes:
        op.create_index(f"ix_{table}_{column}", table, [column])


def upgrade() -> None:
    """Create the new tables, move the postings, give every account its state."""
    _create_lifecycle()
    _create_payments()
    _create_messages()
    _create_journal()
    _move_postings_to_journal()
    op.drop_table("ledger_postings")
    _begin_lifecycle()
    _copy_payment_methods()
    _free_refund_notes()
    _refuse_changes(_APPEND_ONLY)


def downgrade() -> None:
    """Move the postings back and drop the rest.

    Raises:
        StoreError: the older schema cannot hold the refund notes of this store.
    """
    _bind_refund_notes()
    op.create_table(
        "ledger_postings",
        *(_text("transaction_id"), _text("ledger_account"), _text("account_id"), _text("invoice_id"), _text("currency_code")),
        *(_text("amount_minor"), _text("posted_at")),
        sa.PrimaryKeyConstraint("transaction_id", "ledger_account", name="pk_ledger_postings"),
        _foreign_key("ledger_postings", "account_id", "accounts"),
        _foreign_key("ledger_postings", "invoice_id", "invoices"),
    )
    op.create_index("ix_ledger_postings_invoice_id", "ledger_postings", ["invoice_id"])
    _move_postings_back()
    _refuse_changes(("ledger_postings",))
    for table in _TABLES:
        op.drop_table(table)


def _create_lifecycle() -> None:
    states = ("new", "trial", "active", "past_due", "suspended", "closing", "closed")
    _create(
        "billing_accounts",
        *(_text("account_id"), _text("account_type"), _text("state"), _integer("changes"), _text("changed_at"), _bigint("revision")),
        _foreign_key("billing_accounts", "account_id", "accounts"),
        _one_of("billing_accounts", "account_type", "individual", "company"),
        _one_of("billing_accounts", "state", *states),
        key=("account_id",),
        indexes=("revision",),
    )
    _create(
        "account_changes",
        *(_text("account_id"), _integer("number"), _text("from_state"), _text("to_state"), _text("reason"), _text("actor")),
        *(_text("changed_at"), _bigint("revision")),
        _foreign_key("account_changes", "account_id", "accounts"),
        key=("account_id", "number"),
        indexes=("revision",),
    )
    _create(
        "account_contacts",
        *(_text("account_id"), _text("email"), _text("name"), _text("purpose")),
        _foreign_key("account_contacts", "account_id", "accounts"),
        _one_of("account_contacts", "purpose", "billing", "technical", "legal"),
        key=("account_id", "email"),
    )
    _create(
        "projects",
        *(_text("project_id"), _text("account_id"), _text("name"), _text("created_at")),
        _foreign_key("projects", "account_id", "accounts"),
        key=("project_id",),
        indexes=("account_id",),
    )
    _create(
        "members",
        *(_text("account_id"), _text("email"), _text("role"), _text("added_by"), _text("added_at")),
        _foreign_key("members", "account_id", "accounts"),
        _one_of("members", "role", "owner", "billing_admin", "viewer"),
        key=("account_id", "email"),
    )


def _create_payments() -> None:
    _create(
        "payment_methods",
        *(_text("account_id"), _text("gateway"), _text("payment_method_id"), _text("brand"), _text("last4"), _text("expires")),
        *(_text("status"), _text("reminded_for"), _text("saved_at")),
        _foreign_key("payment_methods", "account_id", "accounts"),
        _one_of("payment_methods", "status", "saved", "removed"),
        key=("account_id", "gateway", "payment_method_id"),
    )
    _create(
        "refunds",
        *(_text("refund_id"), _text("invoice_id"), _text("payment_id"), _text("gateway"), _text("gateway_payment_id")),
        *(_text("gateway_customer_id"), _text("currency_code"), _text("amount_minor"), _text("reason"), _text("actor"), _text("status")),
        *(_text("gateway_refund_id"), _text("note_id"), _text("message"), _text("asked_at"), _text("updated_at"), _bigint("revision")),
        _foreign_key("refunds", "invoice_id", "invoices"),
        _foreign_key("refunds", "payment_id", "payments"),
        _one_of("refunds", "status", "pending", "succeeded", "failed"),
        key=("refund_id",),
        indexes=("invoice_id", "revision"),
    )
    _create(
        "bank_receipts",
        *(_text("receipt_id"), _text("bank_account"), sa.Column("booked_date", sa.Date, nullable=False), _text("currency_code")),
        *(_text("amount_minor"), _text("applied_minor"), _text("surplus_minor"), _text("payer"), _text("remittance")),
        *(_text("invoice_id"), _text("imported_at"), _bigint("revision")),
        key=("receipt_id",),
        indexes=("invoice_id", "revision"),
    )
    _create(
        "disputes",
        *(_text("gateway"), _text("gateway_dispute_id"), _text("gateway_payment_id"), _text("invoice_id"), _text("currency_code")),
        *(_text("amount_minor"), _text("status"), _text("reason"), _text("occurred_at"), _bigint("revision")),
        _one_of("disputes", "status", "open", "won", "lost", "warning"),
        key=("gateway", "gateway_dispute_id"),
        indexes=("revision",),
    )
    _create(
        "payment_differences",
        *(_text("difference_id"), _text("gateway"), _text("kind"), _text("invoice_id"), _text("gateway_payment_id"), _text("message")),
        *(sa.Column("is_mended", sa.Boolean, nullable=False), _text("found_at"), _bigint("revision")),
        key=("difference_id",),
        indexes=("revision",),
    )


def _create_messages() -> None:
    _create(
        "gateway_events",
        *(_text("gateway"), _text("event_id"), _text("event_type"), _text("subject"), _text("object_id"), _text("gateway_customer_id")),
        *(_text("invoice_id"), _text("reference"), _text("gateway_payment_id"), _text("body"), _text("occurred_at"), _text("status")),
        *(_integer("tries"), _text("message"), _text("received_at"), _text("due_at")),
        _one_of("gateway_events", "status", "pending", "handled"),
        key=("gateway", "event_id"),
        indexes=("status",),
    )
    _create(
        "outbox",
        *(_text("event_id"), _text("event_type"), _text("subject"), _text("body"), _text("status"), _integer("tries"), _text("message")),
        *(_text("created_at"), _text("due_at"), _text("delivered_at"), _bigint("revision")),
        _one_of("outbox", "status", "pending", "delivered", "given_up"),
        key=("event_id",),
        indexes=("status", "revision"),
    )
    _create(
        "sagas",
        *(_text("saga_id"), _text("kind"), _text("subject"), _text("status"), _text("step"), _text("data"), _integer("tries")),
        *(_text("due_at"), _text("message"), _integer("version"), _text("started_at"), _text("updated_at")),
        _one_of("sagas", "status", "running", "undoing", "done", "undone"),
        key=("saga_id",),
        indexes=("status",),
    )
    is_unfinished = sa.text("status IN ('running', 'undoing')")
    op.create_index(
        "ux_sagas_unfinished", "sagas", ["kind", "subject"], unique=True, sqlite_where=is_unfinished, postgresql_where=is_unfinished
    )


def _create_journal() -> None:
    _create("sku_services", _text("sku_id"), _text("service"), key=("sku_id",))
    _create(
        "journal_entries",
        *(_text("entry_id"), _text("source"), _text("source_id"), _text("account_id"), _text("invoice_id"), _text("period")),
        *(_text("currency_code"), _text("description"), _text("posted_at")),
        sa.UniqueConstraint("source", "source_id", name="uq_journal_entries_source"),
        key=("entry_id",),
        indexes=("account_id", "invoice_id", "posted_at"),
    )
    _create(
        "journal_postings",
        *(_text("entry_id"), _text("ledger_account"), _text("detail"), _text("amount_minor"), _bigint("revision")),
        _foreign_key("journal_postings", "entry_id", "journal_entries"),
        key=("entry_id", "ledger_account", "detail"),
        indexes=("revision",),
    )


def _rows(statement: str) -> list[dict[str, Any]]:
    return [dict(row) for row in op.get_bind().execute(sa.text(statement)).mappings()]


def _insert(table: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        op.get_bind().execute(sa.table(table, *(sa.column(name) for name in rows[0])).insert(), rows)


def _number_rows(rows: list[dict[str, Any]]) -> None:
    """Give each row the next revision of the store."""
    connection = op.get_bind()
    counter = sa.text("UPDATE counters SET value = value + :count WHERE name = 'revision'")
    connection.execute(counter, {"count": len(rows)})
    last: int = connection.execute(sa.text("SELECT value FROM counters WHERE name = 'revision'")).scalar_one()
    for place, row in enumerate(rows):
        row["revision"] = last - len(rows) + 1 + place


def _move_postings_to_journal() -> None:
    gateways = {row["payment_id"]: row["gateway"] for row in _rows("SELECT payment_id, gateway FROM payments")}
    documents = {row["invoice_id"]: row for row in _rows("SELECT invoice_id, invoice_number, period FROM invoices")}
    entries: dict[str, dict[str, Any]] = {}
    postings = []
    for row in _rows("SELECT * FROM ledger_postings ORDER BY posted_at, transaction_id, ledger_account"):
        source_id, document = row["transaction_id"], documents[row["invoice_id"]]
        is_document = source_id == row["invoice_id"]
        source = "document" if is_document else "payment"
        entry_id = f"{source}:{source_id}"
        entries[entry_id] = {
            "entry_id": entry_id,
            "source": source,
            "source_id": source_id,
            "account_id": row["account_id"],
            "invoice_id": row["invoice_id"],
            "period": document["period"] if is_document else "",
            "currency_code": row["currency_code"],
            "description": document["invoice_number"],
            "posted_at": row["posted_at"],
        }
        is_cash = row["ledger_account"] == "gateway_cash"
        posting = {
            "entry_id": entry_id,
            "ledger_account": "cash" if is_cash else row["ledger_account"],
            "detail": gateways.get(source_id, "") if is_cash else "other" if row["ledger_account"] == "revenue" else "",
            "amount_minor": row["amount_minor"],
        }
        postings.append(posting)
    _number_rows(postings)
    _insert("journal_entries", list(entries.values()))
    _insert("journal_postings", postings)


def _move_postings_back() -> None:
    sums: dict[tuple[str, str], int] = defaultdict(int)
    entries = {row["entry_id"]: row for row in _rows("SELECT * FROM journal_entries WHERE source IN ('document', 'payment')")}
    for row in _rows("SELECT * FROM journal_postings"):
        if row["entry_id"] in entries and row["ledger_account"] in _OLD_ACCOUNTS:
            sums[row["entry_id"], _OLD_ACCOUNTS[row["ledger_account"]]] += int(row["amount_minor"])
    rows = [
        {
            "transaction_id": entries[entry_id]["source_id"],
            "ledger_account": account,
            "account_id": entries[entry_id]["account_id"],
            "invoice_id": entries[entry_id]["invoice_id"],
            "currency_code": entries[entry_id]["currency_code"],
            "amount_minor": str(amount),
            "posted_at": entries[entry_id]["posted_at"],
        }
        for (entry_id, account), amount in sums.items()
    ]
    _insert("ledger_postings", rows)


def _begin_lifecycle() -> None:
    """Every account that exists is a customer: active. A tax id or a legal name makes it a company."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    known = _rows("SELECT account_id, tax_id, legal_name FROM accounts ORDER BY account_id")
    states = [
        {
            "account_id": row["account_id"],
            "account_type": "company" if row["tax_id"] or row["legal_name"] else "individual",
            "state": "active",
            "changes": 1,
            "changed_at": now,
        }
        for row in known
    ]
    changes = [
        {
            "account_id": row["account_id"],
            "number": 1,
            "from_state": "",
            "to_state": "active",
            "reason": "known before states were kept",
            "actor": "migration 0003",
            "changed_at": now,
        }
        for row in known
    ]
    _number_rows([*states, *changes])
    _insert("billing_accounts", states)
    _insert("account_changes", changes)


def _copy_payment_methods() -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    rows = [
        {
            "account_id": row["account_id"],
            "gateway": row["gateway"],
            "payment_method_id": row["payment_method_id"],
            "brand": row["card_brand"],
            "last4": row["card_last4"],
            "expires": row["card_expires"],
            "status": "saved",
            "reminded_for": "",
            "saved_at": now,
        }
        for row in _rows("SELECT * FROM gateway_customers WHERE payment_method_id != ''")
    ]
    _insert("payment_methods", rows)


def _free_refund_notes() -> None:
    """The identity of a month's documents holds for all but refund notes."""
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("invoices") as batch:
            batch.drop_constraint("uq_invoices_account_id", type_="unique")
        _freeze_invoices()
    else:
        op.drop_constraint("uq_invoices_account_id", "invoices", type_="unique")
    where = sa.text("kind != 'refund_note'")
    op.create_index("ux_invoices_identity", "invoices", _IDENTITY, unique=True, sqlite_where=where, postgresql_where=where)


def _bind_refund_notes() -> None:
    twice = _rows(f"SELECT account_id, period FROM invoices GROUP BY {', '.join(_IDENTITY)} HAVING count(*) > 1 LIMIT 1")
    if twice:
        raise StoreError(f"account {twice[0]['account_id']} has two refund notes in {twice[0]['period']}, which schema 0001 cannot hold")
    op.drop_index("ux_invoices_identity", "invoices")
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("invoices") as batch:
            batch.create_unique_constraint("uq_invoices_account_id", _IDENTITY)
        _freeze_invoices()
    else:
        op.create_unique_constraint("uq_invoices_account_id", "invoices", _IDENTITY)


def _freeze_invoices() -> None:
    """SQLite changes a table by making it anew, without its triggers."""
    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("invoices")]
    frozen = ", ".join(name for name in columns if name not in _MUTABLE)
    for name, event in (("update", f"UPDATE OF {frozen}"), ("delete", "DELETE")):
        op.execute(
            f"CREATE TRIGGER invoices_refuse_{name} BEFORE {event} ON invoices BEGIN SELECT RAISE(ABORT, 'invoices is {_REFUSAL}'); END"
        )


def _refuse_changes(tables: tuple[str, ...]) -> None:
    dialect = op.get_bind().dialect.name
    for table in tables:
        for event in ("UPDATE", "DELETE"):
            name = f"{table}_refuse_{event.lower()}"
            if dialect == "sqlite":
                op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, '{table} is {_REFUSAL}'); END")
            elif dialect == "postgresql":
                op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION meterhouse_refuse()")
