"""Charges without an invoice at Stripe: one PaymentIntent for an invoice of ours, however many attempts; and refunds."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import stripe

from control.domain.money import Money
from control.gateways.stripe import units
from control.gateways.stripe.calls import (
    INVOICE,
    NUMBER,
    PAGE,
    PAYMENT,
    REFUND,
    StripeCalls,
    codes,
    declined,
    metadata,
    mismatch,
    reason_of,
    refused,
    short_key,
)
from control.gateways.stripe.payment_shapes import NEEDS_HOLDER, WITH_CHARGE, payment_shown, refund_shown
from control.ports import (
    ChargeOutcome,
    ChargeRequest,
    Declined,
    GatewayPayment,
    GatewayPaymentStatus,
    GatewayRefund,
    Paid,
    Processing,
    RefundRequest,
    Refused,
    RequiresAction,
    Tried,
)

if TYPE_CHECKING:
    from stripe.params import PaymentIntentConfirmParams, PaymentIntentCreateParams

_ENDED = ("succeeded", "processing")


class StripePayments(StripeCalls):
    """The port's methods about charges and refunds."""

    def charge(self, request: ChargeRequest, *, key: str) -> ChargeOutcome:
        """Confirm the PaymentIntent of the invoice with this card, after a look.

        Raises:
            RefusedError: the amount has no exact form in Stripe's units.
            GatewayMismatchError: the invoice was paid with another amount, or given back.
        """
        if reason := units.refusal(request.amount):
            return Refused(reason=reason)
        try:
            intent = self._intent(request, key=key)
            if intent.status in _ENDED:
                return self._ended(intent, request)
            intent = self._prepared(intent, request, key=key)
            confirmed = self._send(lambda: self._confirm(intent.id, request, key=key))
        except stripe.CardError as error:
            return RequiresAction(url="") if codes(error) & NEEDS_HOLDER else declined(error)
        except stripe.InvalidRequestError as error:
            return self._not_charged(request, error)
        return self._ended(confirmed, request)

    def complete_charge(self, request: ChargeRequest, result: str, *, key: str) -> ChargeOutcome:  # noqa: ARG002  # the port's
        """How the PaymentIntent stands; Stripe itself heard of the authentication."""
        intent = self._intent_of(request.customer_id, request.invoice_id)
        if intent is None:
            return Refused(reason=f"Stripe knows no payment of {request.invoice_number}")
        return self._ended(intent, request)

    def find_payment(self, customer_id: str, invoice_id: str, *, tried: Tried) -> GatewayPayment | None:  # noqa: ARG002  # the port's
        """The PaymentIntent of the invoice among the customer's, as it is now."""
        intent = self._intent_of(customer_id, invoice_id)
        return None if intent is None else payment_shown(intent, invoice_id=invoice_id)

    def ensure_refund(self, request: RefundRequest, *, key: str) -> GatewayRefund | Refused:
        """Stripe's refund of ours, made if needed.

        Raises:
            RefusedError: the amount has no exact form in Stripe's units.
            GatewayMismatchError: Stripe has it with another amount.
        """
        count = units.to_credit_units(request.amount)

        def make(making_key: str) -> stripe.Refund:
            return self._client.refunds.create(
                {
                    "payment_intent": request.gateway_payment_id,
                    "amount": count,
                    "metadata": {REFUND: request.refund_id} | ({"reason": request.reason} if request.reason else {}),
                },
                {"idempotency_key": making_key},
            )

        own_key = short_key("refund", request.gateway_payment_id, request.refund_id, str(count))
        try:
            found = self._make_once(
                lambda: self._refund(request.gateway_payment_id, request.refund_id), make, own_key=own_key, key=f"{key}:refund"
            )
        except stripe.InvalidRequestError as error:
            return Refused(reason=reason_of(error))
        seen = refund_shown(found)
        if seen.amount != request.amount:
            raise mismatch(request.refund_id, f"its refund there is of {seen.amount}, not of {request.amount}")
        return seen

    def find_refund(self, gateway_payment_id: str, refund_id: str, *, tried: Tried) -> GatewayRefund | None:  # noqa: ARG002  # the port's
        """The refund with our id among those of the payment."""
        try:
            found = self._refund(gateway_payment_id, refund_id)
        except stripe.InvalidRequestError:
            return None
        return None if found is None else refund_shown(found)

    def _intent(self, request: ChargeRequest, *, key: str) -> stripe.PaymentIntent:
        """The PaymentIntent of the invoice, made if needed. What tells attempts apart is no part of it: all must make the same."""
        count, currency = units.to_units(request.amount), request.amount.currency_code.lower()
        params = {
            "amount": count,
            "currency": currency,
            "customer": request.customer_id,
            "description": f"Invoice {request.invoice_number}",
            "payment_method_types": ["card"],
            "metadata": {INVOICE: request.invoice_id, NUMBER: request.invoice_number},
            "expand": WITH_CHARGE,
        }
        return self._make_once(
            lambda: self._intent_of(request.customer_id, request.invoice_id),
            lambda making_key: self._client.payment_intents.create(
                cast("PaymentIntentCreateParams", params), {"idempotency_key": making_key}
            ),
            own_key=short_key("intent", request.customer_id, request.invoice_id, str(count), currency),
            key=f"{key}:intent",
        )

    def _prepared(self, intent: stripe.PaymentIntent, request: ChargeRequest, *, key: str) -> stripe.PaymentIntent:
        """The PaymentIntent with the id of this attempt and its amount."""
        count, currency = units.to_units(request.amount), request.amount.currency_code.lower()
        if intent.currency != currency:
            raise mismatch(request.invoice_number, f"its payment there is in {intent.currency.upper()}")
        if (intent.amount, metadata(intent).get(PAYMENT)) == (count, request.payment_id):
            return intent
        return self._send(
            lambda: self._client.payment_intents.update(
                intent.id, {"amount": count, "metadata": {PAYMENT: request.payment_id}}, {"idempotency_key": f"{key}:prepare"}
            )
        )

    def _confirm(self, intent_id: str, request: ChargeRequest, *, key: str) -> stripe.PaymentIntent:
        where: dict[str, object] = {"return_url": request.return_url} if request.return_url else {"off_session": True}
        params = where | {"payment_method": request.payment_method_id, "expand": WITH_CHARGE}
        if request.asks_holder:
            params["payment_method_options"] = {"card": {"request_three_d_secure": "challenge"}}
        return self._client.payment_intents.confirm(
            intent_id, cast("PaymentIntentConfirmParams", params), {"idempotency_key": f"{key}:confirm"}
        )

    def _not_charged(self, request: ChargeRequest, error: stripe.InvalidRequestError) -> ChargeOutcome:
        """What an invalid request means. Stripe also refuses to confirm what somebody else has paid, so it needs a look."""
        intent = self._intent_of(request.customer_id, request.invoice_id)
        if intent is not None and intent.status in _ENDED:
            return self._ended(intent, request)
        if error.param == "payment_method":
            return Declined(code=error.code or "payment_method_unusable", message=reason_of(error))
        return Refused(reason=reason_of(error))

    def _ended(self, intent: stripe.PaymentIntent, request: ChargeRequest) -> ChargeOutcome:
        """The outcome that a PaymentIntent shows."""
        seen = payment_shown(intent, invoice_id=request.invoice_id)
        match seen.status:
            case GatewayPaymentStatus.PAID:
                if seen.paid != request.amount or seen.refunded:
                    raise mismatch(request.invoice_number, f"{seen.paid} was paid there and {seen.refunded} given back")
                return Paid(gateway_payment_id=intent.id, charged=seen.paid, from_balance=Money(0, seen.paid.currency_code))
            case GatewayPaymentStatus.PROCESSING:
                return Processing(gateway_payment_id=intent.id)
            case GatewayPaymentStatus.REQUIRES_ACTION:
                step = getattr(intent.next_action, "redirect_to_url", None)
                return RequiresAction(url=(step.url if step else None) or "")
            case GatewayPaymentStatus.FAILED:
                return Declined(code=seen.code, message=seen.message)

    def _intent_of(self, customer_id: str, invoice_id: str) -> stripe.PaymentIntent | None:
        """The PaymentIntent that carries our invoice's id, a living one first. The list is read from Stripe's master."""
        intents = self._client.payment_intents
        expand = [f"data.{path}" for path in WITH_CHARGE]
        try:
            rows = self._all(lambda: intents.list({"customer": customer_id, "limit": PAGE, "expand": expand}).auto_paging_iter())
        except stripe.InvalidRequestError as error:
            if error.code == "resource_missing":
                return None
            raise refused("a look at the customer's payments", error) from None
        found = [row for row in rows if metadata(row).get(INVOICE) == invoice_id]
        living = [row for row in found if row.status != "canceled"]
        if len(living) > 1:
            raise mismatch(invoice_id, f"several payments there carry its id: {', '.join(row.id for row in living)}")
        return next(iter(living), None)

    def _refund(self, gateway_payment_id: str, refund_id: str) -> stripe.Refund | None:
        rows = self._all(lambda: self._client.refunds.list({"payment_intent": gateway_payment_id, "limit": PAGE}).auto_paging_iter())
        return next((row for row in rows if metadata(row).get(REFUND) == refund_id), None)
