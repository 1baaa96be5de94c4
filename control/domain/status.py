"""The two state machines of money owed: the invoice and the payment attempt. Every change of a status goes through here.

An invoice's status is a function of what it asks for and what was collected, except where somebody wrote it off:

    draft ──close──► issued ──► partially_paid ──► paid
                        │             │             ▲
                        └─────────────┴► uncollectible

`paid` is final: what is given back later is a document of its own. A payment attempt starts `pending` and ends once.
"""

from __future__ import annotations

from enum import StrEnum

from control.domain.money import Money


class InvoiceStatus(StrEnum):
    """Status of an issued document. Drafts live in the warehouse only."""

    ISSUED = "issued"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    UNCOLLECTIBLE = "uncollectible"


class PaymentStatus(StrEnum):
    """Status of one attempt to settle a document at a gateway."""

    PENDING = "pending"  # intended or under way; the only open one of its invoice
    PAID = "paid"
    DECLINED = "declined"
    REQUIRES_ACTION = "requires_action"
    REFUSED = "refused"
    FAILED = "failed"  # the gateway broke, and a later look showed that nothing was charged


class StatusError(ValueError):
    """A change of status that the state machine does not have. A defect of the caller, not of the user's input."""


INVOICE_TRANSITIONS: dict[InvoiceStatus, frozenset[InvoiceStatus]] = {
    InvoiceStatus.ISSUED: frozenset({InvoiceStatus.PARTIALLY_PAID, InvoiceStatus.PAID, InvoiceStatus.UNCOLLECTIBLE}),
    InvoiceStatus.PARTIALLY_PAID: frozenset({InvoiceStatus.PARTIALLY_PAID, InvoiceStatus.PAID, InvoiceStatus.UNCOLLECTIBLE}),
    InvoiceStatus.UNCOLLECTIBLE: frozenset({InvoiceStatus.PARTIALLY_PAID, InvoiceStatus.PAID}),
    InvoiceStatus.PAID: frozenset(),
}

PUSHABLE = frozenset({InvoiceStatus.ISSUED, InvoiceStatus.PARTIALLY_PAID})


def move(status: InvoiceStatus, to: InvoiceStatus) -> InvoiceStatus:
    """`to`, if an invoice may go there from `status`.

    Raises:
        StatusError: it may not.
    """
    if to not in INVOICE_TRANSITIONS[status]:
        raise StatusError(f"an invoice does not go from {status} to {to}")
    return to


def after_collecting(status: InvoiceStatus, *, total: Money, before: Money, collected: Money) -> InvoiceStatus:
    """The status once `collected` in all (before: `before`) stands against `total`.

    A credit note has a negative total and collects negative money: what was given to the customer's balance.

    Raises:
        StatusError: collected less than before, more than the total, or of the wrong sign.
    """
    sign = -1 if total.minor < 0 else 1
    if not 0 <= sign * before.minor <= sign * collected.minor <= sign * total.minor:
        raise StatusError(f"{collected} cannot be collected on a total of {total} after {before}")
    if collected == total:
        return status if status is InvoiceStatus.PAID else move(status, InvoiceStatus.PAID)
    if collected == before:
        return status
    return move(status, InvoiceStatus.PARTIALLY_PAID)


def end(status: PaymentStatus, to: PaymentStatus) -> PaymentStatus:
    """`to`, if a payment attempt may end there.

    Raises:
        StatusError: the attempt has ended before, or `pending` is no end.
    """
    if status is not PaymentStatus.PENDING or to is PaymentStatus.PENDING:
        raise StatusError(f"a payment attempt does not go from {status} to {to}")
    return to
