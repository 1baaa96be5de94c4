"""Shows issued documents from the store that issued them. People and reports read the warehouse instead."""

from __future__ import annotations

from control.bootstrap import Control
from control.domain.documents import IssuedInvoice
from control.domain.periods import Period
from control.store.documents import load_documents
from control.store.tables import invoices
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
