"""What a gateway tells on its own account: a verified, normalized event. It says where to look, not what is true.

Events come late, doubled, in any order, or never. They are stored once by (gateway, `event_id`), and then the state is read
with `PaymentGateway.state_of`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from control.ports.customers import BindingFailed, Bound
from control.ports.payments import GatewayDispute, GatewayPayment, GatewayRefund


class EventSubject(StrEnum):
    """What kind of object an event speaks of, and which look shows it."""

    PAYMENT = "payment"  # state_of
    REFUND = "refund"  # state_of
    DISPUTE = "dispute"  # state_of
    BINDING = "binding"  # state_of
    INVOICE = "invoice"  # InvoicingGateway.find_invoice
    CARD = "card"  # list_cards: one was replaced by its bank, or detached
    OTHER = "other"  # nothing that we keep


@dataclass(frozen=True, kw_only=True)
class GatewayEvent:
    """One event. Ids are empty where it does not carry them.

    `body` is the event as the gateway sent it, to be stored as it is: `state_of` takes it up from there.
    """

    gateway: str
    event_id: str
    event_type: str  # in the gateway's own words
    subject: EventSubject
    object_id: str  # the gateway's id of the object it speaks of
    occurred_at: datetime  # UTC
    customer_id: str = ""
    invoice_id: str = ""  # ours
    reference: str = ""  # ours: the payment_id, refund_id or binding_id
    gateway_payment_id: str = ""  # of the payment that a refund or a dispute belongs to, too
    body: str = field(default="", repr=False)


GatewayState = GatewayPayment | GatewayRefund | GatewayDispute | Bound | BindingFailed
