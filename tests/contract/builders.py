"""Valid values with defaults, and the way a worker of ours pushes an invoice through any gateway."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from itertools import count
from typing import TypeVar

from control.domain.money import Money
from control.ports import (
    BindingRequest,
    Bound,
    ChargeRequest,
    Customer,
    EventSubject,
    GatewayEvent,
    GatewayFaultError,
    GatewayInvoice,
    GatewayPayment,
    GatewayUnavailableError,
    InvoiceRequest,
    InvoiceRequestLine,
    InvoicingGateway,
    PaymentGateway,
    PaymentOutcome,
    SavedCard,
)
from tests.contract.benches import Bench
from tests.contract.fake_gateway import PAYS

T = TypeVar("T")

_keys = count(1)


def new_key() -> str:
    """A key nobody used before."""
    return f"key-{next(_keys)}"


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def a_customer(**values: str) -> Customer:
    texts = {
        "reference": "deployment-1/acc-42",
        "account_id": "acc-42",
        "name": "Forty-Two GmbH",
        "email": "billing@example.com",
        "country_code": "DE",
        "address": "Deep Thought Allee 42",
        "postal_code": "10115",
        "city": "Berlin",
    }
    return Customer(**(texts | values))


def an_invoice(customer_id: str, *amounts: Money, invoice_id: str = "inv-1", number: str = "INV-000001") -> InvoiceRequest:
    """An invoice of lines with these amounts; by default usage, a credit and tax that come to 107.10 USD."""
    amounts = amounts or (usd(10000), usd(-1000), usd(1710))
    lines = tuple(InvoiceRequestLine(description=f"line {number}", amount=amount) for number, amount in enumerate(amounts, start=1))
    return InvoiceRequest(
        invoice_id=invoice_id,
        invoice_number=number,
        customer_id=customer_id,
        total=sum(amounts[1:], start=amounts[0]),
        lines=lines,
        due_date=date(2026, 2, 28),
    )


def a_paying_customer(gateway: PaymentGateway, token: str = PAYS) -> tuple[str, str]:
    """The ids of a customer and of its saved card."""
    customer_id = gateway.ensure_customer(a_customer(), key=new_key())
    card = gateway.save_card(customer_id, token, key=new_key())
    assert isinstance(card, SavedCard)
    return customer_id, card.payment_method_id


def a_final_invoice(gateway: InvoicingGateway, request: InvoiceRequest) -> GatewayInvoice:
    draft = gateway.ensure_invoice(request, key=new_key())
    return gateway.finalize_invoice(draft.gateway_invoice_id, key=new_key())


def insist(call: Callable[[str], T], *, key: str | None = None) -> T:
    """Call as control/ports.py tells the callers: the same key while there is no answer, a new one only after a fault."""
    key = key or new_key()
    for _ in range(10):
        try:
            return call(key)
        except GatewayUnavailableError:
            continue
        except GatewayFaultError:
            key = new_key()
    raise AssertionError("ten tries were not enough")


def push(gateway: InvoicingGateway, request: InvoiceRequest, payment_method_id: str) -> PaymentOutcome:
    """The whole way of an invoice, with insistence at each step."""
    insist(lambda key: gateway.ensure_invoice(request, key=key))
    found = insist(lambda _: gateway.find_invoice(request.customer_id, request.invoice_id))
    assert found is not None
    insist(lambda key: gateway.finalize_invoice(found.gateway_invoice_id, key=key))
    return insist(lambda key: gateway.pay_invoice(found.gateway_invoice_id, payment_method_id, key=key))


def a_card(bench: Bench, token: str, *, is_bound: bool = False) -> tuple[str, str]:
    """The ids of the customer and of a card of theirs, bound in the browser with its holder or saved by token."""
    customer_id = bench.gateway.ensure_customer(a_customer(), key="customer")
    if not is_bound:
        card = bench.gateway.save_card(customer_id, bench.token(token), key=new_key())
        assert isinstance(card, SavedCard), card
        return customer_id, card.payment_method_id
    request = BindingRequest(binding_id=new_key(), customer_id=customer_id, return_url="https://cloud.example/cards", country_code="DE")
    binding = bench.gateway.start_binding(request, key=new_key()).gateway_binding_id
    bench.enter_card(binding, token)
    bench.confirm_binding(binding, succeeds=True)
    outcome = bench.gateway.find_binding(customer_id, binding, result=bench.browser_result(binding))
    assert isinstance(outcome, Bound), outcome
    return customer_id, outcome.card.payment_method_id


def a_charge(
    customer_id: str,
    payment_method_id: str,
    *,
    amount: Money | None = None,
    invoice_id: str = "inv-1",
    payment_id: str = "payment-1",
    return_url: str = "",
) -> ChargeRequest:
    """A charge of 107.10 USD by default."""
    return ChargeRequest(
        payment_id=payment_id,
        invoice_id=invoice_id,
        invoice_number="INV-000001",
        customer_id=customer_id,
        payment_method_id=payment_method_id,
        amount=amount or usd(10710),
        return_url=return_url,
    )


def look(bench: Bench, customer_id: str, invoice_id: str = "inv-1") -> GatewayPayment | None:
    """The look at the payment of an invoice, as soon as the gateway has all lists for it."""
    tried = bench.tried()
    bench.end_of_day()
    return bench.gateway.find_payment(customer_id, invoice_id, tried=tried)


def events_of(bench: Bench, subject: EventSubject | None = None) -> list[GatewayEvent]:
    """What the gateway has told so far, read from its webhooks."""
    told = [event for body, headers in bench.webhooks() for event in bench.gateway.read_webhook(body, headers)]
    return [event for event in told if subject in (None, event.subject)]
