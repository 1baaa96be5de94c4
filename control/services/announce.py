"""Announces issued documents to their customers, each by one mail that carries its PDF.

The mail says how the document stands when it is written, so it is written after the push. mail.py sends it and makes the PDF.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, func, literal, select

from control.bootstrap import Control
from control.documents.content import Document
from control.domain.documents import IssuedInvoice, Kind
from control.domain.money import Money
from control.domain.payments import WITHOUT_GATEWAY
from control.domain.periods import Period
from control.domain.status import InvoiceStatus, PaymentStatus
from control.errors import StoreError
from control.gateways.bank.references import printed
from control.services.documents import issued_document
from control.services.mail import write_mail
from control.services.restrictions import letter
from control.store import agreements, mails, revisions
from control.store.documents import load_documents
from control.store.mails import ABOUT_DOCUMENT
from control.store.tables import invoices, payments
from control.store.tables import mails as mails_table

TEMPLATE = "document"


@dataclass(frozen=True, kw_only=True)
class Unannounced:
    """A document that nobody was told of, and why."""

    invoice_number: str
    account_id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Announced:
    """What one run did. `before`: announced by an earlier one."""

    period: str
    written: int
    before: int
    without_address: Sequence[Unannounced]
    failed: Sequence[Unannounced]


def announce(control: Control, period: str, *, now: datetime) -> Announced:
    """Queue the mails of a month's documents that have none yet. Repeating it writes none a second time.

    Args:
        control: issued the documents.
        period: `YYYY-MM`.
        now: when the mails are written.

    Raises:
        InputError: the period is no month.
        StoreError: the store does not answer.
    """
    month = str(Period.parse(period))
    of_month = select(invoices.c.invoice_id, invoices.c.invoice_number, invoices.c.account_id).where(invoices.c.period == month)
    has_mail = exists().where(
        mails_table.c.account_id == invoices.c.account_id,
        mails_table.c.template == TEMPLATE,
        mails_table.c.about == literal(ABOUT_DOCUMENT) + invoices.c.invoice_id,
    )
    with control.store.reading() as connection:
        total: int = connection.execute(select(func.count()).select_from(of_month.subquery())).scalar_one()
        waiting = connection.execute(of_month.where(~has_mail).order_by(invoices.c.seller_key, invoices.c.series_number)).all()
    written = 0
    without_address, failed = [], []
    for row in waiting:
        try:
            has_address, is_new = _announce(control, row.invoice_id, now=now)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever keeps one mail from being written, the others are
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            failed.append(Unannounced(invoice_number=row.invoice_number, account_id=row.account_id, reason=reason))
            continue
        written += is_new
        if not has_address:
            reason = "the account has neither an address nor a billing contact"
            without_address.append(Unannounced(invoice_number=row.invoice_number, account_id=row.account_id, reason=reason))
    before = total - written - len(without_address) - len(failed)
    return Announced(period=month, written=written, before=before, without_address=without_address, failed=failed)


def _announce(control: Control, invoice_id: str, *, now: datetime) -> tuple[bool, bool]:
    """Queue one mail; whether the account has an address, and whether the mail is new."""
    document = issued_document(control, invoice_id)
    about = f"{ABOUT_DOCUMENT}{invoice_id}"

    def work(connection: Connection) -> tuple[bool, bool]:
        revisions.take(connection, 0)  # one writer: what is paid now is paid when the mail is written
        (invoice,) = load_documents(connection, invoices.c.invoice_id == invoice_id)
        language = agreements.load_terms(connection, document.account_id).language
        values = _values(connection, control, invoice, document)
        mail = write_mail(connection, document.account_id, TEMPLATE, language=language, about=about, values=values, now=now)
        is_known = mails.is_written(connection, mails.mail_id_of(document.account_id, TEMPLATE, about))
        return is_known, mail is not None

    return control.store.transact(work)


def _values(connection: Connection, control: Control, invoice: IssuedInvoice, document: Document) -> dict[str, Any]:
    charged = _charged(connection, invoice)
    return letter(connection, control, document.account_id, (), invoice.content.total) | {
        "seller": document.seller.legal_name,
        "kind": document.kind.value,
        "number": document.number,
        "period": str(document.supply),
        "due_date": document.due_date.isoformat(),
        "payment": _payment(invoice, document, charged=charged),
        "open": str(invoice.open),
        "charged": str(charged),
        "iban": document.seller_iban,
        "reference": printed(document.payment_reference),
    }


def _payment(invoice: IssuedInvoice, document: Document, *, charged: Money) -> str:
    """Which sentence about payment the mail has; one for each word in its template."""
    if document.kind is Kind.REFUND_NOTE:
        return "refunded"
    if invoice.content.total.minor < 0:
        return "credited"
    if invoice.content.total.minor == 0 or invoice.status is InvoiceStatus.UNCOLLECTIBLE:
        return "nothing"
    if invoice.status is InvoiceStatus.PAID:
        return "charged" if charged.minor > 0 else "settled"
    return "transfer" if document.is_paid_to_bank else "collected"


def _charged(connection: Connection, invoice: IssuedInvoice) -> Money:
    """What the document's payments took from a card."""
    taken = select(payments.c.charged_minor).where(
        payments.c.invoice_id == invoice.invoice_id,
        payments.c.status == PaymentStatus.PAID.value,
        payments.c.gateway.not_in(WITHOUT_GATEWAY),
    )
    return Money(sum(connection.execute(taken).scalars()), invoice.content.total.currency_code)
