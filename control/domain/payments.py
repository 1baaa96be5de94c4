"""Payment attempts: what one is, how it ends, and what a push reports about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from control.domain.money import Money
from control.domain.status import PaymentStatus

# reason_code of a pending attempt whose next try needs a look and a new key (GatewayFaultError).
GATEWAY_FAULT = "gateway_fault"
# reason_code of a pending attempt that is repeated with the same keys.
UNAVAILABLE = "unavailable"
# Ways to settle that ask no gateway: what an account has in its favour with us, and money on our bank account.
BALANCE = "balance"
BANK_TRANSFER = "bank_transfer"
WITHOUT_GATEWAY = frozenset({BALANCE, BANK_TRANSFER})


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
    started_at: datetime
    updated_at: datetime

    def key(self, step: str) -> str:
        """The idempotency key of one step. An attempt repeated after a crash repeats its keys; a new attempt has new ones."""
        return f"{self.payment_id}-{step}"


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What stands against a document at one gateway, over all attempts there."""

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


_RESULTS = {
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
    return _RESULTS[status]
