"""The gateway in memory that keeps customers and cards and charges them: the port every gateway has."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from control.domain.money import Money
from control.ports import (
    BindingFailed,
    BindingOpen,
    BindingOutcome,
    BindingRequest,
    Bound,
    ChargeOutcome,
    ChargeRequest,
    Customer,
    Declined,
    EventSubject,
    GatewayDispute,
    GatewayDisputeStatus,
    GatewayEvent,
    GatewayMismatchError,
    GatewayPayment,
    GatewayPaymentStatus,
    GatewayRefund,
    GatewayRefundStatus,
    GatewayRefusedError,
    GatewayState,
    Paid,
    Processing,
    RefundRequest,
    Refused,
    RequiresAction,
    SavedCard,
    StartedBinding,
    Tried,
    WebhookRefusedError,
)
from control.testing.memory_gateway.world import (
    DECLINES_WHEN_CHARGED,
    DECLINES_WHEN_SAVED,
    DISPUTED,
    LAST4,
    NEEDS_HOLDER,
    NEEDS_HOLDER_ONCE,
    NO_FUNDS,
    Card,
    Charge,
    World,
    event_of,
    fee_of,
    signature,
)

_SMALLEST_CHARGE = 50
_EXPIRES = "2031-12"


@dataclass(kw_only=True)
class _Binding:
    request: BindingRequest
    outcome: BindingOutcome
    token: str = ""


class ChargingFake(World):
    """A PaymentGateway without an outside, and without invoices of its own."""

    def __init__(self, *, name: str = "fake", now: Callable[[], datetime] | None = None) -> None:
        super().__init__(name=name, now=now)
        self._bindings: dict[str, _Binding] = {}

    # Hands in the outside world

    def enter_card(self, gateway_binding_id: str, token: str) -> None:
        """The holder enters a card in the browser."""
        with self._lock:
            binding = self._bindings[gateway_binding_id]
            binding.token = token
            if token == DECLINES_WHEN_SAVED:
                self._end_binding(gateway_binding_id, BindingFailed(code=NO_FUNDS.code, message=NO_FUNDS.message))
            elif token not in (NEEDS_HOLDER, NEEDS_HOLDER_ONCE):
                self.confirm_binding(gateway_binding_id, succeeds=True)

    def confirm_binding(self, gateway_binding_id: str, *, succeeds: bool) -> None:
        """The holder authenticates for a binding, or fails to."""
        with self._lock:
            binding = self._bindings[gateway_binding_id]
            if succeeds:
                outcome: Bound | BindingFailed = Bound(card=self._keep(binding.request.customer_id, binding.token, is_set_up=True))
            else:
                outcome = BindingFailed(code="authentication_failure", message="The holder was not authenticated.")
            self._end_binding(gateway_binding_id, outcome)

    def confirm_charge(self, customer_id: str, invoice_id: str, *, succeeds: bool = True) -> None:
        """The holder authenticates for a charge, or the bank ends one that is processing."""
        with self._lock:
            payment = self._payment_of(customer_id, invoice_id)
            assert payment is not None, f"nothing was charged for {invoice_id}"  # noqa: S101  # a wrong test
            if succeeds:
                self._collect(payment, "")
            else:
                self._fail(payment, code="authentication_failure", message="The holder was not authenticated.")

    def end_refund(self, refund_id: str, *, succeeds: bool) -> None:
        """The card's bank takes a refund, or sends it back, also one that had succeeded."""
        with self._lock:
            refund = next(one for one in self.refunds.values() if one.refund_id == refund_id)
            self._put_refund(replace(refund, status=GatewayRefundStatus.SUCCEEDED if succeeds else GatewayRefundStatus.FAILED))

    def end_dispute(self, gateway_dispute_id: str, status: GatewayDisputeStatus) -> None:
        """The bank decides a dispute."""
        with self._lock:
            dispute = replace(self.disputes[gateway_dispute_id], status=status, occurred_at=self._now())
            self.disputes[gateway_dispute_id] = dispute
            self._tell_dispute("dispute.closed", dispute)

    # The port: customers and cards

    def refusal(self, amount: Money) -> str | None:
        """It charges 50 minor units or more."""
        return None if amount.minor >= _SMALLEST_CHARGE else f"{amount} is less than the smallest charge"

    def ensure_customer(self, customer: Customer, *, key: str) -> str:
        """The port's ensure_customer."""

        def look() -> str | None:
            return next((key for key, known in self.customers.items() if known.reference == customer.reference), None)

        def make() -> str:
            identifier = self._id("cus")
            self.customers[identifier] = customer
            return identifier

        return self._once("ensure_customer", key, customer, look, make)

    def save_card(self, customer_id: str, token: str, *, key: str) -> SavedCard | Declined | Refused:
        """The port's save_card."""

        def attach() -> SavedCard | Declined | Refused:
            if token == DECLINES_WHEN_SAVED:
                return NO_FUNDS
            if token not in LAST4:
                return Refused(reason=f"no such card {token}")
            return self._keep(customer_id, token, is_set_up=False)

        return self._once("save_card", key, (customer_id, token), lambda: None, attach)

    def start_binding(self, request: BindingRequest, *, key: str) -> StartedBinding:
        """The port's start_binding."""

        def make() -> StartedBinding:
            if request.customer_id not in self.customers:
                raise GatewayRefusedError(f"no such customer {request.customer_id}")
            identifier = self._id("bind")
            self._bindings[identifier] = _Binding(request=request, outcome=BindingOpen())
            return StartedBinding(gateway_binding_id=identifier, client_data=f"{identifier}_secret")

        return self._once("start_binding", key, request, lambda: None, make)

    def find_binding(self, customer_id: str, gateway_binding_id: str, *, result: str = "") -> BindingOutcome:  # noqa: ARG002  # the port's
        """The port's find_binding."""
        self._read("find_binding")
        binding = self._bindings.get(gateway_binding_id)
        if binding is None or binding.request.customer_id != customer_id:
            raise GatewayRefusedError(f"no such binding {gateway_binding_id} of {customer_id}")
        return binding.outcome

    def list_cards(self, customer_id: str) -> tuple[SavedCard, ...]:
        """The port's list_cards."""
        self._read("list_cards")
        return tuple(_shown(identifier, card) for identifier, card in self._cards.items() if card.customer_id == customer_id)

    def set_default_card(self, customer_id: str, payment_method_id: str, *, key: str) -> None:
        """The port's set_default_card."""

        def check() -> bool:
            card = self._cards.get(payment_method_id)
            if card is None or card.customer_id != customer_id:
                raise GatewayRefusedError(f"{payment_method_id} is no card of {customer_id}")
            return True

        self._once("set_default_card", key, (customer_id, payment_method_id), lambda: None, check)

    def detach_card(self, customer_id: str, payment_method_id: str, *, key: str) -> None:
        """The port's detach_card."""

        def look() -> bool | None:
            card = self._cards.get(payment_method_id)
            if card is not None and card.customer_id != customer_id:
                raise GatewayRefusedError(f"{payment_method_id} is no card of {customer_id}")
            return True if card is None else None

        def forget() -> bool:
            del self._cards[payment_method_id]
            self._emit(EventSubject.CARD, "card.detached", payment_method_id, customer_id=customer_id)
            return True

        self._once("detach_card", key, (customer_id, payment_method_id), look, forget)

    # The port: charges

    def charge(self, request: ChargeRequest, *, key: str) -> ChargeOutcome:
        """The port's charge. All attempts for an invoice share one payment."""

        def look() -> ChargeOutcome | None:
            payment = self._payment_of(request.customer_id, request.invoice_id)
            if payment is None or payment.status in (GatewayPaymentStatus.FAILED, GatewayPaymentStatus.REQUIRES_ACTION):
                return None
            if payment.amount != request.amount or payment.refunded:
                raise GatewayMismatchError(f"{payment.paid} was collected for {request.invoice_number}, {payment.refunded} given back")
            return _outcome(payment, request)

        def make() -> ChargeOutcome:
            before = self._payment_of(request.customer_id, request.invoice_id)
            payment = replace(before or self._new_payment(request), amount=request.amount, payment_id=request.payment_id)
            return self._attempt(payment, request)

        return self._once("charge", key, request, look, make)

    def complete_charge(self, request: ChargeRequest, result: str, *, key: str) -> ChargeOutcome:  # noqa: ARG002  # the port's
        """The port's complete_charge."""
        self._read("complete_charge")
        payment = self._payment_of(request.customer_id, request.invoice_id)
        return Refused(reason=f"nothing was charged for {request.invoice_number}") if payment is None else _outcome(payment, request)

    def find_payment(self, customer_id: str, invoice_id: str, *, tried: Tried) -> GatewayPayment | None:  # noqa: ARG002  # the port's
        """The port's find_payment."""
        self._read("find_payment")
        return self._payment_of(customer_id, invoice_id)

    # The port: refunds

    def ensure_refund(self, request: RefundRequest, *, key: str) -> GatewayRefund | Refused:
        """The port's ensure_refund."""

        def look() -> GatewayRefund | None:
            found = self._refund(request.gateway_payment_id, request.refund_id)
            if found is not None and found.amount != request.amount:
                raise GatewayMismatchError(f"refund {request.refund_id} is of {found.amount} at the gateway")
            return found

        def make() -> GatewayRefund | Refused:
            payment = self.payments.get(request.gateway_payment_id)
            if payment is None or payment.status is not GatewayPaymentStatus.PAID:
                return Refused(reason=f"{request.gateway_payment_id} is no payment that was collected")
            if payment.is_disputed:
                return Refused(reason=f"{request.gateway_payment_id} is disputed")
            if request.amount.currency_code != payment.paid.currency_code or request.amount.minor > (payment.paid - payment.refunded).minor:
                return Refused(reason=f"{request.amount} is more than is left of {payment.paid}")
            refund = GatewayRefund(
                gateway_refund_id=self._id("re"),
                refund_id=request.refund_id,
                gateway_payment_id=payment.gateway_payment_id,
                status=GatewayRefundStatus.PENDING if self.refunds_stay_pending else GatewayRefundStatus.SUCCEEDED,
                amount=request.amount,
                occurred_at=self._now(),
            )
            self._put_refund(refund)
            return refund

        return self._once("ensure_refund", key, request, look, make)

    def find_refund(self, gateway_payment_id: str, refund_id: str, *, tried: Tried) -> GatewayRefund | None:  # noqa: ARG002  # the port's
        """The port's find_refund."""
        self._read("find_refund")
        return self._refund(gateway_payment_id, refund_id)

    # The port: what the gateway tells

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> tuple[GatewayEvent, ...]:
        """The port's read_webhook."""
        given = {name.lower(): value for name, value in headers.items()}.get("fake-signature", "")
        if not hmac.compare_digest(given, signature(body)):
            raise WebhookRefusedError("the signature does not fit the message")
        return tuple(event_of(self.name, said) for said in json.loads(body))

    def state_of(self, event: GatewayEvent) -> GatewayState | None:
        """The port's state_of."""
        self._read("state_of")
        match event.subject:
            case EventSubject.PAYMENT:
                return self.payments.get(event.object_id)
            case EventSubject.REFUND:
                return self.refunds.get(event.object_id)
            case EventSubject.DISPUTE:
                return self.disputes.get(event.object_id)
            case EventSubject.BINDING:
                binding = self._bindings.get(event.object_id)
                return None if binding is None or isinstance(binding.outcome, BindingOpen) else binding.outcome
            case _:
                return None

    def list_payments(self, since: datetime, until: datetime) -> Iterator[GatewayPayment]:
        """The port's list_payments."""
        self._read("list_payments")
        paid = [one for one in self.payments.values() if one.status is GatewayPaymentStatus.PAID]
        return iter([one for one in paid if since <= one.occurred_at < until])

    def list_refunds(self, since: datetime, until: datetime) -> Iterator[GatewayRefund]:
        """The port's list_refunds."""
        self._read("list_refunds")
        return iter([one for one in self.refunds.values() if since <= one.occurred_at < until])

    # How money moves

    def _attempt(self, payment: GatewayPayment, request: ChargeRequest) -> ChargeOutcome:
        """Charge the card, keep what became of it, and say it."""
        card = self._cards.get(request.payment_method_id)
        refusal = self._why_declined(card, request.customer_id)
        if refusal is not None or card is None:
            refusal = refusal or _NO_CARD
            self._fail(payment, code=refusal.code, message=refusal.message)
            return refusal
        if needs_holder(card):
            self._put(replace(payment, status=GatewayPaymentStatus.REQUIRES_ACTION), "payment.requires_action")
        elif self.charges_stay_processing:
            self._put(replace(payment, status=GatewayPaymentStatus.PROCESSING), "payment.processing")
        else:
            self._collect(payment, "", is_disputed=card.token == DISPUTED)
        return _outcome(self.payments[payment.gateway_payment_id], request)

    def _why_declined(self, card: Card | None, customer_id: str) -> Declined | None:
        if card is None or card.customer_id != customer_id:
            return _NO_CARD
        if card.token == DECLINES_WHEN_CHARGED:
            return Declined(code="generic_decline", message="Your card was declined.")
        return None

    def _new_payment(self, request: ChargeRequest) -> GatewayPayment:
        nothing = Money(0, request.amount.currency_code)
        return GatewayPayment(
            gateway_payment_id=self._id("pi"),
            payment_id=request.payment_id,
            invoice_id=request.invoice_id,
            customer_id=request.customer_id,
            status=GatewayPaymentStatus.PROCESSING,
            amount=request.amount,
            paid=nothing,
            refunded=nothing,
            fee=None,
            is_disputed=False,
            occurred_at=self._now(),
        )

    def _collect(self, payment: GatewayPayment, gateway_invoice_id: str, *, is_disputed: bool = False) -> None:
        """The bank pays."""
        self.charges.append(Charge(customer_id=payment.customer_id, gateway_invoice_id=gateway_invoice_id, amount=payment.amount))
        paid = replace(payment, paid=payment.amount, fee=fee_of(payment.amount), code="", message="", is_disputed=is_disputed)
        self._put(replace(paid, status=GatewayPaymentStatus.PAID), "payment.paid")
        if is_disputed:
            dispute = GatewayDispute(
                gateway_dispute_id=self._id("du"),
                gateway_payment_id=payment.gateway_payment_id,
                status=GatewayDisputeStatus.OPEN,
                amount=payment.amount,
                reason="fraudulent",
                occurred_at=self._now(),
            )
            self.disputes[dispute.gateway_dispute_id] = dispute
            self._tell_dispute("dispute.opened", dispute)

    def _fail(self, payment: GatewayPayment, *, code: str, message: str) -> None:
        self._put(replace(payment, status=GatewayPaymentStatus.FAILED, code=code, message=message), "payment.failed")

    def _put(self, payment: GatewayPayment, event_type: str) -> None:
        payment = replace(payment, occurred_at=self._now())
        self.payments[payment.gateway_payment_id] = payment
        self._emit(
            EventSubject.PAYMENT,
            event_type,
            payment.gateway_payment_id,
            customer_id=payment.customer_id,
            invoice_id=payment.invoice_id,
            reference=payment.payment_id,
            gateway_payment_id=payment.gateway_payment_id,
        )

    def _put_refund(self, refund: GatewayRefund) -> None:
        """Keep a refund, and what is given back of its payment; one that failed is given back no more."""
        self.refunds[refund.gateway_refund_id] = replace(refund, occurred_at=self._now())
        payment = self.payments[refund.gateway_payment_id]
        living = [one for one in self.refunds.values() if one.gateway_payment_id == refund.gateway_payment_id]
        given = [one.amount for one in living if one.status is not GatewayRefundStatus.FAILED]
        nothing = Money(0, payment.paid.currency_code)
        self.payments[payment.gateway_payment_id] = replace(payment, refunded=sum(given, start=nothing))
        self._emit(
            EventSubject.REFUND,
            f"refund.{refund.status}",
            refund.gateway_refund_id,
            customer_id=payment.customer_id,
            invoice_id=payment.invoice_id,
            reference=refund.refund_id,
            gateway_payment_id=refund.gateway_payment_id,
        )

    def _tell_dispute(self, event_type: str, dispute: GatewayDispute) -> None:
        payment = self.payments[dispute.gateway_payment_id]
        self._emit(
            EventSubject.DISPUTE,
            event_type,
            dispute.gateway_dispute_id,
            customer_id=payment.customer_id,
            invoice_id=payment.invoice_id,
            gateway_payment_id=dispute.gateway_payment_id,
        )

    # What it keeps

    def _keep(self, customer_id: str, token: str, *, is_set_up: bool) -> SavedCard:
        identifier = self._id("pm")
        self._cards[identifier] = Card(customer_id=customer_id, token=token, is_set_up=is_set_up)
        return _shown(identifier, self._cards[identifier])

    def _end_binding(self, gateway_binding_id: str, outcome: Bound | BindingFailed) -> None:
        binding = self._bindings[gateway_binding_id]
        binding.outcome = outcome
        self._emit(
            EventSubject.BINDING,
            "binding.ended",
            gateway_binding_id,
            customer_id=binding.request.customer_id,
            reference=binding.request.binding_id,
        )

    def _payment_of(self, customer_id: str, invoice_id: str) -> GatewayPayment | None:
        rows = [one for one in self.payments.values() if one.customer_id == customer_id and one.invoice_id == invoice_id]
        return next(iter(rows), None)

    def _refund(self, gateway_payment_id: str, refund_id: str) -> GatewayRefund | None:
        rows = [one for one in self.refunds.values() if one.gateway_payment_id == gateway_payment_id and one.refund_id == refund_id]
        return next(iter(rows), None)


_NO_CARD = Declined(code="resource_missing", message="no such card of this customer")


def needs_holder(card: Card) -> bool:
    """Whether a charge of this card asks for its holder."""
    return card.token == NEEDS_HOLDER or (card.token == NEEDS_HOLDER_ONCE and not card.is_set_up)


def _shown(identifier: str, card: Card) -> SavedCard:
    return SavedCard(payment_method_id=identifier, brand="visa", last4=LAST4[card.token], expires=_EXPIRES)


def _outcome(payment: GatewayPayment, request: ChargeRequest) -> ChargeOutcome:
    match payment.status:
        case GatewayPaymentStatus.PAID:
            nothing = Money(0, payment.paid.currency_code)
            return Paid(gateway_payment_id=payment.gateway_payment_id, charged=payment.paid, from_balance=nothing)
        case GatewayPaymentStatus.PROCESSING:
            return Processing(gateway_payment_id=payment.gateway_payment_id)
        case GatewayPaymentStatus.REQUIRES_ACTION:
            return RequiresAction(url=f"https://gateway.invalid/{payment.gateway_payment_id}" if request.return_url else "")
        case GatewayPaymentStatus.FAILED:
            return Declined(code=payment.code, message=payment.message)
