"""Money that moves: charges of a saved card, refunds, disputes, and how each stands at the gateway."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from control.domain.money import Money


@dataclass(frozen=True, kw_only=True)
class ChargeRequest:
    """One invoice, or what is open of it, to be charged to a saved card.

    `return_url` empty: off-session, nobody is there to authenticate. Else the holder is in front of a page of ours, and comes
    back to this URL after authenticating. `asks_holder`: the holder is to authenticate, whatever the card's bank would be content
    with; off-session that ends as RequiresAction.
    """

    payment_id: str  # ours, of this attempt
    invoice_id: str
    invoice_number: str
    customer_id: str
    payment_method_id: str
    amount: Money
    return_url: str = ""
    asks_holder: bool = False

    def __post_init__(self) -> None:
        if self.amount.minor <= 0:
            raise ValueError(f"{self.invoice_number} has nothing to charge: {self.amount}")


@dataclass(frozen=True, kw_only=True)
class Paid:
    """It is paid in full at the gateway: `charged` by this or an earlier call, the rest from the customer's balance."""

    gateway_payment_id: str
    charged: Money
    from_balance: Money


@dataclass(frozen=True, kw_only=True)
class Declined:
    """The card was refused. `code` is the gateway's reason in its own words, such as `insufficient_funds`."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class RequiresAction:
    """The payer must authenticate (3-D Secure), which cannot happen off-session.

    `url` is where: it may be empty off-session, and is set where the holder is present.
    """

    url: str
    message: str = field(default="the card needs authentication by its holder")


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The gateway understood and will not do it, with this or any other card: a wrong argument, a void invoice."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Processing:
    """The gateway took the payment and does not know its end yet. An event tells it; do not start another."""

    gateway_payment_id: str


PaymentOutcome = Paid | Declined | RequiresAction | Refused
ChargeOutcome = Paid | Declined | RequiresAction | Refused | Processing


class GatewayPaymentStatus(StrEnum):
    """Where a payment stands at the gateway."""

    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    PAID = "paid"
    FAILED = "failed"  # declined, given up, or taken back by the bank before it reached us


@dataclass(frozen=True, kw_only=True)
class GatewayPayment:
    """What a look at a payment shows. Ids of ours are empty where the gateway does not tell them.

    Of `amount`, `paid` was collected (all or nothing) and `refunded` was given back since, in the same currency. `fee` is what
    the gateway keeps for the payment, in the currency it settles in; None where it does not tell, or not yet.
    """

    gateway_payment_id: str
    payment_id: str
    invoice_id: str
    customer_id: str
    status: GatewayPaymentStatus
    amount: Money
    paid: Money
    refunded: Money
    fee: Money | None
    is_disputed: bool
    occurred_at: datetime  # UTC: when it reached its status, as far as the gateway tells; else when it was made
    code: str = ""  # why it failed, in the gateway's own words
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class RefundRequest:
    """A payment to be given back, in whole or in part."""

    refund_id: str  # ours: the same id is one refund, with whatever key
    gateway_payment_id: str
    amount: Money
    reason: str  # ours, for people; may be empty

    def __post_init__(self) -> None:
        if self.amount.minor <= 0:
            raise ValueError(f"refund {self.refund_id} gives nothing back: {self.amount}")


class GatewayRefundStatus(StrEnum):
    """Where a refund stands at the gateway. PENDING ends as one of the others; SUCCEEDED may still turn to FAILED."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # the card's bank did not take it; the money is ours again


@dataclass(frozen=True, kw_only=True)
class GatewayRefund:
    """What a look at a refund shows. `refund_id` is empty for one that somebody made by hand."""

    gateway_refund_id: str
    refund_id: str
    gateway_payment_id: str
    status: GatewayRefundStatus
    amount: Money
    occurred_at: datetime
    code: str = ""  # why it failed, in the gateway's own words
    message: str = ""


class GatewayDisputeStatus(StrEnum):
    """Where a dispute stands: the holder asked the bank to take the money back."""

    OPEN = "open"  # the money is gone for now; evidence may be given
    WON = "won"  # the money came back
    LOST = "lost"
    WARNING = "warning"  # an inquiry: no money moved


@dataclass(frozen=True, kw_only=True)
class GatewayDispute:
    """What a look at a dispute shows."""

    gateway_dispute_id: str
    gateway_payment_id: str
    status: GatewayDisputeStatus
    amount: Money
    reason: str  # in the gateway's own words
    occurred_at: datetime
    evidence_due_at: datetime | None = None
