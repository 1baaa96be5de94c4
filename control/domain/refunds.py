"""Refunds: how much of a document may still be given back, and the refund note that says so.

A refund note takes back a part of a document it names by month and lines. It stands outside the identity that ties a
month's documents to a rebuild from raw: usage did not change, only what was asked for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import floor

from control.domain.documents import Draft, IssuedInvoice, Kind, Line
from control.domain.money import Money
from warehouse.errors import RefusedError

REFUND_LINE = "refund"


class RefundStatus(StrEnum):
    """Status of one refund."""

    PENDING = "pending"  # intended, or under way at the gateway
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # a definite no of the gateway; nothing was given back and no note stands


REFUND_TRANSITIONS: dict[RefundStatus, frozenset[RefundStatus]] = {
    RefundStatus.PENDING: frozenset({RefundStatus.SUCCEEDED, RefundStatus.FAILED}),
    RefundStatus.SUCCEEDED: frozenset(),
    RefundStatus.FAILED: frozenset(),
}


@dataclass(frozen=True, kw_only=True)
class Refund:
    """Money of one payment that goes back to the payer. `amount` is above zero, tax included."""

    refund_id: str
    invoice_id: str
    payment_id: str
    gateway: str
    gateway_payment_id: str
    customer_id: str
    amount: Money
    reason: str
    actor: str
    status: RefundStatus
    gateway_refund_id: str
    note_id: str  # invoice_id of the refund note; empty until it is issued
    message: str


def check_refundable(invoice: IssuedInvoice, *, amount: Money, left: Money) -> None:
    """Do nothing where this much may be given back.

    Args:
        invoice: what was paid.
        amount: what shall be given back.
        left: what was charged for it and not given back, nor is about to be.

    Raises:
        RefusedError: it may not; the message says how much may.
    """
    number = invoice.invoice_number
    if invoice.content.total.minor <= 0:
        raise RefusedError(f"{number} is a {invoice.content.kind}, for which nobody paid; refund the invoice that was charged")
    if amount.currency_code != left.currency_code:
        raise RefusedError(f"{number} was paid in {left.currency_code}, not in {amount.currency_code}")
    if amount.minor <= 0:
        raise RefusedError(f"a refund gives back more than {amount}")
    if amount.minor > left.minor:
        raise RefusedError(f"{number} can be refunded up to {left}: that was charged for it and not given back yet")


@dataclass(frozen=True, kw_only=True)
class Refunded:
    """What earlier refund notes of one document took back, as positive amounts."""

    net: Money
    gross: Money


def refund_note(invoice: IssuedInvoice, *, note_id: str, amount: Money, before: Refunded, period: str) -> Draft:
    """The document that takes `amount` (tax included) back from an invoice, spread over its lines in their proportion.

    Net and tax of a note add up to its amount exactly, and the notes of a wholly refunded document to its very net and tax:
    what all notes so far take back is rounded, not each of them, so however small the parts are no rounding adds up. The tax
    of one part may be a minor unit off its percent: not every amount is a net plus its rounded tax.

    Args:
        invoice: what is refunded.
        note_id: of the refund.
        amount: above zero, at most what is left of the total.
        before: what earlier notes took back.
        period: month of issue.
    """
    content = invoice.content
    currency = content.total.currency_code
    whole = content.subtotal - content.credit
    net = _part(whole, before.gross + amount, of=content.total) - before.net
    shares = _spread(net.minor, [line.amount.minor for line in content.lines])
    parts = [(line, share) for line, share in zip(content.lines, shares, strict=True) if share]
    # A part so small that it is all tax still stands on a line: a document without lines is none.
    parts = parts or [(content.lines[0], 0)]
    lines = [
        Line(
            line_number=number,
            line_type=REFUND_LINE,
            sku_id=line.sku_id,
            price_id=line.price_id,
            quantity=Decimal(0),
            unit=line.unit,
            amount=Money(-share, currency),
        )
        for number, (line, share) in enumerate(parts, start=1)
    ]
    return Draft(
        invoice_id=note_id,
        kind=Kind.REFUND_NOTE,
        account_id=content.account_id,
        period=period,
        adjusted_period=content.adjusted_period or content.period,
        subtotal=-net,
        credit=Money(0, currency),
        tax_percent=content.tax_percent,
        tax=net - amount,
        total=-amount,
        tax_note=content.tax_note,
        lines=tuple(lines),
        credit_uses=(),
    )


def _part(net: Money, gross: Money, *, of: Money) -> Money:
    """What of a document's net belongs to a part of its total, rounded half up to the minor unit."""
    return Money(floor(Fraction(net.minor * gross.minor, of.minor) + Fraction(1, 2)), net.currency_code)


def _spread(total: int, weights: list[int]) -> list[int]:
    """`total` in parts proportional to the weights above zero; the parts add up exactly (largest remainder, first line first)."""
    positive = [max(weight, 0) for weight in weights]
    whole = sum(positive)
    parts = [total * weight // whole for weight in positive]
    rests = sorted(range(len(parts)), key=lambda place: -(total * positive[place] % whole))
    for place in rests[: total - sum(parts)]:
        parts[place] += 1
    return parts
