"""The gateway in memory that keeps invoices, balances and credit notes as well."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from control.domain.money import Money
from control.ports import (
    CreditNoteRequest,
    EventSubject,
    GatewayCreditNote,
    GatewayFaultError,
    GatewayInvoice,
    GatewayInvoiceStatus,
    GatewayMismatchError,
    GatewayPayment,
    GatewayPaymentStatus,
    GatewayRefusedError,
    GatewayUnavailableError,
    InvoiceRequest,
    Paid,
    PaymentOutcome,
    Refused,
    RequiresAction,
)
from control.testing.memory_gateway.cards import needs_holder
from control.testing.memory_gateway.charging import ChargingFake
from control.testing.memory_gateway.world import DISPUTED


@dataclass(kw_only=True)
class _Invoice:
    request: InvoiceRequest
    seen: GatewayInvoice


class FakeGateway(ChargingFake):
    """An InvoicingGateway without an outside. May be called from several threads: each call is one locked step."""

    def __init__(self, *, name: str = "fake", now: Callable[[], datetime] | None = None) -> None:
        super().__init__(name=name, now=now)
        self._invoices: dict[str, _Invoice] = {}
        self._credits: dict[str, tuple[str, Money]] = {}  # id: (customer_id/reference, amount)
        self._credit_notes: dict[str, tuple[CreditNoteRequest, GatewayCreditNote]] = {}
        self._balances: dict[str, int] = defaultdict(int)  # minor units in the customer's favour

    # Hands in the outside world

    def authenticate(self, gateway_invoice_id: str) -> None:
        """The card's holder confirms the payment of an invoice; the bank pays."""
        with self._lock:
            self._pay(self._invoices[gateway_invoice_id])

    def balance_of(self, customer_id: str) -> int:
        """What a customer has in their favour, in minor units."""
        return self._balances[customer_id]

    def start_payment(self, gateway_invoice_id: str) -> None:
        """A payment is under way that nobody knows the end of."""
        invoice = self._invoices[gateway_invoice_id]
        invoice.seen = replace(invoice.seen, status=GatewayInvoiceStatus.PROCESSING)

    def void(self, gateway_invoice_id: str) -> None:
        """Somebody voids the invoice in the gateway's own interface; used balance is given back."""
        with self._lock:
            self._void(self._invoices[gateway_invoice_id])

    def add_by_hand(self, gateway_invoice_id: str, amount: Money) -> None:
        """Somebody adds a line to a draft in the gateway's own interface."""
        invoice = self._invoices[gateway_invoice_id]
        total = invoice.seen.total + amount
        invoice.seen = replace(invoice.seen, total=total, due=total)

    # The port

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
                gateway_invoice_id=self._id("in"),
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
        self._read("find_invoice")
        with self._lock:
            found = self._find(customer_id, invoice_id)
            return None if found is None else found.seen

    def finalize_invoice(self, gateway_invoice_id: str, *, key: str) -> GatewayInvoice:
        """The port's finalize_invoice."""
        invoice = self._invoice(gateway_invoice_id)

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
            self._show(invoice, "invoice.finalized", status=status, from_balance=used, due=due, url=url)
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
            card = self._cards.get(payment_method_id)
            declined = self._why_declined(card, invoice.request.customer_id)
            if declined is not None:
                self._show(invoice, "invoice.payment_failed")
                return declined
            if card is not None and (needs_holder(card) or invoice.request.asks_holder):
                return RequiresAction(url=invoice.seen.url)
            return self._pay(invoice, is_disputed=card is not None and card.token == DISPUTED)

        return self._once("pay_invoice", key, (gateway_invoice_id, payment_method_id), look, charge)

    def settle_outside(self, gateway_invoice_id: str, *, key: str) -> GatewayInvoice:
        """The port's settle_outside."""
        invoice = self._invoice(gateway_invoice_id)

        def look() -> GatewayInvoice | None:
            if invoice.seen.paid_outside:
                return invoice.seen
            self._must_be_open(invoice)
            return None

        def make() -> GatewayInvoice:
            nothing = Money(0, invoice.seen.total.currency_code)
            due = invoice.seen.due
            self._show(invoice, "invoice.paid", status=GatewayInvoiceStatus.PAID, paid_outside=due, due=nothing)
            return invoice.seen

        return self._once("settle_outside", key, gateway_invoice_id, look, make)

    def void_invoice(self, gateway_invoice_id: str, *, key: str) -> GatewayInvoice | None:
        """The port's void_invoice."""
        invoice = self._invoices.get(gateway_invoice_id)
        if invoice is None:
            return None

        def look() -> bool | None:
            if invoice.seen.status in (GatewayInvoiceStatus.VOID, GatewayInvoiceStatus.DRAFT):
                return True
            self._must_be_open(invoice)
            return None

        def make() -> bool:
            self._void(invoice)
            return True

        self._once("void_invoice", key, gateway_invoice_id, look, make)
        if invoice.seen.status is GatewayInvoiceStatus.DRAFT:
            self._discard(gateway_invoice_id)
            return None
        return invoice.seen

    def ensure_balance_credit(self, customer_id: str, amount: Money, *, reference: str, description: str, key: str) -> str:
        """The port's ensure_balance_credit."""
        mark = f"{customer_id}/{reference}"

        def look() -> str | None:
            found = next((key for key, (known, _) in self._credits.items() if known == mark), None)
            if found is not None and self._credits[found][1] != amount:
                raise GatewayMismatchError(f"{reference} was credited with another amount")
            return found

        def make() -> str:
            identifier = self._id("credit")
            self._credits[identifier] = (mark, amount)
            self._balances[customer_id] += amount.minor
            return identifier

        return self._once("ensure_balance_credit", key, (customer_id, amount, reference, description), look, make)

    def ensure_credit_note(self, request: CreditNoteRequest, *, key: str) -> GatewayCreditNote | Refused:
        """The port's ensure_credit_note."""
        invoice = self._invoice(request.gateway_invoice_id)

        def look() -> GatewayCreditNote | None:
            asked, found = self._credit_notes.get(request.credit_note_id, (request, None))
            if asked.amount != request.amount:
                raise GatewayMismatchError(f"{request.credit_note_number} is of {asked.amount} at the gateway")
            return found

        def make() -> GatewayCreditNote | Refused:
            reason = self._why_not_credited(invoice, request)
            if reason:
                return Refused(reason=reason)
            nothing = Money(0, request.amount.currency_code)
            is_open = invoice.seen.status is GatewayInvoiceStatus.OPEN
            to_balance = nothing if is_open or request.gateway_refund_id else request.amount
            self._balances[invoice.request.customer_id] += to_balance.minor
            if is_open:
                due = invoice.seen.due - request.amount
                status = GatewayInvoiceStatus.OPEN if due else GatewayInvoiceStatus.PAID
                self._show(invoice, "invoice.updated", status=status, credited=invoice.seen.credited + request.amount, due=due)
            note = GatewayCreditNote(
                gateway_credit_note_id=self._id("cn"),
                credit_note_id=request.credit_note_id,
                amount=request.amount,
                to_balance=to_balance,
                is_void=False,
            )
            self._credit_notes[request.credit_note_id] = (request, note)
            return note

        return self._once("ensure_credit_note", key, request, look, make)

    # How it works

    def _why_not_credited(self, invoice: _Invoice, request: CreditNoteRequest) -> str:
        status = invoice.seen.status
        if status is GatewayInvoiceStatus.OPEN:
            return "" if request.amount.minor <= invoice.seen.due.minor else f"{request.amount} is more than is due"
        if status is not GatewayInvoiceStatus.PAID:
            return f"the invoice is {status}"
        before = [asked for asked, _ in self._credit_notes.values() if asked.gateway_invoice_id == request.gateway_invoice_id]
        credited = sum((asked.amount for asked in before), start=request.amount)
        if credited.minor > invoice.seen.total.minor:
            return f"{request.amount} is more than is left of {invoice.seen.total}"
        refund = self.refunds.get(request.gateway_refund_id)
        if request.gateway_refund_id and (refund is None or refund.amount != request.amount):
            return f"{request.gateway_refund_id} is no refund of {request.amount}"
        return ""

    def _invoice(self, gateway_invoice_id: str) -> _Invoice:
        invoice = self._invoices.get(gateway_invoice_id)
        if invoice is None:
            raise GatewayRefusedError(f"no such invoice {gateway_invoice_id}")
        return invoice

    def _must_be_open(self, invoice: _Invoice) -> None:
        if invoice.seen.status is GatewayInvoiceStatus.PROCESSING:
            raise GatewayUnavailableError("a payment is under way")
        if invoice.seen.status is not GatewayInvoiceStatus.OPEN:
            raise GatewayRefusedError(f"{invoice.request.invoice_number} is {invoice.seen.status} at the gateway")

    def _find(self, customer_id: str, invoice_id: str) -> _Invoice | None:
        found = [one for one in self._invoices.values() if one.request.customer_id == customer_id and one.request.invoice_id == invoice_id]
        return next(iter(found), None)

    def _discard(self, gateway_invoice_id: str) -> None:
        """Throw a draft away; the key that made it answers with a fault from now on."""
        del self._invoices[gateway_invoice_id]
        for key, (asked, answer) in self._answers.items():
            if isinstance(answer, GatewayInvoice) and answer.gateway_invoice_id == gateway_invoice_id:
                self._answers[key] = (asked, GatewayFaultError("the draft is gone"))

    def _void(self, invoice: _Invoice) -> None:
        self._balances[invoice.request.customer_id] += invoice.seen.from_balance.minor
        self._show(invoice, "invoice.voided", status=GatewayInvoiceStatus.VOID)

    def _pay(self, invoice: _Invoice, *, is_disputed: bool = False) -> Paid:
        seen, request = invoice.seen, invoice.request
        nothing = Money(0, seen.total.currency_code)
        payment = GatewayPayment(
            gateway_payment_id=self._id("pi"),
            payment_id="",
            invoice_id=request.invoice_id,
            customer_id=request.customer_id,
            status=GatewayPaymentStatus.PROCESSING,
            amount=seen.due,
            paid=nothing,
            refunded=nothing,
            fee=None,
            is_disputed=False,
            occurred_at=self._now(),
        )
        self._collect(payment, seen.gateway_invoice_id, is_disputed=is_disputed)
        paid_by = payment.gateway_payment_id
        self._show(invoice, "invoice.paid", status=GatewayInvoiceStatus.PAID, paid=seen.due, due=nothing, gateway_payment_id=paid_by)
        return Paid(gateway_payment_id=paid_by, charged=seen.due, from_balance=seen.from_balance)

    def _show(self, invoice: _Invoice, event_type: str, **changes: object) -> None:
        """Change what the invoice shows, and tell it."""
        invoice.seen = replace(invoice.seen, **changes)  # type: ignore[arg-type]  # fields of GatewayInvoice
        request = invoice.request
        self._emit(
            EventSubject.INVOICE,
            event_type,
            invoice.seen.gateway_invoice_id,
            customer_id=request.customer_id,
            invoice_id=request.invoice_id,
            gateway_payment_id=invoice.seen.gateway_payment_id,
        )
