"""Writes off what nobody will pay: the document becomes uncollectible, its rest bad debt. Who pays later pays it after all."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, update

from control.bootstrap import Control
from control.domain.documents import IssuedInvoice
from control.domain.ledger import Entry, Source, postings_of_write_off
from control.domain.status import PUSHABLE, InvoiceStatus, move
from control.services.follow import pending_attempt
from control.store import journal, revisions
from control.store.documents import load_documents
from control.store.tables import invoices
from warehouse.errors import InputError, RefusedError


def write_off(control: Control, invoice_number: str, *, now: datetime) -> IssuedInvoice:
    """Give up what is open of an invoice. Repeating it changes nothing.

    Raises:
        InputError: no such invoice.
        RefusedError: it is settled, is no claim, or a payment of it has no end yet.
    """
    return control.store.transact(lambda connection: give_up(connection, invoice_number, now=now))


def give_up(connection: Connection, invoice_number: str, *, now: datetime) -> IssuedInvoice:
    """As write_off, inside the caller's transaction."""
    (revision,) = revisions.take(connection, 1)
    found = load_documents(connection, invoices.c.invoice_number == invoice_number)
    if not found:
        raise InputError(f"no issued invoice has the number {invoice_number!r}; `meterhouse invoice list` names those that exist")
    (invoice,) = found
    if invoice.status is InvoiceStatus.UNCOLLECTIBLE:
        return invoice
    if invoice.status not in PUSHABLE or invoice.open.minor <= 0:
        raise RefusedError(f"{invoice_number} is {invoice.status} with {invoice.open} open: there is nothing to write off")
    if pending_attempt(connection, invoice.invoice_id) is not None:
        raise RefusedError(f"a payment of {invoice_number} has no end yet; run `meterhouse work` and repeat")
    status = move(invoice.status, InvoiceStatus.UNCOLLECTIBLE)
    mine = update(invoices).where(invoices.c.invoice_id == invoice.invoice_id)
    connection.execute(mine.values(status=status.value, revision=revision))
    entry = Entry(
        source=Source.WRITE_OFF,
        source_id=f"{invoice.invoice_id}@{invoice.paid.minor}",
        posted_at=now,
        description=invoice.invoice_number,
        postings=postings_of_write_off(invoice.open),
        account_id=invoice.content.account_id,
        invoice_id=invoice.invoice_id,
    )
    journal.post(connection, [entry])
    return load_documents(connection, invoices.c.invoice_id == invoice.invoice_id)[0]
