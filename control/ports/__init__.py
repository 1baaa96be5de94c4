"""The doors of the control plane to the outside: what a payment gateway must be able to do, in our words.

Adapters live in control/gateways/ and pass the same contract tests. No gateway's own vocabulary, SDK type or limit belongs
here. Every gateway charges saved cards (PaymentGateway); one that keeps invoices itself is an InvoicingGateway.

Four rules make a push safe to kill at any line, and an adapter must keep them:

1. Each method that changes something takes `key`, an idempotency key of ours (at most 64 characters, and an adapter that needs
   several calls derives its own from it). The same key with the same arguments has one effect, however often it is sent.
2. `ensure_*` methods look for what they should make, by our id, before they make it, and complete what an interrupted call left
   half-made; gateways forget keys, and a process may be down for longer. Where a gateway cannot be asked, it must keep keys for
   weeks, and the caller repeats the key of an attempt until it has a definite end.
3. A charge of an invoice goes through one object at the gateway where it has one (its invoice, its intent), which it charges in
   full at most once.
4. What a gateway tells on its own account is verified, and then looked at: no event is believed for its order or number.
"""

from control.ports.customers import (
    BindingFailed,
    BindingOpen,
    BindingOutcome,
    BindingRequest,
    Bound,
    Customer,
    SavedCard,
    StartedBinding,
)
from control.ports.errors import (
    GatewayFaultError,
    GatewayMismatchError,
    GatewayRefusedError,
    GatewayUnavailableError,
    WebhookRefusedError,
)
from control.ports.events import EventSubject, GatewayEvent, GatewayState
from control.ports.gateway import InvoicingGateway, PaymentGateway, Tried
from control.ports.invoices import (
    CreditNoteRequest,
    GatewayCreditNote,
    GatewayInvoice,
    GatewayInvoiceStatus,
    InvoiceRequest,
    InvoiceRequestLine,
)
from control.ports.payments import (
    ChargeOutcome,
    ChargeRequest,
    Declined,
    GatewayDispute,
    GatewayDisputeStatus,
    GatewayPayment,
    GatewayPaymentStatus,
    GatewayRefund,
    GatewayRefundStatus,
    Paid,
    PaymentOutcome,
    Processing,
    RefundRequest,
    Refused,
    RequiresAction,
)

__all__ = [
    "BindingFailed",
    "BindingOpen",
    "BindingOutcome",
    "BindingRequest",
    "Bound",
    "ChargeOutcome",
    "ChargeRequest",
    "CreditNoteRequest",
    "Customer",
    "Declined",
    "EventSubject",
    "GatewayCreditNote",
    "GatewayDispute",
    "GatewayDisputeStatus",
    "GatewayEvent",
    "GatewayFaultError",
    "GatewayInvoice",
    "GatewayInvoiceStatus",
    "GatewayMismatchError",
    "GatewayPayment",
    "GatewayPaymentStatus",
    "GatewayRefund",
    "GatewayRefundStatus",
    "GatewayRefusedError",
    "GatewayState",
    "GatewayUnavailableError",
    "InvoiceRequest",
    "InvoiceRequestLine",
    "InvoicingGateway",
    "Paid",
    "PaymentGateway",
    "PaymentOutcome",
    "Processing",
    "RefundRequest",
    "Refused",
    "RequiresAction",
    "SavedCard",
    "StartedBinding",
    "Tried",
    "WebhookRefusedError",
]
