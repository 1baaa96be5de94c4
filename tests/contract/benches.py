"""A gateway under test with its outside world in reach: what the bank charged, faults on demand, hands in its interface.

Bench is what every gateway has; InvoicingBench is for those that keep invoices.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import stripe
from pydantic import SecretStr

from control.domain.money import Money
from control.gateways.stripe import StripeGateway
from control.gateways.stripe import units as stripe_units
from control.ports import (
    ChargeRequest,
    GatewayDisputeStatus,
    GatewayRefundStatus,
    InvoicingGateway,
    PaymentGateway,
    RequiresAction,
    Tried,
)
from control.testing.stripe_server import StripeServer
from control.testing.stripe_server.webhooks import signature
from tests.contract.fake_gateway import PAYS, FakeGateway, Fault

TEST_KEY = SecretStr("sk_test_51MeterhouseContract")
WEBHOOK_SECRET = SecretStr("whsec_contract")
_STRANGE_SECRET = SecretStr("whsec_somebody_else")
_SLOW_REFUND = "pm_card_pendingRefund"


class Bench(Protocol):
    """What the contract tests need besides the port. `gateway` may be replaced by a fresh one, as after a restart."""

    last4: str  # of the card PAYS
    no_funds: str  # what the gateway calls a card that has none
    declined: str  # what it calls a card that the bank refuses without a reason

    @property
    def gateway(self) -> PaymentGateway: ...

    def token(self, name: str) -> str:
        """What the gateway's form would give for a card of this name."""
        ...

    def plan(self, fault: Fault, operation: str) -> None:
        """Let the next call of this method of the port go wrong (in its first write, or its read where it only reads)."""
        ...

    def charges(self) -> list[Money]:
        """What the bank took from cards, in order."""
        ...

    def given_back(self) -> Money:
        """What the bank gave back to cards, in all. US dollars."""
        ...

    def enter_card(self, gateway_binding_id: str, token: str) -> None:
        """The holder enters a card in the browser."""
        ...

    def confirm_binding(self, gateway_binding_id: str, *, succeeds: bool) -> None:
        """The holder authenticates for a binding, or fails to; nothing where nobody asked."""
        ...

    def browser_result(self, gateway_binding_id: str) -> str:
        """What the browser brings back from a binding."""
        ...

    def confirm_charge(self, request: ChargeRequest, action: RequiresAction, *, succeeds: bool) -> str:
        """The holder goes where the action says and authenticates, or fails to; returns what the browser brings back."""
        ...

    def hold_charge(self) -> None:
        """The next charge stays under way."""
        ...

    def end_charge(self, request: ChargeRequest, *, succeeds: bool) -> None:
        """The bank ends it."""
        ...

    def slow_refund_card(self) -> str:
        """The name of a card whose refunds take their time."""
        ...

    def end_refund(self, refund_id: str, *, succeeds: bool) -> None:
        """The bank takes a refund, or sends it back."""
        ...

    def end_dispute(self, gateway_dispute_id: str, *, is_won: bool) -> None:
        """The bank decides."""
        ...

    def webhooks(self) -> list[tuple[bytes, dict[str, str]]]:
        """Every webhook so far, in order: body and headers."""
        ...

    def forged(self, body: bytes) -> bytes:
        """A webhook's body that says something else than what was signed."""
        ...

    def stranger(self) -> PaymentGateway:
        """The gateway of somebody who shares no secret with this one."""
        ...

    def now(self) -> datetime:
        """The gateway's clock."""
        ...

    def tried(self) -> Tried:
        """The time of what was called just now."""
        ...

    def end_of_day(self) -> None:
        """Let the gateway make its lists of today, where it makes lists by day."""
        ...

    def end(self) -> datetime:
        """The end of what its lists cover."""
        ...


class InvoicingBench(Bench, Protocol):
    """What the tests of gateways with invoices need besides."""

    @property
    def gateway(self) -> InvoicingGateway: ...

    def customer_count(self) -> int:
        """How many customers the gateway knows."""
        ...

    def authenticate(self, gateway_invoice_id: str) -> None:
        """The card's holder confirms."""
        ...

    def hold_payment(self, gateway_invoice_id: str) -> None:
        """A payment with the default card starts, and its end stays open."""
        ...

    def void(self, gateway_invoice_id: str) -> None:
        """Somebody voids it by hand."""
        ...

    def add_by_hand(self, gateway_invoice_id: str, amount: Money) -> None:
        """Somebody adds a line to a draft by hand."""
        ...


