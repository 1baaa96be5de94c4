"""What stands on a document, whatever it is written in: one immutable value made of the issued rows and their particulars.

No amount is computed here but the parts of the tax by rate, which add up to the document's tax.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from control.documents.wording import LINE_TYPES, payment_words, tax_name, title_of
from control.domain.documents import Draft, IssuedInvoice, Kind
from control.domain.money import Money
from control.domain.particulars import Particulars, TaxPart
from control.domain.parties import Buyer, Seller
from control.domain.payments import BANK_TRANSFER
from control.domain.periods import Period
from control.domain.taxes import REVERSE_CHARGE, TaxTreatment
from control.gateways.bank.references import creditor_reference


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line as it stands on the document. `name` is the SKU's name, or its id where no name was frozen."""

    line_number: int
    line_type: str
    sku_id: str
    name: str
    detail: str
    quantity: Decimal
    unit: str
    amount: Money


@dataclass(frozen=True, kw_only=True)
class Tax:
    """One row of the tax breakdown."""

    name: str
    percent: Decimal
    base: Money
    amount: Money


@dataclass(frozen=True, kw_only=True)
class Corrected:
    """The document that a note corrects."""

    invoice_number: str
    issued_on: date


@dataclass(frozen=True, kw_only=True)
class Document:
    """One document. `number` is empty on a draft, `corrected` where there is nothing it corrects.

    Amounts have the signs of the rows: those of credit notes and refund notes are below zero. `supply` is the month that was
    billed: of a note the month it adjusts.
    """

    number: str
    kind: Kind
    title: str
    account_id: str
    seller: Seller
    buyer: Buyer
    issued_at: datetime
    due_date: date
    supply: Period
    corrected: Corrected | None
    items: tuple[Item, ...]
    subtotal: Money
    credits: tuple[tuple[str, Money], ...]
    credit: Money
    treatment: TaxTreatment
    taxes: tuple[Tax, ...]
    tax_percent: Decimal
    tax: Money
    total: Money
    gateway: str
    seller_iban: str
    payment_reference: str

    @property
    def is_draft(self) -> bool:
        """Not anybody's debt yet."""
        return not self.number

    @property
    def currency_code(self) -> str:
        """Of all amounts."""
        return self.total.currency_code

    @property
    def taxable(self) -> Money:
        """What tax is computed of."""
        return self.subtotal - self.credit

    @property
    def given_back(self) -> Money:
        """What was settled before issue: a refund note is issued once its money went back."""
        return self.total if self.kind is Kind.REFUND_NOTE else Money(0, self.currency_code)

    @property
    def due(self) -> Money:
        """What was to be paid when it was issued; below zero: in the buyer's favour."""
        return self.total - self.given_back

    @property
    def buyer_name(self) -> str:
        """The legal name, else the account's."""
        return self.buyer.legal_name or self.buyer.name

    @property
    def is_paid_to_bank(self) -> bool:
        """Whether the buyer is asked to transfer it."""
        return self.gateway in ("", BANK_TRANSFER) and self.due.minor > 0

    @property
    def payment_terms(self) -> str:
        """How and when it is paid, in words."""
        return payment_words(
            due=self.due, due_date=self.due_date, is_refund=self.kind is Kind.REFUND_NOTE, is_paid_to_bank=self.is_paid_to_bank
        )


def of_issued(invoice: IssuedInvoice, particulars: Particulars | None, corrected: Corrected | None) -> Document:
    """An issued document. `particulars` None: it was issued before they were kept, so SKU ids stand for names."""
    return _document(
        invoice.content,
        number=invoice.invoice_number,
        seller=invoice.seller,
        buyer=invoice.buyer,
        issued_at=invoice.issued_at,
        due_date=invoice.due_date,
        particulars=particulars or Particulars(),
        corrected=corrected,
    )


def of_draft(
    draft: Draft, *, seller: Seller, buyer: Buyer, now: datetime, due_date: date, particulars: Particulars, corrected: Corrected | None
) -> Document:
    """A draft as it would look if it were issued now; it has no number."""
    return _document(
        draft, number="", seller=seller, buyer=buyer, issued_at=now, due_date=due_date, particulars=particulars, corrected=corrected
    )


def _document(
    content: Draft,
    *,
    number: str,
    seller: Seller,
    buyer: Buyer,
    issued_at: datetime,
    due_date: date,
    particulars: Particulars,
    corrected: Corrected | None,
) -> Document:
    treatment = _treatment(content, particulars, seller=seller, buyer=buyer)
    items = tuple(
        Item(
            line_number=line.line_number,
            line_type=line.line_type,
            sku_id=line.sku_id,
            name=particulars.item_names.get(line.sku_id, line.sku_id),
            detail=LINE_TYPES.get(line.line_type, line.line_type),
            quantity=line.quantity,
            unit=line.unit,
            amount=line.amount,
        )
        for line in content.lines
    )
    return Document(
        number=number,
        kind=content.kind,
        title=title_of(content.kind),
        account_id=content.account_id,
        seller=seller,
        buyer=buyer,
        issued_at=issued_at,
        due_date=due_date,
        supply=Period.parse(content.adjusted_period or content.period),
        corrected=corrected,
        items=items,
        subtotal=content.subtotal,
        credits=tuple((use.credit_id, use.amount) for use in content.credit_uses),
        credit=content.credit,
        treatment=treatment,
        taxes=tax_parts(content, particulars.taxes, treatment=treatment),
        tax_percent=content.tax_percent,
        tax=content.tax,
        total=content.total,
        gateway=particulars.gateway,
        seller_iban=particulars.seller_iban,
        payment_reference=creditor_reference(number) if number else "",
    )


def _treatment(content: Draft, particulars: Particulars, *, seller: Seller, buyer: Buyer) -> TaxTreatment:
    if content.tax_percent:
        return TaxTreatment.STANDARD
    if content.tax_note == REVERSE_CHARGE:
        return TaxTreatment.REVERSE_CHARGE
    if particulars.is_tax_exempt:
        return TaxTreatment.EXEMPT
    return TaxTreatment.ZERO if buyer.country_code == seller.country_code else TaxTreatment.OUT_OF_SCOPE


def tax_parts(content: Draft, parts: Sequence[TaxPart], *, treatment: TaxTreatment) -> tuple[Tax, ...]:
    """The tax of a document by its rates, which always adds up to the document's tax.

    Each part is its share of that tax, cut off; the minor units that are missing then go to the largest remainders.
    """
    base, currency = content.subtotal - content.credit, content.total.currency_code
    named = parts if sum(part.percent for part in parts) == content.tax_percent and content.tax_percent else ()
    if len(named) < 2:
        name = named[0].name if named else tax_name(treatment)
        return (Tax(name=name, percent=content.tax_percent, base=base, amount=content.tax),)
    sign = -1 if content.tax.minor < 0 else 1
    whole = abs(content.tax.minor)
    exact = [whole * Fraction(part.percent) / Fraction(content.tax_percent) for part in named]
    amounts = [int(share) for share in exact]
    by_rest = sorted(range(len(named)), key=lambda place: amounts[place] - exact[place])
    for place in by_rest[: whole - sum(amounts)]:
        amounts[place] += 1
    return tuple(
        Tax(name=part.name, percent=part.percent, base=base, amount=Money(sign * amount, currency))
        for part, amount in zip(named, amounts, strict=True)
    )
