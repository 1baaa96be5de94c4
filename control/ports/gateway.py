"""The ports themselves: what every gateway does, and what one with invoices of its own does besides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from control.domain.money import Money
from control.ports.customers import BindingOutcome, BindingRequest, Customer, SavedCard, StartedBinding
from control.ports.events import GatewayEvent, GatewayState
from control.ports.invoices import CreditNoteRequest, GatewayCreditNote, GatewayInvoice, InvoiceRequest
from control.ports.payments import (
    ChargeOutcome,
    ChargeRequest,
    Declined,
    GatewayPayment,
    GatewayRefund,
    PaymentOutcome,
    RefundRequest,
    Refused,
)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """When a call was sent for the first and for the last time: where a gateway only has lists of days, a look needs them."""

    first_at: datetime
    last_at: datetime


class PaymentGateway(Protocol):
    """A gateway that keeps customers and cards, and charges them.

    Every method that asks the gateway may raise GatewayUnavailableError, GatewayFaultError or GatewayRefusedError, and nothing
    else of the outside world: an adapter translates. `save_card`, `charge`, `ensure_refund` and `pay_invoice` return a definite
    no as their outcome. All methods may be called from several threads.
    """

    @property
    def name(self) -> str:
        """The word in accounts.csv, such as `stripe`."""
        ...

    def refusal(self, amount: Money) -> str | None:
        """Why this amount cannot be charged exactly (currency, last digit, smallest charge); None where it can. Asks nobody."""
        ...

    # Customers and cards

    def ensure_customer(self, customer: Customer, *, key: str) -> str:
        """The gateway's id of this customer, made if needed."""
        ...

    def save_card(self, customer_id: str, token: str, *, key: str) -> SavedCard | Declined | Refused:
        """Keep the card behind `token` for the customer and make it the one that is charged.

        `token` is what the gateway's own form gave the browser; card numbers never come here.
        """
        ...

    def start_binding(self, request: BindingRequest, *, key: str) -> StartedBinding:
        """Begin to bind a card in the browser, with authentication of its holder. The same key gives the same binding."""
        ...

    def find_binding(self, customer_id: str, gateway_binding_id: str, *, result: str = "") -> BindingOutcome:
        """How a binding stands.

        `result` is what the browser brought back to the return URL, where the gateway asks for it; without it such a gateway
        answers BindingOpen, and the end comes as an event. A bound card does not become the default by itself.
        """
        ...

    def list_cards(self, customer_id: str) -> tuple[SavedCard, ...]:
        """The cards the gateway keeps for a customer; none for a customer it does not know. Which is the default, we know."""
        ...

    def set_default_card(self, customer_id: str, payment_method_id: str, *, key: str) -> None:
        """Tell the gateway which card its own pages should offer first; nothing happens where it has no such thing.

        Raises:
            GatewayRefusedError: it is no card of this customer.
        """
        ...

    def detach_card(self, customer_id: str, payment_method_id: str, *, key: str) -> None:
        """Forget a card, so that nobody can charge it any more. One that is gone already is gone.

        A card of another customer stays; a gateway that sees whose it is raises GatewayRefusedError.
        """
        ...

    # Charges

    def charge(self, request: ChargeRequest, *, key: str) -> ChargeOutcome:
        """Charge a saved card. The same key charges once, and has the same outcome.

        Two keys are two charges where the gateway cannot be asked by our ids: one attempt at a time for an invoice, and a new
        one only when the one before has a definite end.
        """
        ...

    def complete_charge(self, request: ChargeRequest, result: str, *, key: str) -> ChargeOutcome:
        """End a charge after its holder authenticated. `result` is what the browser brought back to the return URL."""
        ...

    def find_payment(self, customer_id: str, invoice_id: str, *, tried: Tried) -> GatewayPayment | None:
        """The look: the payment made by `charge` for an invoice; of several the one that paid or may yet pay, else the last.

        None says that there is none. A gateway that cannot say so yet raises GatewayUnavailableError.
        """
        ...

    # Refunds

    def ensure_refund(self, request: RefundRequest, *, key: str) -> GatewayRefund | Refused:
        """Give a payment back once per `refund_id`. A pending one ends with an event, or as a later look shows.

        Raises:
            GatewayMismatchError: the gateway knows the refund_id with another amount.
        """
        ...

    def find_refund(self, gateway_payment_id: str, refund_id: str, *, tried: Tried) -> GatewayRefund | None:
        """The look: the refund with our id. None says that there is none; else as find_payment."""
        ...

    # What the gateway tells

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> tuple[GatewayEvent, ...]:
        """The events of a webhook, verified. Names of headers in any case. Asks nobody.

        Raises:
            WebhookRefusedError: no valid signature, too old, or no message of this gateway.
        """
        ...

    def state_of(self, event: GatewayEvent) -> GatewayState | None:
        """How what an event speaks of stands now, or, at a gateway that cannot be asked, as the verified event says.

        So the caller must take states in any order: of two, the one with the later `occurred_at` counts. None where the event is
        about something else, or the object is gone.
        """
        ...

    def listed_until(self, now: datetime) -> datetime | None:
        """Up to when the lists below reach: what comes later is not in them yet. None: up to this moment.

        Raises:
            GatewayUnavailableError: that cannot be told now.
        """
        ...

    def list_payments(self, since: datetime, until: datetime) -> Iterator[GatewayPayment]:
        """The payments collected in [since, until), for the reconciliation with ours.

        Raises:
            GatewayUnavailableError: the gateway has no list of that time yet.
        """
        ...

    def list_refunds(self, since: datetime, until: datetime) -> Iterator[GatewayRefund]:
        """The refunds made in [since, until). Raises as list_payments."""
        ...


@runtime_checkable
class InvoicingGateway(PaymentGateway, Protocol):
    """A gateway that keeps invoices, balances and credit notes as well: an optional capability, told by isinstance.

    What it charges for an invoice goes through its own invoice, never through `charge`: those would be two ways to pay once.
    """

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

    def settle_outside(self, gateway_invoice_id: str, *, key: str) -> GatewayInvoice:
        """Mark what is due as paid on another way (a bank transfer), so that it can be charged to nobody any more.

        Raises:
            GatewayRefusedError: it is no open invoice; a payment under way makes it GatewayUnavailableError.
        """
        ...

    def void_invoice(self, gateway_invoice_id: str, *, key: str) -> GatewayInvoice | None:
        """Take an unpaid invoice out of the world, so that nobody can pay it; used balance comes back. None where it was a draft.

        Raises:
            GatewayRefusedError: it is paid; a payment under way makes it GatewayUnavailableError.
        """
        ...

    def ensure_balance_credit(self, customer_id: str, amount: Money, *, reference: str, description: str, key: str) -> str:
        """Credit the customer's balance once per `reference` (the invoice_id of our credit note); the gateway's id of it.

        `amount` is above zero: what the customer gets. Later invoices use it up when they are finalized.
        """
        ...

    def ensure_credit_note(self, request: CreditNoteRequest, *, key: str) -> GatewayCreditNote | Refused:
        """The gateway's credit note of ours, made if needed, once per `credit_note_id`.

        Raises:
            GatewayMismatchError: the gateway knows it with another amount.
        """
        ...
