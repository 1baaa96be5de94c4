"""Publishes what the control store decided to the warehouse's raw.control_* tables.

Each row has a revision of its own and rows go out in its order, so the greatest revision a table holds says where to go
on: repeating costs one query a table, a crash loses nothing, a wiped table gets everything again. The tables keep the
row with the greatest revision of each key (read with FINAL), so sending a row twice changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from clickhouse_connect.driver.client import Client
from sqlalchemy import Column, RowMapping, Select, select

from control.bootstrap import Control
from control.domain.money import Money, plain
from control.store import revisions
from control.store.engine import Store
from control.store.tables import (
    account_changes,
    account_contacts,
    accounts,
    bank_receipts,
    billing_accounts,
    budgets,
    claim_holds,
    closed_periods,
    closed_taxes,
    credits_,
    debt_terms,
    dunning_steps,
    fraud_decisions,
    fraud_verdicts,
    invoice_credit_uses,
    invoice_lines,
    invoices,
    journal_entries,
    journal_postings,
    mails,
    members,
    payment_differences,
    payments,
    payouts,
    projects,
    promises,
    refunds,
    restrictions,
)
from warehouse.errors import RefusedError
from warehouse.settings import Settings

# Rows of one insert. An insert of one block lands whole or not at all, which the resumption rests on; blocks of the
# server hold a million rows.
CHUNK_ROWS = 20_000

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Feed:
    """One table of the warehouse: which rows of the store it mirrors, and how a row looks there."""

    table: str
    rows: Select[Any]
    revision: Column[Any]
    shape: Callable[[RowMapping], Row]


def reached(control: Control) -> int:
    """The revision of the store's latest change. Asked before `publish`: afterwards all changes up to it are in the warehouse."""
    with control.store.reading() as connection:
        return revisions.current(connection)


def publish(control: Control, client: Client, settings: Settings) -> dict[str, int]:
    """Send every row above the greatest revision of its warehouse table; table name to rows sent.

    Raises:
        RefusedError: the warehouse holds revisions that this store never gave out: they do not belong together.
        StoreError: the control store does not answer.
    """
    raw = settings.database("raw")
    asked = " UNION ALL ".join(f"SELECT '{feed.table}', max(revision) FROM {raw}.{feed.table}" for feed in _FEEDS)
    published = {str(table): int(revision) for table, revision in client.query(asked).result_rows}
    known = reached(control)
    for table, revision in published.items():
        _check_same_history(known, revision, table)
    return {feed.table: _send(control.store, client, f"{raw}.{feed.table}", feed, after=published[feed.table]) for feed in _FEEDS}


def _check_same_history(known: int, published: int, table: str) -> None:
    if published > known:
        raise RefusedError(
            f"raw.{table} holds revision {published}, but this control store only reached {known}: the warehouse belongs to another or"
            " later control store; restore both from one backup, or use another METERHOUSE_DATABASE_PREFIX"
        )


def _send(store: Store, client: Client, target: str, feed: _Feed, *, after: int) -> int:
    count = 0
    while True:
        statement = feed.rows.where(feed.revision > after).order_by(feed.revision).limit(CHUNK_ROWS)
        with store.reading() as connection:
            found = connection.execute(statement).mappings().all()
        if not found:
            return count
        lines = "\n".join(json.dumps(feed.shape(row), ensure_ascii=False, default=_text) for row in found)
        client.raw_insert(target, insert_block=lines.encode(), fmt="JSONEachRow", settings={"input_format_skip_unknown_fields": 0})
        count += len(found)
        after = found[-1]["revision"]


def _text(value: object) -> str:
    """Decimals and times as the warehouse reads them without loss."""
    match value:
        case Decimal():
            return plain(value)
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03d}"
        case date():
            return value.isoformat()
    raise TypeError(f"no text for {type(value).__name__}")


def _amount(row: RowMapping, column: str) -> Decimal:
    return Money(row[column], row["currency_code"]).amount


def _plain_row(row: RowMapping) -> Row:
    """A row whose columns have the same names and units on both sides."""
    return dict(row)


def _in_major_units(row: RowMapping) -> Row:
    """`total_minor` of the store is `total_amount` there; the bare `amount_minor` is `amount`."""
    shaped: Row = {}
    for name, value in row.items():
        if name.endswith("_minor"):
            stem = name.removesuffix("_minor")
            shaped[stem if stem == "amount" else f"{stem}_amount"] = _amount(row, name)
        else:
            shaped[name] = value
    return shaped


def _maybe(row: RowMapping, column: str) -> datetime | None:
    """An instant of a column that may be empty."""
    return datetime.fromisoformat(row[column]) if row[column] else None


def _budget(row: RowMapping) -> Row:
    return {**_in_major_units(row), "thresholds": row["thresholds"].split()}


def _columns_without(table_columns: Any, *left_out: str) -> list[Column[Any]]:  # noqa: ANN401 - a ColumnCollection of any table
    return [column for column in table_columns if column.name not in left_out]


