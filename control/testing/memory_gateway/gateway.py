"""A payment gateway in memory that passes the same contract as the real adapters, for tests of what stands above the port.

It has a bank (`charges`), a balance per customer, and faults that can be planned for each method of the port.
"""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeVar, cast

from control.domain.money import Money
from control.ports import (
    Customer,
    Declined,
    GatewayFaultError,
    GatewayInvoice,
    GatewayInvoiceStatus,
    GatewayMismatchError,
    GatewayRefusedError,
    GatewayUnavailableError,
    InvoiceRequest,
    Paid,
    PaymentOutcome,
    Refused,
    RequiresAction,
    SavedCard,
)

T = TypeVar("T")

Fault = Literal["error_before", "error_after", "bad_gateway_after", "drop_before", "drop_after", "rate_limit"]

PAYS = "pm_card_visa"
DECLINES_WHEN_CHARGED = "pm_card_chargeCustomerFail"
DECLINES_WHEN_SAVED = "pm_card_visa_chargeDeclinedInsufficientFunds"
NEEDS_HOLDER = "pm_card_authenticationRequired"

_SMALLEST_CHARGE = 50
_LAST4 = {PAYS: "4242", DECLINES_WHEN_CHARGED: "0341", NEEDS_HOLDER: "3184"}


@dataclass(frozen=True, kw_only=True)
class Charge:
    """Money that the bank moved."""

    customer_id: str
    gateway_invoice_id: str
    amount: Money


@dataclass(kw_only=True)
class _Invoice:
    request: InvoiceRequest
    seen: GatewayInvoice


