"""Stripe's payments, refunds and disputes as we see them. Sends nothing."""

from __future__ import annotations

import stripe

from control.domain.money import Money
from control.gateways.stripe.calls import INVOICE, PAYMENT, REFUND, declined_by, identifier, metadata, moment, money_of
from control.ports import (
    Declined,
    GatewayDispute,
    GatewayDisputeStatus,
    GatewayPayment,
    GatewayPaymentStatus,
    GatewayRefund,
    GatewayRefundStatus,
)

# Shows a PaymentIntent with the charge that it last made, and what Stripe keeps of it.
WITH_CHARGE = ["latest_charge.balance_transaction"]
NEEDS_HOLDER = frozenset({"authentication_required", "invoice_payment_intent_requires_action"})

_STATUS = {
    "succeeded": GatewayPaymentStatus.PAID,
    "processing": GatewayPaymentStatus.PROCESSING,
    "requires_action": GatewayPaymentStatus.REQUIRES_ACTION,
}
_REFUND_STATUS = {"succeeded": GatewayRefundStatus.SUCCEEDED, "failed": GatewayRefundStatus.FAILED, "canceled": GatewayRefundStatus.FAILED}
_DISPUTE_STATUS = {
    "needs_response": GatewayDisputeStatus.OPEN,
    "under_review": GatewayDisputeStatus.OPEN,
    "won": GatewayDisputeStatus.WON,
    "prevented": GatewayDisputeStatus.WON,
    "lost": GatewayDisputeStatus.LOST,
}
# A payment that was made and not confirmed yet, because somebody was interrupted, or one that was given up.
_NOT_ATTEMPTED = Declined(code="not_attempted", message="no card was charged")


def payment_shown(intent: stripe.PaymentIntent, *, invoice_id: str = "") -> GatewayPayment:
    """A PaymentIntent with its expanded charge. `invoice_id` where its metadata does not say it."""
    charge = intent.latest_charge if isinstance(intent.latest_charge, stripe.Charge) else None
    error, status = intent.last_payment_error, _STATUS.get(intent.status, GatewayPaymentStatus.FAILED)
    code = message = ""
    if status is GatewayPaymentStatus.FAILED:
        refusal = declined_by(error) if error else _NOT_ATTEMPTED
        code, message = refusal.code, refusal.message
        if code in NEEDS_HOLDER:
            status = GatewayPaymentStatus.REQUIRES_ACTION
    is_paid = status is GatewayPaymentStatus.PAID
    return GatewayPayment(
        gateway_payment_id=intent.id,
        payment_id=metadata(intent).get(PAYMENT, ""),
        invoice_id=metadata(intent).get(INVOICE, invoice_id),
        customer_id=identifier(intent.customer),
        status=status,
        amount=money_of(intent.amount, intent.currency, intent.id),
        paid=money_of(intent.amount_received if is_paid else 0, intent.currency, intent.id),
        refunded=money_of(charge.amount_refunded if charge and is_paid else 0, intent.currency, intent.id),
        fee=_fee(charge),
        is_disputed=bool(charge and charge.disputed),
        occurred_at=moment(charge.created if charge else intent.created),
        code=code,
        message=message,
    )


def refund_shown(refund: stripe.Refund) -> GatewayRefund:
    """A refund."""
    status = _REFUND_STATUS.get(refund.status or "", GatewayRefundStatus.PENDING)
    return GatewayRefund(
        gateway_refund_id=refund.id,
        refund_id=metadata(refund).get(REFUND, ""),
        gateway_payment_id=identifier(refund.payment_intent),
        status=status,
        amount=money_of(refund.amount, refund.currency, refund.id),
        occurred_at=moment(refund.created),
        code=getattr(refund, "failure_reason", None) or "",
    )


def dispute_shown(dispute: stripe.Dispute) -> GatewayDispute:
    """A dispute."""
    due_by = dispute.evidence_details.due_by
    return GatewayDispute(
        gateway_dispute_id=dispute.id,
        gateway_payment_id=identifier(dispute.payment_intent),
        status=_DISPUTE_STATUS.get(dispute.status, GatewayDisputeStatus.WARNING),
        amount=money_of(dispute.amount, dispute.currency, dispute.id),
        reason=dispute.reason,
        occurred_at=moment(dispute.created),
        evidence_due_at=moment(due_by) if due_by else None,
    )


def _fee(charge: stripe.Charge | None) -> Money | None:
    """What Stripe keeps of a charge, in the currency it settles in; None before it tells."""
    transaction = charge.balance_transaction if charge else None
    if not isinstance(transaction, stripe.BalanceTransaction):
        return None
    return money_of(transaction.fee, transaction.currency, transaction.id)