# Closed periods come last: once the warehouse knows that a month is closed, all its documents are there.
_FEEDS = (
    _Feed(table="control_accounts", rows=select(accounts), revision=accounts.c.revision, shape=_plain_row),
    _Feed(
        table="control_credits",
        rows=select(*_columns_without(credits_.c, "used_minor")),
        revision=credits_.c.revision,
        shape=_in_major_units,
    ),
    _Feed(table="control_budgets", rows=select(budgets), revision=budgets.c.revision, shape=_budget),
    _Feed(
        table="control_invoice_lines",
        rows=select(
            *invoice_lines.c,
            *(invoices.c[name] for name in ("account_id", "period", "kind", "adjusted_period", "currency_code")),
        ).join(invoices, invoices.c.invoice_id == invoice_lines.c.invoice_id),
        revision=invoice_lines.c.revision,
        shape=_in_major_units,
    ),
    _Feed(
        table="control_credit_uses",
        rows=select(*invoice_credit_uses.c, invoices.c.currency_code).join(
            invoices, invoices.c.invoice_id == invoice_credit_uses.c.invoice_id
        ),
        revision=invoice_credit_uses.c.revision,
        shape=lambda row: {name: value for name, value in _in_major_units(row).items() if name != "currency_code"},
    ),
    _Feed(
        table="control_invoices",
        rows=select(*_columns_without(invoices.c, "seller_key", "series_number")),
        revision=invoices.c.revision,
        shape=_in_major_units,
    ),
    _Feed(
        table="control_payments",
        rows=select(*_columns_without(payments.c, "gateway_customer_id", "payment_method_id"), invoices.c.account_id).join(
            invoices, invoices.c.invoice_id == payments.c.invoice_id
        ),
        revision=payments.c.revision,
        shape=_in_major_units,
    ),
    _Feed(table="control_billing_accounts", rows=select(billing_accounts), revision=billing_accounts.c.revision, shape=_plain_row),
    _Feed(table="control_account_changes", rows=select(account_changes), revision=account_changes.c.revision, shape=_plain_row),
    _Feed(table="control_fraud_decisions", rows=select(fraud_decisions), revision=fraud_decisions.c.revision, shape=_plain_row),
    _Feed(table="control_fraud_verdicts", rows=select(fraud_verdicts), revision=fraud_verdicts.c.revision, shape=_plain_row),
    _Feed(
        table="control_refunds",
        rows=select(*_columns_without(refunds.c, "gateway_customer_id"), invoices.c.account_id).join(
            invoices, invoices.c.invoice_id == refunds.c.invoice_id
        ),
        revision=refunds.c.revision,
        shape=_in_major_units,
    ),
    _Feed(table="control_contacts", rows=select(account_contacts), revision=account_contacts.c.revision, shape=_plain_row),
    _Feed(table="control_members", rows=select(members), revision=members.c.revision, shape=_plain_row),
    _Feed(table="control_projects", rows=select(projects), revision=projects.c.revision, shape=_plain_row),
    _Feed(table="control_bank_receipts", rows=select(bank_receipts), revision=bank_receipts.c.revision, shape=_in_major_units),
    _Feed(table="control_payouts", rows=select(payouts), revision=payouts.c.revision, shape=_in_major_units),
    _Feed(
        table="control_journal",
        rows=select(*journal_postings.c, *_columns_without(journal_entries.c, "entry_id")).join(
            journal_entries, journal_entries.c.entry_id == journal_postings.c.entry_id
        ),
        revision=journal_postings.c.revision,
        shape=_in_major_units,
    ),
    _Feed(
        table="control_payment_differences",
        rows=select(payment_differences),
        revision=payment_differences.c.revision,
        shape=_plain_row,
    ),
    _Feed(
        table="control_dunning_steps",
        rows=select(dunning_steps),
        revision=dunning_steps.c.revision,
        shape=lambda row: {**_in_major_units(row), "invoice_numbers": row["invoice_numbers"].split()},
    ),
    _Feed(
        table="control_promises",
        rows=select(promises),
        revision=promises.c.revision,
        shape=lambda row: {**_in_major_units(row), "withdrawn_at": _maybe(row, "withdrawn_at")},
    ),
    _Feed(
        table="control_restrictions",
        rows=select(restrictions),
        revision=restrictions.c.revision,
        shape=lambda row: {**row, "lifted_at": _maybe(row, "lifted_at")},
    ),
    _Feed(
        table="control_claim_holds",
        rows=select(claim_holds),
        revision=claim_holds.c.revision,
        shape=lambda row: {**row, "lifted_at": _maybe(row, "lifted_at")},
    ),
    _Feed(
        table="control_debt_terms",
        rows=select(debt_terms),
        revision=debt_terms.c.revision,
        shape=lambda row: {
            **{name: value for name, value in row.items() if not name.endswith("_minor")},
            **{
                name.replace("_minor", "_amount"): None if row[name] is None else _amount(row, name)
                for name in ("credit_limit_minor", "prepaid_minimum_minor")
            },
        },
    ),
    # Without bodies and addresses: the warehouse is for figures.
    _Feed(
        table="control_mails",
        rows=select(
            *_columns_without(mails.c, "recipients", "plain_body", "html_body", "tries", "message", "due_at"),
        ),
        revision=mails.c.revision,
        shape=lambda row: {**row, "sent_at": _maybe(row, "sent_at")},
    ),
    _Feed(table="control_closed_taxes", rows=select(closed_taxes), revision=closed_taxes.c.revision, shape=_plain_row),
    _Feed(table="control_closed_periods", rows=select(closed_periods), revision=closed_periods.c.revision, shape=_plain_row),
)
