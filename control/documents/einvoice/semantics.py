"""A document in the terms of EN 16931. BT and BG numbers are the standard's; both syntaxes are written from this one value.

The standard has no negative documents: credit and refund notes are type 381 with every amount negated. Credits of the account
reduce the tax base, so they are allowances of the document (BG-20) in the tax category of its lines. One category holds for the
whole document, whose rate is the sum of the country's rates.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from control.documents import wording
from control.documents.content import Document, Item
from control.documents.einvoice.identifiers import vat_id
from control.documents.einvoice.units import ONE, unit_code
from control.domain.documents import Kind
from control.domain.money import Money, plain
from control.domain.taxes import TaxTreatment
from warehouse.currencies import minor_units
from warehouse.errors import RefusedError

MOST_DECIMALS = 2  # of an amount (BR-DEC-*)
_TYPE_CODES = {Kind.INVOICE: "380", Kind.DEBIT_NOTE: "383", Kind.CREDIT_NOTE: "381", Kind.REFUND_NOTE: "381"}
CREDIT_NOTE = "381"
_CREDIT_TRANSFER, _UNSPECIFIED = "30", "1"  # UNTDID 4461


class NoEInvoiceError(RefusedError):
    """The document cannot be an e-invoice."""


@dataclass(frozen=True, kw_only=True)
class Category:
    """Tax category (BT-118) with the reason why no tax is charged. `percent` is None where the category has none (O)."""

    code: str
    percent: Decimal | None
    reason: str
    reason_code: str


@dataclass(frozen=True, kw_only=True)
class Party:
    """Seller (BG-4) or buyer (BG-7). Empty texts are absent.

    `vat_id` carries its country's prefix. A tax id without one is the seller's `tax_registration` (BT-32) and `identifier`
    (BT-29), the buyer's `legal_registration` (BT-47): the standard has no other place for it.
    """

    name: str
    street: str
    postal_code: str
    city: str
    country_code: str
    vat_id: str
    identifier: str = ""
    tax_registration: str = ""
    legal_registration: str = ""


@dataclass(frozen=True, kw_only=True)
class ELine:
    """BG-25. `price` is for `base_quantity`: a line's amount is no quantity times a price, tiers and discounts are in it.

    So a line says: this quantity costs this amount. Quantity times price over base quantity is the amount, exactly.
    """

    line_id: str
    name: str
    sku_id: str
    description: str
    quantity: Decimal
    unit_code: str
    price: Decimal
    base_quantity: Decimal
    attributes: tuple[tuple[str, str], ...]
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class EInvoice:
    """The whole document. Amounts are positive on credit notes."""

    number: str
    type_code: str
    issue_date: date
    due_date: date | None
    currency_code: str
    notes: tuple[str, ...]
    buyer_reference: str
    preceding: tuple[str, date] | None
    seller: Party
    buyer: Party
    period_start: date
    period_end: date
    payment_means: str
    payment_terms: str
    remittance: str
    iban: str
    lines: tuple[ELine, ...]
    allowances: tuple[tuple[str, Decimal], ...]
    category: Category
    line_total: Decimal
    allowance_total: Decimal
    taxable: Decimal
    tax: Decimal
    total: Decimal
    prepaid: Decimal
    due: Decimal


def why_not(document: Document) -> str:
    """Why a document cannot be an e-invoice, in words; empty where it can."""
    seller, buyer = document.seller, document.buyer
    if document.is_draft:
        return "it is not issued yet"
    if minor_units(document.currency_code) > MOST_DECIMALS:
        decimals = minor_units(document.currency_code)
        return f"{document.currency_code} has {decimals} decimals, and EN 16931 allows {MOST_DECIMALS}; no amount is rounded to fit"
    lacking = [
        name
        for name, value in (
            ("the seller's legal name", seller.legal_name),
            ("the seller's country", seller.country_code),
            ("the seller's tax id", seller.tax_id),
            ("the buyer's country", buyer.country_code),
        )
        if not value.strip()
    ]
    if lacking:
        return f"EN 16931 requires {' and '.join(lacking)}, which the document was issued without"
    return ""


def e_invoice_of(document: Document) -> EInvoice:
    """The document in the terms of EN 16931.

    Raises:
        NoEInvoiceError: it cannot be one; the message says why.
    """
    reason = why_not(document)
    if reason:
        raise NoEInvoiceError(f"{document.number or 'the draft'} has no e-invoice: {reason}")
    is_credit = _TYPE_CODES[document.kind] == CREDIT_NOTE
    sign = -1 if is_credit else 1

    def amount(money: Money) -> Decimal:
        return Money(sign * money.minor, money.currency_code).amount

    category = _category(document)
    return EInvoice(
        number=document.number,
        type_code=_TYPE_CODES[document.kind],
        issue_date=document.issued_at.date(),
        due_date=None if is_credit or document.due.minor <= 0 else document.due_date,
        currency_code=document.currency_code,
        notes=tuple(_clean(note) for note in _notes(document)),
        buyer_reference=_clean(document.account_id),
        preceding=(document.corrected.invoice_number, document.corrected.issued_on) if document.corrected else None,
        seller=_seller(document, category),
        buyer=_buyer(document, category),
        period_start=document.supply.start_at.date(),
        period_end=document.supply.end_at.date() - timedelta(days=1),
        payment_means=_CREDIT_TRANSFER if document.is_paid_to_bank and document.seller_iban else _UNSPECIFIED,
        payment_terms=document.payment_terms,
        remittance=document.payment_reference,
        iban=document.seller_iban if document.is_paid_to_bank else "",
        lines=tuple(_line(item, amount(item.amount), sign) for item in document.items),
        allowances=tuple((_clean(f"Credit {credit_id}"), amount(used)) for credit_id, used in document.credits),
        category=category,
        line_total=amount(document.subtotal),
        allowance_total=amount(document.credit),
        taxable=amount(document.taxable),
        tax=amount(document.tax),
        total=amount(document.total),
        prepaid=amount(document.given_back),
        due=amount(document.due),
    )


def _category(document: Document) -> Category:
    match document.treatment:
        case TaxTreatment.STANDARD:
            return Category(code="S", percent=document.tax_percent, reason="", reason_code="")
        case TaxTreatment.REVERSE_CHARGE:
            return Category(code="AE", percent=Decimal(0), reason=wording.REVERSE_CHARGE, reason_code="VATEX-EU-AE")
        case TaxTreatment.EXEMPT:
            return Category(code="E", percent=Decimal(0), reason=wording.EXEMPT, reason_code="")
        case TaxTreatment.ZERO:
            return Category(code="Z", percent=Decimal(0), reason="", reason_code="")
        case TaxTreatment.OUT_OF_SCOPE:
            return Category(code="O", percent=None, reason=wording.OUT_OF_SCOPE, reason_code="VATEX-EU-O")


def _notes(document: Document) -> list[str]:
    notes = []
    if document.kind is not Kind.INVOICE:
        notes.append(f"{document.title} for {document.supply}.")
    if len(document.taxes) > 1:
        notes.append("Tax: " + ", ".join(f"{tax.name} {plain(tax.percent)} % {tax.amount}" for tax in document.taxes) + ".")
    return notes


def _seller(document: Document, category: Category) -> Party:
    seller = document.seller
    with_prefix = vat_id(seller.country_code, seller.tax_id)
    # What is outside the tax carries no VAT ids (BR-O-02); without one an identifier must name the seller (BR-CO-26).
    shown = "" if category.code == "O" else with_prefix
    return Party(
        name=_clean(seller.legal_name),
        street=_clean(seller.address),
        postal_code=_clean(seller.postal_code),
        city=_clean(seller.city),
        country_code=seller.country_code,
        vat_id=shown,
        identifier="" if shown else _clean(seller.tax_id),
        tax_registration="" if shown else _clean(seller.tax_id),
    )


def _buyer(document: Document, category: Category) -> Party:
    buyer = document.buyer
    with_prefix = vat_id(buyer.country_code, buyer.tax_id)
    shown = "" if category.code == "O" else with_prefix
    return Party(
        name=_clean(document.buyer_name),
        street=_clean(buyer.address),
        postal_code=_clean(buyer.postal_code),
        city=_clean(buyer.city),
        country_code=buyer.country_code,
        vat_id=shown,
        legal_registration="" if shown else _clean(buyer.tax_id),
    )


def _line(item: Item, amount: Decimal, sign: int) -> ELine:
    quantity = sign * item.quantity
    code = unit_code(item.unit)
    attributes = []
    # A price may not be below zero (BR-27), so the quantity carries the sign. Where it cannot, the line is one piece of the
    # amount, and the quantity that was moved is an attribute.
    if not quantity or (amount and (quantity < 0) != (amount < 0)):
        if quantity:
            attributes.append(("Quantity", f"{plain(item.quantity)} {item.unit}".strip()))
        quantity, code = Decimal(-1 if amount < 0 else 1), ONE
    elif code == ONE and item.unit:
        attributes.append(("Unit", item.unit))
    return ELine(
        line_id=str(item.line_number),
        name=_clean(item.name) or _clean(item.sku_id),
        sku_id=_clean(item.sku_id),
        description=item.detail,
        quantity=quantity,
        unit_code=code,
        price=abs(amount),
        base_quantity=abs(quantity),
        attributes=tuple((name, cleaned) for name, value in attributes if (cleaned := _clean(value))),
        amount=amount,
    )


def _clean(text: str) -> str:
    """One line without what XML cannot carry."""
    visible = "".join(" " if unicodedata.category(sign) in ("Cc", "Cs", "Cn") else sign for sign in text)
    return re.sub(r"\s+", " ", visible).strip()
