"""Shows issued documents from the store that issued them. People and reports read the warehouse instead."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, true

from control.bootstrap import Control
from control.domain.documents import IssuedInvoice
from control.domain.money import Money
from control.domain.payments import WITHOUT_GATEWAY
from control.domain.periods import Period
from control.domain.refunds import Refund
from control.store.documents import load_documents
from control.store.refunds import find as find_refunds
from control.store.tables import accounts, invoices, payments
from warehouse.errors import InputError


def list_invoices(control: Control, period: str) -> list[IssuedInvoice]:
    """The documents issued with a month, in the order of their numbers.

    Raises:
        InputError: the period is no month.
    """
    with control.store.reading() as connection:
        return load_documents(connection, invoices.c.period == str(Period.parse(period)))


def show_invoice(control: Control, number: str) -> IssuedInvoice:
    """One document by its number.

    Raises:
        InputError: no document has that number.
    """
    with control.store.reading() as connection:
        found = load_documents(connection, invoices.c.invoice_number == number)
    if not found:
        raise InputError(f"no issued invoice has the number {number!r}; `meterhouse invoice list` names those that exist")
    return found[0]


def number_of(control: Control, invoice_id: str) -> str:
    """The number of a document by its id; empty where it is not issued."""
    with control.store.reading() as connection:
        row = connection.execute(select(invoices.c.invoice_number).where(invoices.c.invoice_id == invoice_id)).one_or_none()
    return "" if row is None else str(row.invoice_number)


def gateways_in_use(control: Control) -> list[str]:
    """The gateways that accounts name or attempts went to, by name."""
    with control.store.reading() as connection:
        named = {str(row.gateway) for row in connection.execute(select(accounts.c.gateway).distinct())}
        tried = {str(row.gateway) for row in connection.execute(select(payments.c.gateway).distinct())}
    return sorted((named | tried) - {"", *WITHOUT_GATEWAY})


def list_payments(control: Control, *, account_id: str | None = None) -> list[dict[str, Any]]:
    """All attempts, or those of one account, oldest first, amounts in major units."""
    both = select(payments, invoices.c.invoice_number, invoices.c.account_id).join(invoices, invoices.c.invoice_id == payments.c.invoice_id)
    mine = both.where(invoices.c.account_id == account_id) if account_id else both
    with control.store.reading() as connection:
        rows = connection.execute(mine.order_by(payments.c.started_at, payments.c.revision)).mappings().all()
    amounts = {"amount": "amount_minor", "charged_amount": "charged_minor", "balance_amount": "balance_minor"}
    return [dict(row) | {name: Money(row[column], row["currency_code"]).amount for name, column in amounts.items()} for row in rows]


def list_refunds(control: Control) -> list[Refund]:
    """All refunds, oldest first."""
    with control.store.reading() as connection:
        return find_refunds(connection, true())
