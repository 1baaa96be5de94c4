"""A gateway under test with its outside world in reach: what the bank charged, faults on demand, hands in its interface."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from pydantic import SecretStr

from control.domain.money import Money
from control.gateways.stripe import units as stripe_units
from control.gateways.stripe import StripeGateway
from control.ports import PaymentGateway
from control.testing.stripe_server import StripeServer
from tests.contract.fake_gateway import FakeGateway, Fault

TEST_KEY = SecretStr("sk_test_51MeterhouseContract")


class Bench(Protocol):
    """What the contract tests need besides the port. `gateway` may be replaced by a fresh one, as after a restart."""

    gateway: PaymentGateway

    def plan(self, fault: Fault, operation: str) -> None:
        """Let the next call of this method of the port go wrong (in its first write, or its read where it only reads)."""
        ...

    def charges(self) -> list[Money]:
        """What the bank took from cards, in order."""
        ...

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


class FakeBench:
    """The gateway in memory."""

    def __init__(self) -> None:
        self.fake = FakeGateway()
        self.gateway: PaymentGateway = self.fake

    def plan(self, fault: Fault, operation: str) -> None:
        self.fake.plan(fault, operation)

    def charges(self) -> list[Money]:
        return [charge.amount for charge in self.fake.charges]

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


class StripeBench:
    """The Stripe adapter over HTTP against the local double."""

    _PATHS = {  # noqa: RUF012  # constant
        "ensure_customer": ("POST", "/v1/customers"),
        "save_card": ("POST", "/v1/payment_methods/*/attach"),
        "ensure_invoice": ("POST", "/v1/invoices"),
        "find_invoice": ("GET", "/v1/invoices"),
        "finalize_invoice": ("POST", "/v1/invoices/*/finalize"),
        "pay_invoice": ("POST", "/v1/invoices/*/pay"),
        "ensure_balance_credit": ("POST", "/v1/customers/*/balance_transactions"),
    }

    def __init__(self, server: StripeServer) -> None:
        self.server = server
        self.gateway: PaymentGateway = StripeGateway(TEST_KEY, api_base=server.url, sleep=lambda _: None)

    def plan(self, fault: Fault, operation: str) -> None:
        method, path = self._PATHS[operation]
        self.server.plan(fault, method=method, path=path)

    def charges(self) -> list[Money]:
        rows = self.server.gateway.objects("charge")
        return [stripe_units.from_units(row["amount"], row["currency"]) for row in reversed(rows) if row["paid"]]

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
