"""Issued documents as rows, and rows as issued documents. Which document is issued is decided in services/close.py."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select, update

from control.domain.documents import CreditUse, Draft, IssuedInvoice, Kind, Line
from control.domain.ledger import Entry, Source, postings_of_issue
from control.domain.money import Money
from control.domain.parties import Buyer, Seller
from control.domain.status import InvoiceStatus
from control.store import journal, revisions
from control.store.tables import invoice_credit_uses, invoice_lines, invoices, sku_services


@dataclass(frozen=True, kw_only=True)
class Numbered:
    """A document with its place in a number series."""

    seller_key: str
    series_number: int
    invoice: IssuedInvoice


def insert_documents(connection: Connection, documents: Sequence[Numbered], *, services: Mapping[str, str]) -> None:
    """Write documents with their lines, credit uses and journal entries, each row with a revision of its own.

    Args:
        connection: of the issuing transaction.
        documents: numbered already.
        services: SKU to service, which revenue is posted by.
    """
    if not documents:
        return
    contents = [document.invoice.content for document in documents]
    heads = [_head(document) for document in documents]
    lines = [_line(content.invoice_id, line) for content in contents for line in content.lines]
    uses = [_use(content.invoice_id, use) for content in contents for use in content.credit_uses]
    rows = [*heads, *lines, *uses]
    for row, revision in zip(rows, revisions.take(connection, len(rows)), strict=True):
        row["revision"] = revision
    connection.execute(insert(invoices), heads)
    connection.execute(insert(invoice_lines), lines)
    if uses:
        connection.execute(insert(invoice_credit_uses), uses)
    _remember_services(connection, {line.sku_id for content in contents for line in content.lines}, services)
    journal.post(connection, [_issue_entry(document.invoice, services) for document in documents])


def known_services(connection: Connection) -> dict[str, str]:
    """SKU to service, of every SKU that was ever billed."""
    return {str(row.sku_id): str(row.service) for row in connection.execute(select(sku_services))}


def _remember_services(connection: Connection, skus: set[str], services: Mapping[str, str]) -> None:
    known = known_services(connection)
    for sku_id in sorted(skus):
        service = services.get(sku_id)
        if service and sku_id not in known:
            connection.execute(insert(sku_services), {"sku_id": sku_id, "service": service})
        elif service and known[sku_id] != service:
            connection.execute(update(sku_services).where(sku_services.c.sku_id == sku_id).values(service=service))


def _issue_entry(invoice: IssuedInvoice, services: Mapping[str, str]) -> Entry:
    return Entry(
        source=Source.DOCUMENT,
        source_id=invoice.invoice_id,
        posted_at=invoice.issued_at,
        description=invoice.invoice_number,
        postings=postings_of_issue(invoice.content, services),
        account_id=invoice.content.account_id,
        invoice_id=invoice.invoice_id,
        period=invoice.content.period,
    )


def load_documents(connection: Connection, condition: ColumnElement[bool]) -> list[IssuedInvoice]:
    """The documents whose row in `invoices` meets the condition, in the order of their numbers."""
    lines: dict[str, list[Row[Any]]] = defaultdict(list)
    of_lines = select(invoice_lines).join(invoices, invoices.c.invoice_id == invoice_lines.c.invoice_id).where(condition)
    for row in connection.execute(of_lines.order_by(invoice_lines.c.line_number)):
        lines[row.invoice_id].append(row)
    uses: dict[str, list[Row[Any]]] = defaultdict(list)
    of_uses = select(invoice_credit_uses).join(invoices, invoices.c.invoice_id == invoice_credit_uses.c.invoice_id).where(condition)
    for row in connection.execute(of_uses.order_by(invoice_credit_uses.c.use_order)):
        uses[row.invoice_id].append(row)
    heads = connection.execute(select(invoices).where(condition).order_by(invoices.c.seller_key, invoices.c.series_number))
    return [_document(row, lines[row.invoice_id], uses[row.invoice_id]) for row in heads]


def _head(document: Numbered) -> dict[str, Any]:
    invoice, content, seller, buyer = document.invoice, document.invoice.content, document.invoice.seller, document.invoice.buyer
    return {
        "invoice_id": content.invoice_id,
        "invoice_number": invoice.invoice_number,
        "seller_key": document.seller_key,
        "series_number": document.series_number,
        "kind": content.kind.value,
        "account_id": content.account_id,
        "period": content.period,
        "adjusted_period": content.adjusted_period,
        "status": invoice.status.value,
        "currency_code": content.total.currency_code,
        "subtotal_minor": content.subtotal.minor,
        "credit_minor": content.credit.minor,
        "tax_percent": content.tax_percent,
        "tax_minor": content.tax.minor,
        "total_minor": content.total.minor,
        "paid_minor": invoice.paid.minor,
        "tax_note": content.tax_note,
        "issued_at": invoice.issued_at,
        "due_date": invoice.due_date,
        "seller_legal_name": seller.legal_name,
        "seller_address": seller.address,
        "seller_postal_code": seller.postal_code,
        "seller_city": seller.city,
        "seller_country_code": seller.country_code,
        "seller_tax_id": seller.tax_id,
        "buyer_name": buyer.name,
        "buyer_legal_name": buyer.legal_name,
        "buyer_address": buyer.address,
        "buyer_postal_code": buyer.postal_code,
        "buyer_city": buyer.city,
        "buyer_country_code": buyer.country_code,
        "buyer_tax_id": buyer.tax_id,
        "content_hash": invoice.content_hash,
    }


def _line(invoice_id: str, line: Line) -> dict[str, Any]:
    return {
        "invoice_id": invoice_id,
        "line_number": line.line_number,
        "line_type": line.line_type,
        "sku_id": line.sku_id,
        "price_id": line.price_id,
        "quantity": line.quantity,
        "unit": line.unit,
        "amount_minor": line.amount.minor,
    }


def _use(invoice_id: str, use: CreditUse) -> dict[str, Any]:
    return {"invoice_id": invoice_id, "credit_id": use.credit_id, "use_order": use.use_order, "amount_minor": use.amount.minor}


def _document(row: Row[Any], lines: Sequence[Row[Any]], uses: Sequence[Row[Any]]) -> IssuedInvoice:
    currency = row.currency_code
    content = Draft(
        invoice_id=row.invoice_id,
        kind=Kind(row.kind),
        account_id=row.account_id,
        period=row.period,
        adjusted_period=row.adjusted_period,
        subtotal=Money(row.subtotal_minor, currency),
        credit=Money(row.credit_minor, currency),
        tax_percent=row.tax_percent,
        tax=Money(row.tax_minor, currency),
        total=Money(row.total_minor, currency),
        tax_note=row.tax_note,
        lines=tuple(
            Line(
                line_number=line.line_number,
                line_type=line.line_type,
                sku_id=line.sku_id,
                price_id=line.price_id,
                quantity=line.quantity,
                unit=line.unit,
                amount=Money(line.amount_minor, currency),
            )
            for line in lines
        ),
        credit_uses=tuple(
            CreditUse(credit_id=use.credit_id, use_order=use.use_order, amount=Money(use.amount_minor, currency)) for use in uses
        ),
    )
    return IssuedInvoice(
        invoice_number=row.invoice_number,
        content=content,
        seller=Seller(
            legal_name=row.seller_legal_name,
            address=row.seller_address,
            postal_code=row.seller_postal_code,
            city=row.seller_city,
            country_code=row.seller_country_code,
            tax_id=row.seller_tax_id,
        ),
        buyer=Buyer(
            name=row.buyer_name,
            legal_name=row.buyer_legal_name,
            address=row.buyer_address,
            postal_code=row.buyer_postal_code,
            city=row.buyer_city,
            country_code=row.buyer_country_code,
            tax_id=row.buyer_tax_id,
        ),
        issued_at=row.issued_at,
        due_date=row.due_date,
        content_hash=row.content_hash,
        status=InvoiceStatus(row.status),
        paid=Money(row.paid_minor, currency),
    )