class FakeGateway:
    """A PaymentGateway without an outside. May be called from several threads: each call is one locked step."""

    name = "fake"

    def __init__(self) -> None:
        self.charges: list[Charge] = []
        self.customers: dict[str, Customer] = {}
        self._numbers = itertools.count(1)
        self._cards: dict[str, tuple[str, str]] = {}  # payment_method_id: (customer_id, token)
        self._invoices: dict[str, _Invoice] = {}
        self._credits: dict[str, tuple[str, Money]] = {}  # id: (customer_id/reference, amount)
        self._balances: dict[str, int] = defaultdict(int)  # minor units in the customer's favour
        self._answers: dict[str, tuple[object, object]] = {}
        self._faults: dict[str, list[Fault]] = defaultdict(list)
        self._lock = threading.RLock()

    def plan(self, fault: Fault, operation: str) -> None:
        """Let the next call of a method of the port go wrong."""
        self._faults[operation].append(fault)

    def authenticate(self, gateway_invoice_id: str) -> None:
        """The card's holder confirms the payment of an invoice; the bank pays."""
        with self._lock:
            self._pay(self._invoices[gateway_invoice_id])

    def start_payment(self, gateway_invoice_id: str) -> None:
        """A payment is under way that nobody knows the end of."""
        invoice = self._invoices[gateway_invoice_id]
        invoice.seen = replace(invoice.seen, status=GatewayInvoiceStatus.PROCESSING)

    def void(self, gateway_invoice_id: str) -> None:
        """Somebody voids the invoice in the gateway's own interface; used balance is given back."""
        invoice = self._invoices[gateway_invoice_id]
        self._balances[invoice.request.customer_id] += invoice.seen.from_balance.minor
        invoice.seen = replace(invoice.seen, status=GatewayInvoiceStatus.VOID)

    def add_by_hand(self, gateway_invoice_id: str, amount: Money) -> None:
        """Somebody adds a line to a draft in the gateway's own interface."""
        invoice = self._invoices[gateway_invoice_id]
        total = invoice.seen.total + amount
        invoice.seen = replace(invoice.seen, total=total, due=total)

    def refusal(self, amount: Money) -> str | None:
        """It charges 50 minor units or more."""
        return None if amount.minor >= _SMALLEST_CHARGE else f"{amount} is less than the smallest charge"

    def ensure_customer(self, customer: Customer, *, key: str) -> str:
        """The port's ensure_customer."""

        def look() -> str | None:
            return next((key for key, known in self.customers.items() if known.reference == customer.reference), None)

        def make() -> str:
            identifier = f"cus_{next(self._numbers)}"
            self.customers[identifier] = customer
            return identifier

        return self._once("ensure_customer", key, customer, look, make)

    def save_card(self, customer_id: str, token: str, *, key: str) -> SavedCard | Declined | Refused:
        """The port's save_card."""

        def attach() -> SavedCard | Declined | Refused:
            if token == DECLINES_WHEN_SAVED:
                return Declined(code="insufficient_funds", message="Your card has insufficient funds.")
            if token not in _LAST4:
                return Refused(reason=f"no such card {token}")
            identifier = f"pm_{next(self._numbers)}"
            self._cards[identifier] = (customer_id, token)
            return SavedCard(payment_method_id=identifier, brand="visa", last4=_LAST4[token], expires="2031-12")

        return self._once("save_card", key, (customer_id, token), lambda: None, attach)

    def ensure_invoice(self, request: InvoiceRequest, *, key: str) -> GatewayInvoice:
        """The port's ensure_invoice."""
        if request.customer_id not in self.customers:
            raise GatewayRefusedError(f"no such customer {request.customer_id}")

        def look() -> GatewayInvoice | None:
            found = self._find(request.customer_id, request.invoice_id)
            if found is not None and found.seen.total != request.total:
                if found.seen.status is GatewayInvoiceStatus.DRAFT:
                    self._discard(found.seen.gateway_invoice_id)
                raise GatewayMismatchError(f"{request.invoice_number} has another total at the gateway: {found.seen.total}")
            return None if found is None else found.seen

        def make() -> GatewayInvoice:
            nothing = Money(0, request.total.currency_code)
            seen = GatewayInvoice(
                gateway_invoice_id=f"in_{next(self._numbers)}",
                status=GatewayInvoiceStatus.DRAFT,
                total=request.total,
                paid=nothing,
                from_balance=nothing,
                credited=nothing,
                paid_outside=nothing,
                due=request.total,
            )
            self._invoices[seen.gateway_invoice_id] = _Invoice(request=request, seen=seen)
            return seen

        return self._once("ensure_invoice", key, request, look, make)

    def find_invoice(self, customer_id: str, invoice_id: str) -> GatewayInvoice | None:
        """The port's find_invoice."""
        with self._lock:
            if self._faults["find_invoice"]:
                self._faults["find_invoice"].pop(0)
                raise GatewayUnavailableError("no answer")
            found = self._find(customer_id, invoice_id)
            return None if found is None else found.seen

    def finalize_invoice(self, gateway_invoice_id: str, *, key: str) -> GatewayInvoice:
        """The port's finalize_invoice."""
        invoice = self._invoices.get(gateway_invoice_id)
        if invoice is None:
            raise GatewayRefusedError(f"no such invoice {gateway_invoice_id}")

        def look() -> GatewayInvoice | None:
            return None if invoice.seen.status is GatewayInvoiceStatus.DRAFT else invoice.seen

        def make() -> GatewayInvoice:
            request, seen = invoice.request, invoice.seen
            if seen.total != request.total:
                raise GatewayMismatchError(f"{request.invoice_number} has another total at the gateway: {seen.total}")
            used = Money(min(self._balances[request.customer_id], seen.total.minor), seen.total.currency_code)
            due = seen.total - used
            if due.minor and (reason := self.refusal(due)):
                raise GatewayMismatchError(f"after the balance something is left that cannot be charged: {reason}")
            self._balances[request.customer_id] -= used.minor
            status = GatewayInvoiceStatus.OPEN if due.minor else GatewayInvoiceStatus.PAID
            url = f"https://gateway.invalid/{gateway_invoice_id}"
            invoice.seen = replace(seen, status=status, from_balance=used, due=due, url=url)
            return invoice.seen

        return self._once("finalize_invoice", key, gateway_invoice_id, look, make)

    def pay_invoice(self, gateway_invoice_id: str, payment_method_id: str, *, key: str) -> PaymentOutcome:
        """The port's pay_invoice."""
        invoice = self._invoices.get(gateway_invoice_id)
        if invoice is None:
            return Refused(reason=f"no such invoice {gateway_invoice_id}")

        def look() -> PaymentOutcome | None:
            seen = invoice.seen
            if seen.status is GatewayInvoiceStatus.PROCESSING:
                raise GatewayUnavailableError("a payment is under way")
            if seen.status is GatewayInvoiceStatus.PAID:
                return Paid(gateway_payment_id=seen.gateway_payment_id, charged=seen.paid, from_balance=seen.from_balance)
            return None if seen.status is GatewayInvoiceStatus.OPEN else Refused(reason=f"the invoice is {seen.status}")

        def charge() -> PaymentOutcome:
            owner, token = self._cards.get(payment_method_id, ("", ""))
            if owner != invoice.request.customer_id:
                return Declined(code="resource_missing", message="no such card of this customer")
            if token == DECLINES_WHEN_CHARGED:
                return Declined(code="generic_decline", message="Your card was declined.")
            if token == NEEDS_HOLDER:
                return RequiresAction(url=invoice.seen.url)
            return self._pay(invoice)

        return self._once("pay_invoice", key, (gateway_invoice_id, payment_method_id), look, charge)

    def ensure_balance_credit(self, customer_id: str, amount: Money, *, reference: str, description: str, key: str) -> str:
        """The port's ensure_balance_credit."""
        mark = f"{customer_id}/{reference}"

        def look() -> str | None:
            found = next((key for key, (known, _) in self._credits.items() if known == mark), None)
            if found is not None and self._credits[found][1] != amount:
                raise GatewayMismatchError(f"{reference} was credited with another amount")
            return found

        def make() -> str:
            identifier = f"credit_{next(self._numbers)}"
            self._credits[identifier] = (mark, amount)
            self._balances[customer_id] += amount.minor
            return identifier

        return self._once("ensure_balance_credit", key, (customer_id, amount, reference, description), look, make)

    def _find(self, customer_id: str, invoice_id: str) -> _Invoice | None:
        found = [one for one in self._invoices.values() if one.request.customer_id == customer_id and one.request.invoice_id == invoice_id]
        return next(iter(found), None)

    def _discard(self, gateway_invoice_id: str) -> None:
        """Throw a draft away; the key that made it answers with a fault from now on."""
        del self._invoices[gateway_invoice_id]
        for key, (asked, answer) in self._answers.items():
            if isinstance(answer, GatewayInvoice) and answer.gateway_invoice_id == gateway_invoice_id:
                self._answers[key] = (asked, GatewayFaultError("the draft is gone"))

    def _pay(self, invoice: _Invoice) -> Paid:
        seen = invoice.seen
        self.charges.append(
            Charge(customer_id=invoice.request.customer_id, gateway_invoice_id=seen.gateway_invoice_id, amount=seen.due),
        )
        payment_id = f"pi_{next(self._numbers)}"
        nothing = Money(0, seen.total.currency_code)
        invoice.seen = replace(seen, status=GatewayInvoiceStatus.PAID, paid=seen.due, due=nothing, gateway_payment_id=payment_id)
        return Paid(gateway_payment_id=payment_id, charged=seen.due, from_balance=seen.from_balance)

    def _once(self, operation: str, key: str, arguments: object, look: Callable[[], T | None], effect: Callable[[], T]) -> T:
        """Look, then one effect a key, with the planned fault of this method."""
        with self._lock:
            fault = self._faults[operation].pop(0) if self._faults[operation] else None
            if fault in ("drop_before", "rate_limit"):
                raise GatewayUnavailableError("no answer")
            seen = look()
            if seen is not None:
                return seen
            if key not in self._answers:
                answer: object = None if fault == "error_before" else effect()
                is_broken = fault in ("error_before", "error_after")
                self._answers[key] = ((operation, arguments), GatewayFaultError("the gateway is broken") if is_broken else answer)
            asked, answer = self._answers[key]
            if asked != (operation, arguments):
                raise GatewayFaultError("the key was used with other arguments")
            if isinstance(answer, GatewayFaultError):
                raise answer
            if fault in ("drop_after", "bad_gateway_after"):
                raise GatewayUnavailableError("no answer")
            return cast("T", answer)
