"""The tables as this version of the code reads and writes them; migrations/ brings a database there, a test compares both.

Keys are made by us, never by the database. `revision` is the place of a row's last change in the order of all changes
(revisions.py); every row has one of its own, and publishing follows it. Columns named `*_minor` are minor units.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from control.store.types import Exact, Instant, MinorUnits

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _revision() -> Column[int]:
    return Column("revision", BigInteger, nullable=False, index=True)


# One row, made by the first migration: tells apart deployments that share a gateway account.
deployment = Table(
    "deployment",
    metadata,
    Column("deployment_id", Text, primary_key=True),
)

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

# Gapless: last_number rises by one with each document, in the transaction that writes the document.
number_series = Table(
    "number_series",
    metadata,
    Column("seller_key", Text, primary_key=True),
    Column("prefix", Text, nullable=False),
    Column("last_number", BigInteger, nullable=False),
    UniqueConstraint("prefix"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("currency_code", Text, nullable=False),
    Column("country_code", Text, nullable=False),
    Column("tax_id", Text, nullable=False),
    Column("is_tax_exempt", Boolean, nullable=False),
    Column("email", Text, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("payment_terms_days", Integer, nullable=False),
    Column("legal_name", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("postal_code", Text, nullable=False),
    Column("city", Text, nullable=False),
    _revision(),
)

# used_minor = the sum of invoice_credit_uses of the credit; never above amount_minor, never below zero.
credits_ = Table(
    "credits",
    metadata,
    Column("credit_id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False),
    Column("amount_minor", MinorUnits, nullable=False),
    Column("used_minor", MinorUnits, nullable=False),
    Column("currency_code", Text, nullable=False),
    Column("valid_from", Instant, nullable=False),
    Column("valid_to", Instant, nullable=False),
    _revision(),
)

budgets = Table(
    "budgets",
    metadata,
    Column("budget_id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False),
    Column("scope_type", Text, nullable=False),
    Column("scope_value", Text, nullable=False),
    Column("amount_minor", MinorUnits, nullable=False),
    Column("currency_code", Text, nullable=False),
    Column("thresholds", Text, nullable=False),  # percents joined by spaces, each a canonical decimal
    _revision(),
)

closed_periods = Table(
    "closed_periods",
    metadata,
    Column("period", Text, primary_key=True),
    Column("closed_at", Instant, nullable=False),
    Column("as_of", Instant, nullable=False),
    _revision(),
)

# The tax of every account as it stood when a month closed; notes for that month use it.
closed_taxes = Table(
    "closed_taxes",
    metadata,
    Column("period", Text, ForeignKey("closed_periods.period"), primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), primary_key=True),
    Column("tax_percent", Exact, nullable=False),
    Column("tax_note", Text, nullable=False),
    _revision(),
)

# Frozen by triggers but for status, paid_minor and revision.
invoices = Table(
    "invoices",
    metadata,
    Column("invoice_id", Text, primary_key=True),
    Column("invoice_number", Text, nullable=False),
    Column("seller_key", Text, nullable=False),
    Column("series_number", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False),
    Column("period", Text, nullable=False, index=True),
    Column("adjusted_period", Text, nullable=False),
    Column("status", Text, nullable=False, index=True),
    Column("currency_code", Text, nullable=False),
    Column("subtotal_minor", MinorUnits, nullable=False),
    Column("credit_minor", MinorUnits, nullable=False),
    Column("tax_percent", Exact, nullable=False),
    Column("tax_minor", MinorUnits, nullable=False),
    Column("total_minor", MinorUnits, nullable=False),
    Column("paid_minor", MinorUnits, nullable=False),
    Column("tax_note", Text, nullable=False),
    Column("issued_at", Instant, nullable=False),
    Column("due_date", Date, nullable=False),
    Column("seller_legal_name", Text, nullable=False),
    Column("seller_address", Text, nullable=False),
    Column("seller_postal_code", Text, nullable=False),
    Column("seller_city", Text, nullable=False),
    Column("seller_country_code", Text, nullable=False),
    Column("seller_tax_id", Text, nullable=False),
    Column("buyer_name", Text, nullable=False),
    Column("buyer_legal_name", Text, nullable=False),
    Column("buyer_address", Text, nullable=False),
    Column("buyer_postal_code", Text, nullable=False),
    Column("buyer_city", Text, nullable=False),
    Column("buyer_country_code", Text, nullable=False),
    Column("buyer_tax_id", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    _revision(),
    UniqueConstraint("invoice_number"),
    UniqueConstraint("seller_key", "series_number"),
    UniqueConstraint("account_id", "period", "kind", "adjusted_period"),
    CheckConstraint("status IN ('issued', 'partially_paid', 'paid', 'uncollectible')", name="status"),
    CheckConstraint("kind IN ('invoice', 'debit_note', 'credit_note', 'refund_note')", name="kind"),
)

invoice_lines = Table(
    "invoice_lines",
    metadata,
    Column("invoice_id", Text, ForeignKey("invoices.invoice_id"), primary_key=True),
    Column("line_number", Integer, primary_key=True),
    Column("line_type", Text, nullable=False),
    Column("sku_id", Text, nullable=False),
    Column("price_id", Text, nullable=False),
    Column("quantity", Exact, nullable=False),
    Column("unit", Text, nullable=False),
    Column("amount_minor", MinorUnits, nullable=False),
    _revision(),
)

invoice_credit_uses = Table(
    "invoice_credit_uses",
    metadata,
    Column("invoice_id", Text, ForeignKey("invoices.invoice_id"), primary_key=True),
    Column("credit_id", Text, ForeignKey("credits.credit_id"), primary_key=True),
    Column("use_order", Integer, nullable=False),
    Column("amount_minor", MinorUnits, nullable=False),
    _revision(),
)

# Who an account is at a gateway, and the card that is charged. Ids only: card data never comes here.
gateway_customers = Table(
    "gateway_customers",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.account_id"), primary_key=True),
    Column("gateway", Text, primary_key=True),
    Column("gateway_customer_id", Text, nullable=False),
    Column("payment_method_id", Text, nullable=False),  # empty until a card is saved
    Column("card_brand", Text, nullable=False),
    Column("card_last4", Text, nullable=False),
    Column("card_expires", Text, nullable=False),
)

# Attempts to settle a document at a gateway. The row is written before the gateway is asked; its id makes the keys.
# Over the attempts of an invoice, the sum of charged_minor and balance_minor is the invoice's paid_minor.
payments = Table(
    "payments",
    metadata,
    Column("payment_id", Text, primary_key=True),
    Column("invoice_id", Text, ForeignKey("invoices.invoice_id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("gateway_customer_id", Text, nullable=False),
    Column("payment_method_id", Text, nullable=False),
    Column("currency_code", Text, nullable=False),
    Column("amount_minor", MinorUnits, nullable=False),  # what was open when the attempt began
    Column("charged_minor", MinorUnits, nullable=False),  # what it collected by card
    Column("balance_minor", MinorUnits, nullable=False),  # what it took from the customer's balance; below zero: gave to it
    Column("status", Text, nullable=False),
    Column("gateway_payment_id", Text, nullable=False),
    Column("reason_code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    _revision(),
    UniqueConstraint("invoice_id", "attempt"),
    CheckConstraint("status IN ('pending', 'paid', 'declined', 'requires_action', 'refused', 'failed')", name="status"),
)
# One open intent per invoice.
Index(
    "ux_payments_open",
    payments.c.invoice_id,
    unique=True,
    sqlite_where=text("status = 'pending'"),
    postgresql_where=text("status = 'pending'"),
)

# Append only. The legs of a transaction add up to zero.
ledger_postings = Table(
    "ledger_postings",
    metadata,
    Column("transaction_id", Text, primary_key=True),  # the invoice_id of an issue, the payment_id of a settlement
    Column("ledger_account", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False),
    Column("invoice_id", Text, ForeignKey("invoices.invoice_id"), nullable=False, index=True),
    Column("currency_code", Text, nullable=False),
    Column("amount_minor", MinorUnits, nullable=False),
    Column("posted_at", Instant, nullable=False),
)

# Who may act alone. A row exists while the lease is held; times are milliseconds of the store's clock.
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("token", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("process_started", Text, nullable=False),
    Column("acquired_ms", BigInteger, nullable=False),
    Column("renewals", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
)

# Who may use the HTTP doors. The key itself is not here, only what it is recognised by.
api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("scopes", Text, nullable=False),  # separated by spaces
    Column("secret_hash", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant, nullable=True),
)