class _Today:
    """The clock of gateways that can always be asked."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def tried(self) -> Tried:
        return Tried(first_at=self.now(), last_at=self.now())

    def end_of_day(self) -> None:
        pass

    def end(self) -> datetime:
        return self.now() + timedelta(seconds=2)


class FakeBench(_Today):
    """The gateway in memory."""

    last4, no_funds, declined = "4242", "insufficient_funds", "generic_decline"

    def __init__(self) -> None:
        self.fake = FakeGateway()

    @property
    def gateway(self) -> InvoicingGateway:
        return self.fake

    def token(self, name: str) -> str:
        return name

    def plan(self, fault: Fault, operation: str) -> None:
        self.fake.plan(fault, operation)

    def charges(self) -> list[Money]:
        return [charge.amount for charge in self.fake.charges]

    def given_back(self) -> Money:
        done = [one.amount for one in self.fake.refunds.values() if one.status is GatewayRefundStatus.SUCCEEDED]
        return sum(done, start=Money(0, "USD"))

    def enter_card(self, gateway_binding_id: str, token: str) -> None:
        self.fake.enter_card(gateway_binding_id, token)

    def confirm_binding(self, gateway_binding_id: str, *, succeeds: bool) -> None:
        self.fake.confirm_binding(gateway_binding_id, succeeds=succeeds)

    def browser_result(self, gateway_binding_id: str) -> str:  # noqa: ARG002  # the bench's
        return ""

    def confirm_charge(self, request: ChargeRequest, action: RequiresAction, *, succeeds: bool) -> str:  # noqa: ARG002  # the bench's
        self.fake.confirm_charge(request.customer_id, request.invoice_id, succeeds=succeeds)
        return ""

    def hold_charge(self) -> None:
        self.fake.charges_stay_processing = True

    def end_charge(self, request: ChargeRequest, *, succeeds: bool) -> None:
        self.fake.confirm_charge(request.customer_id, request.invoice_id, succeeds=succeeds)

    def slow_refund_card(self) -> str:
        self.fake.refunds_stay_pending = True
        return PAYS

    def end_refund(self, refund_id: str, *, succeeds: bool) -> None:
        self.fake.end_refund(refund_id, succeeds=succeeds)

    def end_dispute(self, gateway_dispute_id: str, *, is_won: bool) -> None:
        self.fake.end_dispute(gateway_dispute_id, GatewayDisputeStatus.WON if is_won else GatewayDisputeStatus.LOST)

    def webhooks(self) -> list[tuple[bytes, dict[str, str]]]:
        return [self.fake.webhook(event) for event in self.fake.events]

    def forged(self, body: bytes) -> bytes:
        return body.replace(b"evt_", b"evt_9")

    def stranger(self) -> PaymentGateway:
        return StripeGateway(TEST_KEY, webhook_secret=_STRANGE_SECRET)

    def customer_count(self) -> int:
        return len(self.fake.customers)

    def authenticate(self, gateway_invoice_id: str) -> None:
        self.fake.authenticate(gateway_invoice_id)

    def hold_payment(self, gateway_invoice_id: str) -> None:
        self.fake.start_payment(gateway_invoice_id)

    def void(self, gateway_invoice_id: str) -> None:
        self.fake.void(gateway_invoice_id)

    def add_by_hand(self, gateway_invoice_id: str, amount: Money) -> None:
        self.fake.add_by_hand(gateway_invoice_id, amount)


class StripeBench(_Today):
    """The Stripe adapter over HTTP against the local double."""

    last4, no_funds, declined = "4242", "insufficient_funds", "generic_decline"

    _PATHS = {  # noqa: RUF012  # constant
        "ensure_customer": ("POST", "/v1/customers"),
        "save_card": ("POST", "/v1/payment_methods/*/attach"),
        "start_binding": ("POST", "/v1/setup_intents"),
        "charge": ("POST", "/v1/payment_intents/*/confirm"),
        "find_payment": ("GET", "/v1/payment_intents"),
        "ensure_refund": ("POST", "/v1/refunds"),
        "list_payments": ("GET", "/v1/charges"),
        "ensure_invoice": ("POST", "/v1/invoices"),
        "find_invoice": ("GET", "/v1/invoices"),
        "finalize_invoice": ("POST", "/v1/invoices/*/finalize"),
        "pay_invoice": ("POST", "/v1/invoices/*/pay"),
        "settle_outside": ("POST", "/v1/invoices/*/pay"),
        "void_invoice": ("POST", "/v1/invoices/*/void"),
        "ensure_balance_credit": ("POST", "/v1/customers/*/balance_transactions"),
        "ensure_credit_note": ("POST", "/v1/credit_notes"),
    }

    def __init__(self, server: StripeServer) -> None:
        self.server = server
        self.gateway: InvoicingGateway = StripeGateway(TEST_KEY, api_base=server.url, webhook_secret=WEBHOOK_SECRET, sleep=lambda _: None)

    def token(self, name: str) -> str:
        return name

    def plan(self, fault: Fault, operation: str) -> None:
        method, path = self._PATHS[operation]
        self.server.plan(fault, method=method, path=path)

    def charges(self) -> list[Money]:
        rows = self.server.gateway.objects("charge")
        return [stripe_units.from_units(row["amount"], row["currency"]) for row in reversed(rows) if row["paid"]]

    def given_back(self) -> Money:
        rows = self.server.gateway.objects("refund")
        done = [stripe_units.from_units(row["amount"], row["currency"]) for row in rows if row["status"] == "succeeded"]
        return sum(done, start=Money(0, "USD"))

    def enter_card(self, gateway_binding_id: str, token: str) -> None:
        form = {"payment_method": token, "return_url": "https://cloud.example/cards"}
        with contextlib.suppress(stripe.CardError):
            with_sdk(self.gateway).setup_intents.confirm(gateway_binding_id, form)

    def confirm_binding(self, gateway_binding_id: str, *, succeeds: bool) -> None:
        (intent,) = [row for row in self.server.gateway.objects("setup_intent") if row["id"] == gateway_binding_id]
        if intent["status"] == "requires_action":
            self.server.gateway.resolve(gateway_binding_id, succeeds=succeeds)

    def browser_result(self, gateway_binding_id: str) -> str:  # noqa: ARG002  # the bench's
        return ""

    def confirm_charge(self, request: ChargeRequest, action: RequiresAction, *, succeeds: bool) -> str:  # noqa: ARG002  # the bench's
        self.server.gateway.resolve(action.url.rsplit("/", 1)[1], succeeds=succeeds)
        return ""

    def hold_charge(self) -> None:
        self.server.plan("processing", path="/v1/payment_intents/*/confirm")

    def end_charge(self, request: ChargeRequest, *, succeeds: bool) -> None:
        rows = self.server.gateway.objects("payment_intent")
        intent = next(row["id"] for row in rows if row["metadata"].get("invoice_id") == request.invoice_id)
        self.server.gateway.resolve(intent, succeeds=succeeds)

    def slow_refund_card(self) -> str:
        return _SLOW_REFUND

    def end_refund(self, refund_id: str, *, succeeds: bool) -> None:
        rows = self.server.gateway.objects("refund")
        self.server.gateway.resolve(next(row["id"] for row in rows if row["metadata"]["refund_id"] == refund_id), succeeds=succeeds)

    def end_dispute(self, gateway_dispute_id: str, *, is_won: bool) -> None:
        self.server.gateway.resolve(gateway_dispute_id, succeeds=is_won)

    def webhooks(self) -> list[tuple[bytes, dict[str, str]]]:
        bodies = [json.dumps(event).encode() for event in reversed(self.server.gateway.objects("event"))]
        secret = WEBHOOK_SECRET.get_secret_value()
        return [(body, {"Stripe-Signature": signature(body, secret, int(time.time()))}) for body in bodies]

    def forged(self, body: bytes) -> bytes:
        return body.replace(b'"evt_', b'"evt_9')

    def stranger(self) -> PaymentGateway:
        return StripeGateway(TEST_KEY, webhook_secret=_STRANGE_SECRET)

    def customer_count(self) -> int:
        return len(self.server.gateway.objects("customer"))

    def authenticate(self, gateway_invoice_id: str) -> None:
        self.server.gateway.resolve(self._intent(gateway_invoice_id), succeeds=True)

    def hold_payment(self, gateway_invoice_id: str) -> None:
        self.server.plan("processing", path="/v1/invoices/*/pay")
        with_sdk(self.gateway).invoices.pay(gateway_invoice_id)

    def void(self, gateway_invoice_id: str) -> None:
        with_sdk(self.gateway).invoices.void_invoice(gateway_invoice_id)

    def add_by_hand(self, gateway_invoice_id: str, amount: Money) -> None:
        line = {"amount": stripe_units.to_units(amount), "description": "by hand"}
        with_sdk(self.gateway).invoices.add_lines(gateway_invoice_id, {"lines": [line]})

    def _intent(self, gateway_invoice_id: str) -> str:
        tie = next(row for row in self.server.gateway.objects("invoice_payment") if row["invoice"] == gateway_invoice_id)
        intent: str = tie["payment"]["payment_intent"]
        return intent


def with_sdk(gateway: PaymentGateway) -> Any:  # noqa: ANN401  # a class of the SDK, which only the adapter may import
    """The adapter's SDK client: another program, or a person, that uses the same Stripe account."""
    assert isinstance(gateway, StripeGateway)
    return gateway._client


@contextmanager
def stripe_bench() -> Iterator[StripeBench]:
    """A fresh double and its adapter; leaving it fails where the double answered what Stripe's document does not allow."""
    with StripeServer() as server:
        yield StripeBench(server)
