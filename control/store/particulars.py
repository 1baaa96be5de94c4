"""Particulars of issued documents as rows, and which document another one corrects."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, insert, select

from control.domain.documents import Draft, Kind
from control.domain.particulars import Particulars, from_text, to_text
from control.store.tables import invoice_particulars, invoices, refunds


def add(connection: Connection, particulars: Mapping[str, Particulars]) -> None:
    """Freeze them, by invoice_id, in the transaction that issues the documents."""
    rows = [{"invoice_id": invoice_id, "content": to_text(found)} for invoice_id, found in particulars.items()]
    if rows:
        connection.execute(insert(invoice_particulars), rows)


def find(connection: Connection, invoice_id: str) -> Particulars | None:
    """Those of a document; None where it was issued before they were kept."""
    statement = select(invoice_particulars.c.content).where(invoice_particulars.c.invoice_id == invoice_id)
    content = connection.execute(statement).scalar_one_or_none()
    return None if content is None else from_text(content)


def corrected_id(connection: Connection, draft: Draft) -> str | None:
    """The document that a note corrects: what a refund note gives back, or the invoice of the month that others adjust.

    None for an invoice, and where the month was closed without one.
    """
    if draft.kind is Kind.INVOICE:
        return None
    if draft.kind is Kind.REFUND_NOTE:
        statement = select(refunds.c.invoice_id).where(refunds.c.refund_id == draft.invoice_id)
    else:
        statement = select(invoices.c.invoice_id).where(
            invoices.c.account_id == draft.account_id,
            invoices.c.period == draft.adjusted_period,
            invoices.c.kind == Kind.INVOICE.value,
        )
    found: str | None = connection.execute(statement).scalar_one_or_none()
    return found
