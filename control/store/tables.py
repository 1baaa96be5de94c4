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
    ForeignKeyConstraint,
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

# Where an account stands in its life (domain/lifecycle.py). One row an account; changes counts the rows of its history.
billing_accounts = Table(
    "billing_accounts",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.account_id"), primary_key=True),
    Column("account_type", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("changes", Integer, nullable=False),
    Column("changed_at", Instant, nullable=False),
    _revision(),
    CheckConstraint("account_type IN ('individual', 'company')", name="account_type"),
    CheckConstraint("state IN ('new', 'trial', 'active', 'past_due', 'suspended', 'closing', 'closed')", name="state"),
)

# Append only: who moved an account, when, why.
account_changes = Table(
    "account_changes",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.account_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("from_state", Text, nullable=False),
    Column("to_state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
    _revision(),
)

# Whom to write to, beside accounts.email. Who is removed stays as a row, so that the warehouse hears of it; so do members.
account_contacts = Table(
    "account_contacts",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.account_id"), primary_key=True),
    Column("email", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("is_removed", Boolean, nullable=False),
    _revision(),
    CheckConstraint("purpose IN ('billing', 'technical', 'legal')", name="purpose"),
)

projects = Table(
    "projects",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    _revision(),
)

members = Table(
    "members",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.account_id"), primary_key=True),
    Column("email", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("added_at", Instant, nullable=False),
    Column("is_removed", Boolean, nullable=False),
    _revision(),
    CheckConstraint("role IN ('owner', 'billing_admin', 'viewer')", name="role"),
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
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False, index=True),
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
    CheckConstraint("status IN ('issued', 'partially_paid', 'paid', 'uncollectible')", name="status"),
    CheckConstraint("kind IN ('invoice', 'debit_note', 'credit_note', 'refund_note')", name="kind"),
)

# What a month's documents are known by. Refund notes are known by their refund instead.
_IS_OF_A_MONTH = text("kind != 'refund_note'")
Index(
    "ux_invoices_identity",
    *(invoices.c.account_id, invoices.c.period, invoices.c.kind, invoices.c.adjusted_period),
    unique=True,
    sqlite_where=_IS_OF_A_MONTH,
    postgresql_where=_IS_OF_A_MONTH,
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

# What a document says beside its rows (domain/particulars.py), as JSON. Frozen by triggers.
invoice_particulars = Table(
    "invoice_particulars",
    metadata,
    Column("invoice_id", Text, ForeignKey("invoices.invoice_id"), primary_key=True),
    Column("content", Text, nullable=False),
)

# Which service a SKU earned for when it was last billed: notes and refunds post by it after the SKU left the catalog.
sku_services = Table(
    "sku_services",
    metadata,
    Column("sku_id", Text, primary_key=True),
    Column("service", Text, nullable=False),
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

# All cards an account ever saved. The default is the one that gateway_customers names. `reminded_for` is the month of expiry
# that a reminder went out for.
payment_methods = Table(
    "payment_methods",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.account_id"), primary_key=True),
    Column("gateway", Text, primary_key=True),
    Column("payment_method_id", Text, primary_key=True),
    Column("brand", Text, nullable=False),
    Column("last4", Text, nullable=False),
    Column("expires", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reminded_for", Text, nullable=False),
    Column("saved_at", Instant, nullable=False),
    # As the gateway tells, for the antifraud; empty where it does not. The same card has the same fingerprint at one gateway.
    Column("fingerprint", Text, nullable=False),
    Column("funding", Text, nullable=False),
    Column("country_code", Text, nullable=False),
    CheckConstraint("status IN ('saved', 'removed')", name="status"),
)

# Append only: each try to bind a card, and how it ended.
card_attempts = Table(
    "card_attempts",
    metadata,
    Column("attempt_id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False, index=True),
    Column("gateway", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text, nullable=False),  # why it was declined, in the gateway's words
    Column("payment_method_id", Text, nullable=False),  # empty where it was declined
    Column("brand", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("funding", Text, nullable=False),
    Column("country_code", Text, nullable=False),
    Column("tried_at", Instant, nullable=False, index=True),
    CheckConstraint("outcome IN ('saved', 'declined')", name="outcome"),
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

# Money of one payment that goes back. The row is written before the gateway is asked; note_id is empty until its note is issued.
refunds = Table(
    "refunds",
    metadata,
    Column("refund_id", Text, primary_key=True),
    Column("invoice_id", Text, ForeignKey("invoices.invoice_id"), nullable=False, index=True),
    Column("payment_id", Text, ForeignKey("payments.payment_id"), nullable=False),
    Column("gateway", Text, nullable=False),
    Column("gateway_payment_id", Text, nullable=False),
    Column("gateway_customer_id", Text, nullable=False),
    Column("currency_code", Text, nullable=False),
    Column("amount_minor", MinorUnits, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("gateway_refund_id", Text, nullable=False),
    Column("note_id", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    _revision(),
    CheckConstraint("status IN ('pending', 'succeeded', 'failed')", name="status"),
)

# Entries of bank statements, each kept once. invoice_id is empty until the money found its document.
bank_receipts = Table(
    "bank_receipts",
    metadata,
    Column("receipt_id", Text, primary_key=True),
    Column("bank_account", Text, nullable=False),
    Column("booked_date", Date, nullable=False),
    Column("currency_code", Text, nullable=False),
    Column("amount_minor", MinorUnits, nullable=False),
    Column("applied_minor", MinorUnits, nullable=False),
    Column("surplus_minor", MinorUnits, nullable=False),  # paid too much: the customer's
    Column("payer", Text, nullable=False),
    Column("payer_account", Text, nullable=False),  # empty where the bank did not tell
    Column("remittance", Text, nullable=False),
    Column("invoice_id", Text, nullable=False, index=True),
    Column("imported_at", Instant, nullable=False),
    _revision(),
)

# Money of a refund that we transfer ourselves. `export_id` is the message it was sent to the bank in, `entry_id` the statement's
# entry that shows it; both empty until then.
payouts = Table(
    "payouts",
    metadata,
    Column("payout_id", Text, ForeignKey("refunds.refund_id"), primary_key=True),
    Column("bank_account", Text, nullable=False),
    Column("creditor_name", Text, nullable=False),
    Column("creditor_account", Text, nullable=False),
    Column("currency_code", Text, nullable=False),
    Column("amount_minor", MinorUnits, nullable=False),
    Column("remittance", Text, nullable=False),
    Column("status", Text, nullable=False, index=True),
    Column("export_id", Text, nullable=False, index=True),
    Column("entry_id", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("exported_at", Instant, nullable=True),
    _revision(),
    CheckConstraint("status IN ('waiting', 'exported', 'booked', 'failed')", name="status"),
)

# What gateways tell us, each event once; handled when the thing it is about was read again at the gateway.
gateway_events = Table(
    "gateway_events",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("event_id", Text, primary_key=True),
    Column("event_type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("gateway_customer_id", Text, nullable=False),
    Column("invoice_id", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("gateway_payment_id", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("status", Text, nullable=False, index=True),
    Column("tries", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    CheckConstraint("status IN ('pending', 'handled')", name="status"),
)

# What others follow, written with the change it tells of and delivered afterwards, each event until it is taken.
outbox = Table(
    "outbox",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("event_type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("status", Text, nullable=False, index=True),
    Column("tries", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("delivered_at", Text, nullable=False),  # an instant, or empty
    _revision(),
    CheckConstraint("status IN ('pending', 'delivered', 'given_up')", name="status"),
)

# Flows that cross systems, each where it stands (domain/sagas.py).
sagas = Table(
    "sagas",
    metadata,
    Column("saga_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("status", Text, nullable=False, index=True),
    Column("step", Text, nullable=False),
    Column("data", Text, nullable=False),  # a JSON object of texts
    Column("tries", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("message", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    CheckConstraint("status IN ('running', 'undoing', 'done', 'undone')", name="status"),
)
_IS_UNFINISHED = text("status IN ('running', 'undoing')")
Index("ux_sagas_unfinished", sagas.c.kind, sagas.c.subject, unique=True, sqlite_where=_IS_UNFINISHED, postgresql_where=_IS_UNFINISHED)

# Payments that their holders dispute, as the gateway last said. A lost one is posted once.
disputes = Table(
    "disputes",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("gateway_dispute_id", Text, primary_key=True),
    Column("gateway_payment_id", Text, nullable=False),
    Column("invoice_id", Text, nullable=False),  # empty where the payment is none of ours
    Column("currency_code", Text, nullable=False),
    Column("amount_minor", MinorUnits, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    _revision(),
    CheckConstraint("status IN ('open', 'won', 'lost', 'warning')", name="status"),
)

# What a reconciliation found between our payments and a gateway's, and whether it could be mended.
payment_differences = Table(
    "payment_differences",
    metadata,
    Column("difference_id", Text, primary_key=True),
    Column("gateway", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("invoice_id", Text, nullable=False),
    Column("gateway_payment_id", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("is_mended", Boolean, nullable=False),
    Column("found_at", Instant, nullable=False),
    _revision(),
)

# Append only. What the entries mirror is posted once: (source, source_id) is unique.
journal_entries = Table(
    "journal_entries",
    metadata,
    Column("entry_id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("account_id", Text, nullable=False, index=True),  # empty where the entry belongs to no account
    Column("invoice_id", Text, nullable=False, index=True),  # empty where it belongs to no document
    Column("period", Text, nullable=False),  # of a document's entry
    Column("currency_code", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("posted_at", Instant, nullable=False, index=True),
    UniqueConstraint("source", "source_id"),
)

# Append only. The postings of an entry add up to zero.
journal_postings = Table(
    "journal_postings",
    metadata,
    Column("entry_id", Text, ForeignKey("journal_entries.entry_id"), primary_key=True),
    Column("ledger_account", Text, primary_key=True),
    Column("detail", Text, primary_key=True),  # service or gateway; empty where the account is not kept apart
    Column("amount_minor", MinorUnits, nullable=False),
    _revision(),
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
    Column("account_id", Text, nullable=False),  # the only one it reaches; empty: all
    Column("previous_hash", Text, nullable=False),  # of the secret before the last rotation
    Column("previous_until", Instant, nullable=True),
    Column("last_used_at", Instant, nullable=True),
)

# Each request of the public API to change something. Written in the transaction of its first change; `status` is 0 until answered.
audit_log = Table(
    "audit_log",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("asked_at", Instant, nullable=False, index=True),
    Column("key_id", Text, nullable=False),
    Column("key_name", Text, nullable=False),
    Column("account_id", Text, nullable=False, index=True),  # empty where it is about no single account
    Column("action", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("problem", Text, nullable=False),
    CheckConstraint("outcome IN ('committed', 'refused', 'failed')", name="outcome"),
)

# Answers of requests that may come again, for some days.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("idempotency_key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("claimed_at", Instant, nullable=False, index=True),
    CheckConstraint("state IN ('in_flight', 'answered', 'unknown')", name="state"),
)

# Where customers have events posted to. Secrets are derived from the server's key, and not here.
webhook_subscriptions = Table(
    "webhook_subscriptions",
    metadata,
    Column("subscription_id", Text, primary_key=True),
    Column("account_id", Text, nullable=False, index=True),  # empty: of everything
    Column("url", Text, nullable=False),
    Column("event_types", Text, nullable=False),  # separated by spaces
    Column("is_active", Boolean, nullable=False),
    Column("secret_version", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
)

# Each event of the outbox on its way to each receiver that wants it.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("subscription_id", Text, ForeignKey("webhook_subscriptions.subscription_id"), primary_key=True),
    Column("event_id", Text, ForeignKey("outbox.event_id"), primary_key=True),
    Column("status", Text, nullable=False, index=True),
    Column("tries", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("delivered_at", Instant, nullable=True),
    CheckConstraint("status IN ('pending', 'delivered', 'given_up')", name="status"),
)

# What was agreed with an account about debt. An account without a row has none of it.
debt_terms = Table(
    "debt_terms",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.account_id"), primary_key=True),
    Column("grace_days", Integer, nullable=False),
    Column("language", Text, nullable=False),
    Column("currency_code", Text, nullable=False),
    Column("credit_limit_minor", MinorUnits, nullable=True),  # of open documents and the running month together
    Column("prepaid_minimum_minor", MinorUnits, nullable=True),  # set: the account pays before; below it a reminder goes out
    Column("actor", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
    _revision(),
)

# Claims that their customers say are wrong, while somebody looks. lifted_at is an instant, or empty.
claim_holds = Table(
    "claim_holds",
    metadata,
    Column("invoice_id", Text, ForeignKey("invoices.invoice_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("placed_at", Instant, nullable=False),
    Column("lifted_at", Text, nullable=False),
    _revision(),
)

# Promises to pay. Whether one is kept follows from the ledger. withdrawn_at is an instant, or empty.
promises = Table(
    "promises",
    metadata,
    Column("promise_id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False, index=True),
    Column("currency_code", Text, nullable=False),
    Column("amount_minor", MinorUnits, nullable=False),
    Column("promised_for", Date, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("withdrawn_at", Text, nullable=False),
    _revision(),
)

# Append only: the steps of dunning, each once for an account, the due date its clock started at, and a round.
dunning_steps = Table(
    "dunning_steps",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.account_id"), primary_key=True),
    Column("anchor_date", Date, primary_key=True),  # the earliest unpaid due date
    Column("round", Integer, primary_key=True),  # promises that ended before
    Column("state", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("policy", Text, nullable=False),
    Column("policy_hash", Text, nullable=False),
    Column("days_overdue", Integer, nullable=False),
    Column("currency_code", Text, nullable=False),
    Column("amount_minor", MinorUnits, nullable=False),  # overdue at that moment
    Column("invoice_numbers", Text, nullable=False),  # separated by spaces
    Column("taken_at", Instant, nullable=False),
    _revision(),
)

# Why an account may start nothing new. lifted_at is an instant, or empty while it lasts.
restrictions = Table(
    "restrictions",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.account_id"), primary_key=True),
    Column("cause", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since_at", Instant, nullable=False),
    Column("lifted_at", Text, nullable=False),
    _revision(),
    CheckConstraint("cause IN ('overdue', 'credit_limit', 'prepaid', 'fraud')", name="cause"),
)

# Mails to customers as they were written, with the decision that asks for them. sent_at is an instant, or empty.
mails = Table(
    "mails",
    metadata,
    Column("mail_id", Text, primary_key=True),
    Column("account_id", Text, ForeignKey("accounts.account_id"), nullable=False, index=True),
    Column("template", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("about", Text, nullable=False),  # what makes it obsolete when it ends: an anchor, a restriction's cause
    Column("recipients", Text, nullable=False),  # separated by spaces
    Column("subject", Text, nullable=False),
    Column("plain_body", Text, nullable=False),
    Column("html_body", Text, nullable=False),
    Column("status", Text, nullable=False, index=True),
    Column("tries", Integer, nullable=False),
    Column("message", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("sent_at", Text, nullable=False),
    _revision(),
    CheckConstraint("status IN ('pending', 'sent', 'withdrawn', 'given_up')", name="status"),
)

# Append only: what the antifraud decided about an account, and from what (findings: a JSON list). Numbers count from 1 within it.
fraud_decisions = Table(
    "fraud_decisions",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.account_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("as_of", Instant, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("cause", Text, nullable=False),
    Column("policy_version", Text, nullable=False),
    Column("score", Exact, nullable=False),
    Column("action", Text, nullable=False),
    Column("findings", Text, nullable=False),
    _revision(),
    CheckConstraint("cause IN ('scan', 'card')", name="cause"),
    CheckConstraint("action IN ('challenge', 'review', 'limit', 'suspend')", name="action"),
)

# Append only: what a person said of a decision. One without a verdict is open.
fraud_verdicts = Table(
    "fraud_verdicts",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("given_at", Instant, nullable=False),
    _revision(),
    ForeignKeyConstraint(["account_id", "number"], ["fraud_decisions.account_id", "fraud_decisions.number"]),
    CheckConstraint("verdict IN ('released', 'confirmed')", name="verdict"),
)
