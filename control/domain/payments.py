"""Payment attempts: what one is, how it ends, and what a push reports about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from control.domain.documents import IssuedInvoice
from control.domain.money import Money, plain
from control.domain.status import PaymentStatus
from control.ports import InvoiceRequest, InvoiceRequestLine

# reason_code of a pending attempt whose next try needs a look and a new key (GatewayFaultError).
GATEWAY_FAULT = "gateway_fault"
# reason_code of a pending attempt that is repeated with the same keys.
UNAVAILABLE = "unavailable"


@dataclass(frozen=True, kw_only=True)
class Payment:
    """One attempt to settle one document. `amount` is what was open when it began; below zero for a credit note."""

    payment_id: str
    invoice_id: str
    attempt: int
    gateway: str
    customer_id: str
    payment_method_id: str
    amount: Money
    status: PaymentStatus
    reason_code: str
    message: str

    def key(self, step: str) -> str:
        """The idempotency key of one step. An attempt repeated after a crash repeats its keys; a new attempt has new ones."""
        return f"{self.payment_id}-{step}"


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What stands against a document at its gateway, over all attempts."""

    charged: Money
    from_balance: Money

    @property
    def sum(self) -> Money:
        """All of it."""
        return self.charged + self.from_balance


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """How an attempt ended. `collected` is None where the gateway did nothing, so that what stood before still stands."""

    status: PaymentStatus
    collected: Collected | None = None
    gateway_payment_id: str = ""
    reason_code: str = ""
    message: str = ""


class PushResult(StrEnum):
    """What a push did with one document."""

    PAID = "paid"
    CREDITED = "credited"  # a credit note went to the customer's balance
    DECLINED = "declined"
    REQUIRES_ACTION = "requires_action"
    REFUSED = "refused"  # a person must act; the message says on what
    SKIPPED = "skipped"  # there is nowhere to push it
    UNAVAILABLE = "unavailable"  # the next push goes on with it


@dataclass(frozen=True, kw_only=True)
class PushOutcome:
    """One document of a push. `amount` is what was open before it."""

    invoice_id: str
    invoice_number: str
    account_id: str
    kind: str
    gateway: str
    amount: Money
    result: PushResult
    reason_code: str = ""
    message: str = ""


RESULTS = {
    PaymentStatus.DECLINED: PushResult.DECLINED,
    PaymentStatus.REQUIRES_ACTION: PushResult.REQUIRES_ACTION,
    PaymentStatus.REFUSED: PushResult.REFUSED,
    PaymentStatus.PENDING: PushResult.UNAVAILABLE,
    PaymentStatus.FAILED: PushResult.UNAVAILABLE,
}


def result_of(status: PaymentStatus, amount: Money) -> PushResult:
    """What an attempt's status means for the document."""
    if status is PaymentStatus.PAID:
        return PushResult.CREDITED if amount.minor < 0 else PushResult.PAID
    return RESULTS[status]


def request_for(invoice: IssuedInvoice, *, customer_id: str) -> InvoiceRequest:
    """The document as a gateway shows it: its lines, credits used as a negative line, tax as a line; the sum is its total."""
    content = invoice.content
    lines = [
        InvoiceRequestLine(description=_describe(line.sku_id, line.line_type, plain(line.quantity), line.unit), amount=line.amount)
        for line in content.lines
    ]
    lines.append(InvoiceRequestLine(description="Credits", amount=-content.credit))
    lines.append(InvoiceRequestLine(description=f"Tax {plain(content.tax_percent)} %", amount=content.tax))
    return InvoiceRequest(
        invoice_id=invoice.invoice_id,
        invoice_number=invoice.invoice_number,
        customer_id=customer_id,
        total=content.total,
        lines=tuple(line for line in lines if line.amount),
        due_date=invoice.due_date,
    )


def _describe(sku_id: str, line_type: str, quantity: str, unit: str) -> str:
    what = sku_id if line_type == "usage" else f"{sku_id} ({line_type})"
    return f"{what}: {quantity} {unit}".rstrip()
