"""Documents: what a draft says, what an issued invoice freezes, and the hash that proves it did not change.

Reading drafts and writing invoices is the business of services/ and store/.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

from control.domain.money import Money, plain
from control.domain.parties import Buyer, Seller
from control.domain.status import InvoiceStatus


class Kind(StrEnum):
    """Kind of document. All kinds share one number series."""

    INVOICE = "invoice"
    DEBIT_NOTE = "debit_note"
    CREDIT_NOTE = "credit_note"
    REFUND_NOTE = "refund_note"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line: (line_type, sku, price) of the document, amount rounded."""

    line_number: int
    line_type: str
    sku_id: str
    price_id: str
    quantity: Decimal
    unit: str
    amount: Money


@dataclass(frozen=True, kw_only=True)
class CreditUse:
    """A credit used by the document (above zero), or given back by a credit note (below zero)."""

    credit_id: str
    use_order: int
    amount: Money


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A document as the warehouse computed it, not yet anybody's debt. `adjusted_period` is empty on an invoice.

    Of a refund note, which no warehouse computes, it is the month of the document whose payment went back.
    """

    invoice_id: str
    kind: Kind
    account_id: str
    period: str
    adjusted_period: str
    subtotal: Money
    credit: Money
    tax_percent: Decimal
    tax: Money
    total: Money
    tax_note: str
    lines: tuple[Line, ...]
    credit_uses: tuple[CreditUse, ...]

    @property
    def order(self) -> tuple[str, str, str]:
        """Documents of one close are numbered in this order, bytewise."""
        return (self.account_id, self.kind, self.adjusted_period)


@dataclass(frozen=True, kw_only=True)
class IssuedInvoice:
    """An issued document. Only `status` and `paid` ever change."""

    invoice_number: str
    content: Draft
    seller: Seller
    buyer: Buyer
    issued_at: datetime
    due_date: date
    content_hash: str
    status: InvoiceStatus
    paid: Money

    @property
    def invoice_id(self) -> str:
        """Deterministic in (account, period, kind, adjusted_period)."""
        return self.content.invoice_id

    @property
    def open(self) -> Money:
        """What is still to be collected; below zero on a credit note that was not given yet."""
        return self.content.total - self.paid


def problems(draft: Draft) -> list[str]:
    """What makes a draft unfit to be issued, in words; empty where all identities hold exactly.

    Lines sum to the subtotal, credit uses to the credit, tax is the percent of what is left, rounded half away from zero, and
    subtotal - credit + tax is the total; all in one currency, with the signs its kind allows.
    """
    currency = draft.total.currency_code
    zero = Money(0, currency)
    moneys = [draft.subtotal, draft.credit, draft.tax, *(line.amount for line in draft.lines), *(use.amount for use in draft.credit_uses)]
    foreign = sorted({money.currency_code for money in moneys} - {currency})
    if foreign:
        return [f"it mixes {currency} and {', '.join(foreign)}"]
    found = []
    if not draft.lines:
        found.append("it has no lines")
    if len({line.line_number for line in draft.lines}) != len(draft.lines):
        found.append("two of its lines have the same number")
    lines = sum((line.amount for line in draft.lines), start=zero)
    if lines != draft.subtotal:
        found.append(f"its lines add up to {lines}, its subtotal is {draft.subtotal}")
    uses = sum((use.amount for use in draft.credit_uses), start=zero)
    if uses != draft.credit:
        found.append(f"its credit uses add up to {uses}, its credit amount is {draft.credit}")
    twice = sorted(credit_id for credit_id, count in Counter(use.credit_id for use in draft.credit_uses).items() if count > 1)
    if twice:
        found.append(f"it uses {', '.join(twice)} twice")
    tax = (draft.subtotal - draft.credit).percent(draft.tax_percent)
    # A refund gives back an amount that tax is part of, and a wholly refunded document its very tax.
    if tax != draft.tax and draft.kind is not Kind.REFUND_NOTE:
        found.append(f"{plain(draft.tax_percent)} % of {draft.subtotal - draft.credit} is {tax}, its tax is {draft.tax}")
    total = draft.subtotal - draft.credit + draft.tax
    if total != draft.total:
        found.append(f"subtotal - credit + tax is {total}, its total is {draft.total}")
    return found + _wrong_signs(draft)


def _wrong_signs(draft: Draft) -> list[str]:
    is_credit_note = draft.kind is Kind.CREDIT_NOTE
    gives_back = draft.kind in (Kind.CREDIT_NOTE, Kind.REFUND_NOTE)
    found = []
    if is_credit_note and any(use.amount.minor > 0 for use in draft.credit_uses):
        found.append("a credit note gives credits back, and one of its credit uses is above zero")
    if not is_credit_note and any(use.amount.minor < 0 for use in draft.credit_uses):
        found.append(f"one of its credit uses is below zero, which only a credit note may have, not a {draft.kind}")
    if gives_back and draft.subtotal.minor > 0:
        found.append(f"a {draft.kind.replace('_', ' ')} adds up to {draft.subtotal}")
    if draft.kind is Kind.REFUND_NOTE and (draft.total.minor >= 0 or draft.tax.minor > 0 or draft.credit_uses):
        found.append(f"a refund note of {draft.total} with a tax of {draft.tax} gives nothing back, or uses credits")
    if draft.kind is Kind.DEBIT_NOTE and draft.subtotal.minor <= 0:
        found.append(f"a debit note adds up to {draft.subtotal}")
    if not gives_back and draft.credit.minor > max(draft.subtotal.minor, 0):
        found.append(f"credits of {draft.credit} exceed the subtotal of {draft.subtotal}")
    if is_credit_note and draft.credit.minor < draft.subtotal.minor:
        found.append(f"it gives back credits of {-draft.credit} for a subtotal of {draft.subtotal}")
    if bool(draft.adjusted_period) != (draft.kind is not Kind.INVOICE):
        found.append(f"a {draft.kind} has the adjusted period {draft.adjusted_period!r}")
    return found


def canonical(invoice: IssuedInvoice) -> str:
    """The whole document as canonical JSON: keys sorted, no spaces, decimals as plain texts, instants in UTC milliseconds.

    Status, payments and the hash itself are not part of it. A change of this form invalidates every stored hash.
    """
    content = invoice.content
    document = {
        "invoice_number": invoice.invoice_number,
        "invoice_id": content.invoice_id,
        "kind": content.kind,
        "account_id": content.account_id,
        "period": content.period,
        "adjusted_period": content.adjusted_period,
        "currency_code": content.total.currency_code,
        "subtotal_amount": _text(content.subtotal),
        "credit_amount": _text(content.credit),
        "tax_percent": plain(content.tax_percent),
        "tax_amount": _text(content.tax),
        "total_amount": _text(content.total),
        "tax_note": content.tax_note,
        "issued_at": invoice.issued_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "due_date": invoice.due_date.isoformat(),
        "seller": asdict(invoice.seller),
        "buyer": asdict(invoice.buyer),
        "lines": [
            {
                "line_number": line.line_number,
                "line_type": line.line_type,
                "sku_id": line.sku_id,
                "price_id": line.price_id,
                "quantity": plain(line.quantity),
                "unit": line.unit,
                "amount": _text(line.amount),
            }
            for line in content.lines
        ],
        "credit_uses": [
            {"credit_id": use.credit_id, "use_order": use.use_order, "amount": _text(use.amount)} for use in content.credit_uses
        ],
    }
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def hash_of(invoice: IssuedInvoice) -> str:
    """SHA-256 of the canonical document, in hexadecimal."""
    return hashlib.sha256(canonical(invoice).encode()).hexdigest()


def issue(draft: Draft, *, invoice_number: str, seller: Seller, buyer: Buyer, issued_at: datetime, due_date: date) -> IssuedInvoice:
    """Freeze a draft. The caller has checked `problems` and owns the number."""
    invoice = IssuedInvoice(
        invoice_number=invoice_number,
        content=draft,
        seller=seller,
        buyer=buyer,
        issued_at=issued_at,
        due_date=due_date,
        content_hash="",
        status=InvoiceStatus.ISSUED,
        paid=Money(0, draft.total.currency_code),
    )
    return replace(invoice, content_hash=hash_of(invoice))


def _text(money: Money) -> str:
    return format(money.amount, "f")
