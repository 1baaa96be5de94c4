"""Refunds and disputes of the gateway in memory: what a bank takes back after it paid."""

from __future__ import annotations

from dataclasses import replace

from control.domain.money import Money
from control.ports import (
    EventSubject,
    GatewayDispute,
    GatewayDisputeStatus,
    GatewayMismatchError,
    GatewayPaymentStatus,
    GatewayRefund,
    GatewayRefundStatus,
    RefundRequest,
    Refused,
    Tried,
)
from control.testing.memory_gateway.world import World


class RefundsFake(World):
    """The port's methods about refunds."""

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

    def _refund(self, gateway_payment_id: str, refund_id: str) -> GatewayRefund | None:
        rows = [one for one in self.refunds.values() if one.gateway_payment_id == gateway_payment_id and one.refund_id == refund_id]
        return next(iter(rows), None)
