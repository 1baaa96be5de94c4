"""Charges of the gateway in memory, and what it tells: with cards and refunds, the port that every gateway has."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from control.domain.money import Money
from control.ports import (
    BindingOpen,
    ChargeOutcome,
    ChargeRequest,
    Declined,
    EventSubject,
    GatewayDispute,
    GatewayDisputeStatus,
    GatewayEvent,
    GatewayMismatchError,
    GatewayPayment,
    GatewayPaymentStatus,
    GatewayRefund,
    GatewayState,
    Paid,
    Processing,
    Refused,
    RequiresAction,
    Tried,
    WebhookRefusedError,
)
from control.testing.memory_gateway.cards import CardsFake, needs_holder
from control.testing.memory_gateway.refunds import RefundsFake
from control.testing.memory_gateway.world import (
    DECLINES_WHEN_CHARGED,
    DISPUTED,
    Card,
    Charge,
    event_of,
    fee_of,
    signature,
)


class ChargingFake(CardsFake, RefundsFake):
    """A PaymentGateway without an outside, and without invoices of its own."""

    def confirm_charge(self, customer_id: str, invoice_id: str, *, succeeds: bool = True) -> None:
        """The holder authenticates for a charge, or the bank ends one that is processing."""
        with self._lock:
            payment = self._payment_of(customer_id, invoice_id)
            assert payment is not None, f"nothing was charged for {invoice_id}"  # noqa: S101  # a wrong test
            if succeeds:
                self._collect(payment, "")
            else:
                self._fail(payment, code="authentication_failure", message="The holder was not authenticated.")

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

    def listed_until(self, now: datetime) -> datetime | None:
        """The port's listed_until: as the test says, by default up to this moment."""
        return None if self.lists_lag is None else now - self.lists_lag

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
        if needs_holder(card) or request.asks_holder:
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

    def _payment_of(self, customer_id: str, invoice_id: str) -> GatewayPayment | None:
        rows = [one for one in self.payments.values() if one.customer_id == customer_id and one.invoice_id == invoice_id]
        return next(iter(rows), None)


_NO_CARD = Declined(code="resource_missing", message="no such card of this customer")


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
