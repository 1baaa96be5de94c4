"""The doors of the control plane to the outside: what a payment gateway must be able to do, in our words.

Adapters live in control/gateways/, one file a gateway, and pass the same contract tests. No gateway's own vocabulary,
SDK type or limit belongs here.

Three rules make a push safe to kill at any line, and an adapter must keep them:

1. Each method that changes something takes `key`, an idempotency key of ours (at most 64 characters, and an adapter that needs
   several calls derives its own from it). The same key with the same arguments has one effect, however often it is sent.
2. `ensure_*` methods look for what they should make, by our id, before they make it, and complete what an interrupted call left
   half-made; gateways forget keys after a day, and a process may be down for longer.
3. A charge goes through the one gateway invoice of our invoice, which a gateway charges in full at most once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol

from control.domain.money import Money
from warehouse.errors import MeterhouseError


class GatewayUnavailableError(MeterhouseError):
    """No definite answer: connection lost, timed out, rate limited, or the same key is in flight elsewhere.

    Whether the call took effect is unknown. The caller repeats it with the same key, at the latest with the next push.
    """


class GatewayFaultError(MeterhouseError):
    """The gateway answered with an error of its own (5xx), and will repeat that answer for the same key.

    Whether the call took effect is unknown until a look. Only a look that shows nothing happened allows a new key.
    """


class GatewayRefusedError(MeterhouseError):
    """A definite no with this or any other key: a wrong API key, a deleted customer, an argument the gateway does not take.

    Nothing happened at the gateway. The message is the gateway's reason, without secrets.
    """


class GatewayMismatchError(MeterhouseError):
    """The gateway's invoice does not say what ours says. Nothing was charged; a person must look at both."""


@dataclass(frozen=True, kw_only=True)
class Customer:
    """Who pays, as the gateway should know them. Empty texts are not set."""

    reference: str  # ours, unique over all deployments that share the gateway account: `<deployment id>/<account_id>`
    account_id: str
    name: str
    email: str
    country_code: str
    address: str
    postal_code: str
    city: str


@dataclass(frozen=True, kw_only=True)
class SavedCard:
    """A payment method the gateway keeps. Nothing here is card data that needs protection."""

    payment_method_id: str
    brand: str  # such as `visa`; empty where the gateway does not tell
    last4: str
    expires: str  # `YYYY-MM`; empty where the gateway does not tell


@dataclass(frozen=True, kw_only=True)
class InvoiceRequestLine:
    """One line as the customer will read it. Credits used are negative lines, tax is a line."""

    description: str
    amount: Money


@dataclass(frozen=True, kw_only=True)
class InvoiceRequest:
    """A document to be charged. The lines add up to `total`, all in its currency; `total` is above zero."""

    invoice_id: str  # our id: the adapter stores it at the gateway and finds the invoice by it, among those of the customer
    invoice_number: str
    customer_id: str
    total: Money
    lines: tuple[InvoiceRequestLine, ...]
    due_date: date

    def __post_init__(self) -> None:
        if sum((line.amount for line in self.lines), start=Money(0, self.total.currency_code)) != self.total:
            raise ValueError(f"the lines of {self.invoice_number} do not add up to {self.total}")
        if self.total.minor <= 0:
            raise ValueError(f"{self.invoice_number} has nothing to charge: {self.total}")


class GatewayInvoiceStatus(StrEnum):
    """Where the gateway's own invoice stands."""

    DRAFT = "draft"
    OPEN = "open"
    PROCESSING = "processing"  # open, and a payment is under way at the gateway whose end is not known: do not start another
    PAID = "paid"
    VOID = "void"  # voided or written off at the gateway, by somebody else than us


@dataclass(frozen=True, kw_only=True)
class GatewayInvoice:
    """What a look at the gateway's invoice shows. All money in one currency.

    Of `total`, `paid` was collected, `from_balance` was taken from the customer's balance (credit notes go there) and `due` is
    what paying it now would collect; always `total == paid + from_balance + due`, else the adapter raises GatewayMismatchError.
    On a draft `from_balance` is zero: the gateway decides it when it finalizes. A rest below the gateway's smallest charge that
    it carries forward as a debt on the balance counts as `from_balance`: the next invoice collects it.
    """

    gateway_invoice_id: str
    status: GatewayInvoiceStatus
    total: Money
    paid: Money
    from_balance: Money
    due: Money
    gateway_payment_id: str = ""  # of the last successful payment; empty before, or where the balance covered everything
    url: str = ""  # page where the customer can pay or authenticate; empty where there is none


@dataclass(frozen=True, kw_only=True)
class Paid:
    """The invoice is paid in full at the gateway: `charged` by this or an earlier call, the rest from the balance."""

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
    """The payer must authenticate (3-D Secure), which cannot happen off-session. `url` may be empty."""

    url: str
    message: str = field(default="the card needs authentication by its holder")


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The gateway understood and will not do it, with this or any other card: a wrong argument, a void invoice."""

    reason: str


PaymentOutcome = Paid | Declined | RequiresAction | Refused


class PaymentGateway(Protocol):
    """A gateway that keeps customers, cards and invoices, and charges off-session.

    Every method that asks the gateway may raise GatewayUnavailableError, GatewayFaultError or GatewayRefusedError, and nothing
    else of the outside world: an adapter translates. `save_card` and `pay_invoice` return a definite no as their outcome.
    All methods may be called from several threads.
    """

    @property
    def name(self) -> str:
        """The word in accounts.csv, such as `stripe`."""
        ...

    def refusal(self, amount: Money) -> str | None:
        """Why this amount cannot be charged exactly (currency, last digit, smallest charge); None where it can. Asks nobody."""
        ...

    def ensure_customer(self, customer: Customer, *, key: str) -> str:
        """The gateway's id of this customer, made if needed."""
        ...

    def save_card(self, customer_id: str, token: str, *, key: str) -> SavedCard | Declined | Refused:
        """Attach the card behind `token` to the customer and make it the one that is charged.

        `token` is what the gateway's own form gave the browser; card numbers never come here.
        """
        ...

    def ensure_invoice(self, request: InvoiceRequest, *, key: str) -> GatewayInvoice:
        """The gateway's invoice of ours with all its lines, made or completed if needed; a draft unless it went on already.

        It must not be sent to anybody, nor collected by the gateway on its own account.

        Raises:
            GatewayMismatchError: one with our id exists and has another total or currency.
        """
        ...

    def find_invoice(self, customer_id: str, invoice_id: str) -> GatewayInvoice | None:
        """The look: the gateway's invoice with our id as it is now (read from its master, not from a search index)."""
        ...

    def finalize_invoice(self, gateway_invoice_id: str, *, key: str) -> GatewayInvoice:
        """Make the draft payable; the customer's balance is applied here. One that is final already is returned as it is."""
        ...

    def pay_invoice(self, gateway_invoice_id: str, payment_method_id: str, *, key: str) -> PaymentOutcome:
        """Charge what is due to a saved card, off-session. One that is paid already is Paid, without a charge."""
        ...

    def ensure_balance_credit(self, customer_id: str, amount: Money, *, reference: str, description: str, key: str) -> str:
        """Credit the customer's balance once per `reference` (the invoice_id of our credit note); the gateway's id of it.

        `amount` is above zero: what the customer gets. Later invoices use it up when they are finalized.
        """
        ...
