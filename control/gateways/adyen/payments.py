"""Charges and refunds at Adyen, each made once by its key; what became of them is told by the answer or by a webhook."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from control.domain.money import Money
from control.gateways.adyen import units
from control.gateways.adyen.calls import NOWHERE, AdyenCalls, AdyenRefusal, in_path, key_for, mismatch, money_of
from control.gateways.adyen.customers import declined
from control.ports import (
    ChargeOutcome,
    ChargeRequest,
    Declined,
    GatewayFaultError,
    GatewayRefund,
    GatewayRefundStatus,
    GatewayUnavailableError,
    Paid,
    Processing,
    RefundRequest,
    Refused,
    RequiresAction,
)

# https://docs.adyen.com/development-resources/refusal-reasons: "Authentication required", what a bank says to a charge
# without its holder.
_ASKS_HOLDER = "38"
# "Contract not found", "PaymentDetail not found": the card is not kept for this shopper, or not any more.
_NO_CARD = frozenset({"800", "803"})
_PREFIX_LENGTH = 24


class AdyenPayments(AdyenCalls):
    """The port's methods about charges and refunds, but for looks: those are in reports.py."""

    def charge(self, request: ChargeRequest, *, key: str) -> ChargeOutcome:
        """Charge the kept card.

        Raises:
            GatewayFaultError: the key belongs to another charge.
            GatewayMismatchError: another amount was charged.
        """
        if reason := units.refusal(request.amount):
            return Refused(reason=reason)
        if request.asks_holder and not request.return_url:
            # Adyen would send the holder to their bank now or never; off-session there is nobody to be sent.
            return RequiresAction(url="")
        payment = {
            "merchantAccount": self._merchant,
            "amount": units.to_units(request.amount),
            "reference": reference_of(request.invoice_id, request.payment_id),
            "merchantOrderReference": request.invoice_number,
            "paymentMethod": {"type": "scheme", "storedPaymentMethodId": request.payment_method_id},
            "shopperReference": request.customer_id,
            "shopperInteraction": "ContAuth",
            "metadata": {"invoice_id": request.invoice_id, "payment_id": request.payment_id},
            **(_with_holder(request.return_url) if request.return_url else _OFF_SESSION),
        }
        try:
            answer = self._send(lambda: self._checkout.payments_api.payments(payment, idempotency_key=key_for(key, "charge")))
        except AdyenRefusal as refusal:
            if refusal.code in _NO_CARD:
                return Declined(code=refusal.code, message=refusal.reason)
            return Refused(reason=refusal.reason)
        return _outcome(answer, request)

    def complete_charge(self, request: ChargeRequest, result: str, *, key: str) -> ChargeOutcome:
        """Give Adyen the `redirectResult` that the browser brought back, which ends the charge."""
        details = {"details": {"redirectResult": result}}
        try:
            answer = self._send(lambda: self._checkout.payments_api.payments_details(details, idempotency_key=key_for(key, "complete")))
        except AdyenRefusal as refusal:
            return Refused(reason=refusal.reason)
        return _outcome(answer, request)

    def ensure_refund(self, request: RefundRequest, *, key: str) -> GatewayRefund | Refused:  # noqa: ARG002  # see below
        """Ask for the refund; its end comes as an event.

        The key is made of the refund's own id, and not the caller's: Adyen cannot be asked for a refund, so one id must be one key.

        Raises:
            GatewayMismatchError: Adyen has this refund with another amount.
        """
        refund = {
            "merchantAccount": self._merchant,
            "amount": units.to_units(request.amount),
            "reference": request.refund_id,
        }
        own_key = key_for("refund", request.gateway_payment_id, request.refund_id)
        try:
            answer = self._send(
                lambda: self._checkout.modifications_api.refund_captured_payment(
                    refund, in_path(request.gateway_payment_id), idempotency_key=own_key
                )
            )
        except AdyenRefusal as refusal:
            return Refused(reason=refusal.reason)
        amount = money_of(answer["amount"], request.refund_id)
        if amount != request.amount:
            raise mismatch(request.refund_id, f"its refund there is of {amount}, not of {request.amount}")
        return GatewayRefund(
            gateway_refund_id=answer["pspReference"],
            refund_id=request.refund_id,
            gateway_payment_id=answer["paymentPspReference"],
            status=GatewayRefundStatus.PENDING,
            amount=amount,
            occurred_at=datetime.now(UTC),
        )


def reference_of(invoice_id: str, payment_id: str) -> str:
    """Adyen's merchant reference of a charge, at most 80 characters: which invoice it is for, and which attempt it is."""
    return f"{invoice_prefix(invoice_id)}{payment_id}"


def invoice_prefix(invoice_id: str) -> str:
    """What the references of all charges for an invoice begin with."""
    return hashlib.sha256(invoice_id.encode()).hexdigest()[:_PREFIX_LENGTH] + "."


def payment_id_of(reference: str) -> str:
    """Our payment_id in a merchant reference; empty where it is none of ours."""
    prefix, dot, payment_id = reference.partition(".")
    return payment_id if dot and len(prefix) == _PREFIX_LENGTH else ""


_OFF_SESSION: dict[str, Any] = {"recurringProcessingModel": "UnscheduledCardOnFile", "returnUrl": NOWHERE}


def _with_holder(return_url: str) -> dict[str, Any]:
    """The holder is there and is asked, on a page of their bank's rather than in a form of ours."""
    return {
        "recurringProcessingModel": "CardOnFile",
        "returnUrl": return_url,
        "channel": "Web",
        "authenticationData": {"attemptAuthentication": "always", "threeDSRequestData": {"nativeThreeDS": "disabled"}},
    }


def _outcome(answer: dict[str, Any], request: ChargeRequest) -> ChargeOutcome:
    """What an answer of a charge means."""
    reference = reference_of(request.invoice_id, request.payment_id)
    if answer.get("merchantReference", reference) != reference:
        raise GatewayFaultError("Adyen knows this idempotency key with another charge; look, then use a new key")
    payment_id = str(answer.get("pspReference", ""))
    match answer.get("resultCode"):
        case "Authorised":
            charged = money_of(answer["amount"], request.invoice_number) if "amount" in answer else request.amount
            if charged != request.amount:
                raise mismatch(request.invoice_number, f"{charged} was charged there, not {request.amount}")
            return Paid(gateway_payment_id=payment_id, charged=charged, from_balance=Money(0, charged.currency_code))
        case "Refused" | "Error" | "Cancelled":
            if answer.get("refusalReasonCode") == _ASKS_HOLDER:
                return RequiresAction(url="")
            return declined(answer)
        case "RedirectShopper" | "IdentifyShopper" | "ChallengeShopper":
            return RequiresAction(url=str((answer.get("action") or {}).get("url", "")))
        case "Pending" | "Received" | "PresentToShopper":
            return Processing(gateway_payment_id=payment_id)
        case other:
            raise GatewayUnavailableError(f"Adyen answers {other!r} to the charge of {request.invoice_number}; push again later")
