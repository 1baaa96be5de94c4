"""Makes the files of a document: PDF and e-invoice, from what was frozen with it, or from a draft as it stands in the warehouse.

Nothing is stored: the same document gives the same files.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from clickhouse_connect.driver.client import Client
from sqlalchemy import Connection, or_

from control.bootstrap import Control
from control.documents.content import Corrected, Document, of_draft, of_issued
from control.documents.einvoice import NoEInvoiceError, Syntax, e_invoice_of, problems_of, to_cii, to_ubl
from control.domain.documents import Draft
from control.domain.particulars import CatalogTexts, particulars_of
from control.domain.periods import Period
from control.services.customers import load_account
from control.services.drafts import read_drafts
from control.services.skus import read_names
from control.services.taxes import read_tax_parts
from control.store import particulars
from control.store.documents import load_documents
from control.store.tables import invoices
from warehouse.errors import InputError
from warehouse.settings import Settings

_WRITERS = {Syntax.CII: to_cii, Syntax.UBL: to_ubl}


@dataclass(frozen=True, kw_only=True)
class PrintedDocument:
    """A PDF with the e-invoice in it (CII). `without_e_invoice` says why there is none, and is empty where there is one."""

    pdf: bytes
    e_invoice: bytes | None
    without_e_invoice: str


def document_xml(document: Document, syntax: Syntax) -> bytes:
    """The e-invoice, which EN 16931's own rules found valid.

    Raises:
        NoEInvoiceError: it cannot be one, or breaks a rule; the message says which.
    """
    xml = _WRITERS[syntax](e_invoice_of(document))
    broken = problems_of(xml, syntax)
    if broken:
        raise NoEInvoiceError(f"{document.number} has no e-invoice: it would break {'; '.join(broken)}")
    return xml


def print_document(document: Document) -> PrintedDocument:
    """The PDF/A-3 file: Factur-X where the document can be an e-invoice, else pages only."""
    from control.documents.pdf import to_pdf  # noqa: PLC0415 - a second to import; every tick loads this module, and almost none prints

    try:
        e_invoice = document_xml(document, Syntax.CII)
    except NoEInvoiceError as reason:
        return PrintedDocument(pdf=to_pdf(document, e_invoice=None), e_invoice=None, without_e_invoice=str(reason))
    return PrintedDocument(pdf=to_pdf(document, e_invoice=e_invoice), e_invoice=e_invoice, without_e_invoice="")


def issued_document(control: Control, number: str) -> Document:
    """An issued document by its number or invoice_id.

    Raises:
        InputError: there is none.
    """
    found = find_issued(control, number)
    if found is None:
        raise InputError(f"no issued invoice has the number {number!r}; `meterhouse invoice list` names those that exist")
    return found


def find_issued(control: Control, number: str) -> Document | None:
    """The same, or None."""
    with control.store.reading() as connection:
        found = load_documents(connection, or_(invoices.c.invoice_number == number, invoices.c.invoice_id == number))
        if not found:
            return None
        (invoice,) = found
        kept = particulars.find(connection, invoice.invoice_id)
        return of_issued(invoice, kept, _corrected(connection, invoice.content))


def draft_document(control: Control, client: Client, settings: Settings, *, period: str, invoice_id: str, now: datetime) -> Document:
    """A draft as it would be issued now, by its invoice_id.

    Raises:
        InputError: the month has no such draft.
    """
    draft = next((draft for draft in read_drafts(client, settings, period) if draft.invoice_id == invoice_id), None)
    if draft is None:
        raise InputError(f"{period} has no draft {invoice_id!r}; `meterhouse invoice list {period}` names those that exist")
    # A note is taxed like the month it adjusts.
    last_hour_at = Period.parse(draft.adjusted_period or draft.period).end_at - timedelta(hours=1)
    texts = CatalogTexts(item_names=read_names(client, settings), taxes=read_tax_parts(client, settings, at=last_hour_at))
    with control.store.reading() as connection:
        account = load_account(connection, draft.account_id)
        corrected_id = particulars.corrected_id(connection, draft)
        kept = None if corrected_id is None else particulars.find(connection, corrected_id)
        return of_draft(
            draft,
            seller=control.settings.seller,
            buyer=account.buyer,
            now=now.replace(microsecond=0),
            due_date=now.date() + timedelta(days=account.payment_terms_days),
            particulars=particulars_of(draft, account, texts=texts, seller_iban=control.settings.seller_iban, corrected=kept),
            corrected=_corrected(connection, draft),
        )


def _corrected(connection: Connection, content: Draft) -> Corrected | None:
    corrected_id = particulars.corrected_id(connection, content)
    if corrected_id is None:
        return None
    (invoice,) = load_documents(connection, invoices.c.invoice_id == corrected_id)
    return Corrected(invoice_number=invoice.invoice_number, issued_on=invoice.issued_at.date())
