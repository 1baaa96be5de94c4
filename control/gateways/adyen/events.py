"""What Adyen tells: standard webhooks, each item signed by itself, and the state that a verified item vouches for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from Adyen.util import is_valid_hmac_notification

from control.domain.money import Money
from control.gateways.adyen.calls import money_of
from control.gateways.adyen.customers import BINDING_PREFIX, AdyenCustomers, token_of
from control.gateways.adyen.payments import payment_id_of
from control.ports import (
    BindingFailed,
    Bound,
    EventSubject,
    GatewayDispute,
    GatewayDisputeStatus,
    GatewayEvent,
    GatewayPayment,
    GatewayPaymentStatus,
    GatewayRefund,
    GatewayRefundStatus,
    GatewayState,
    WebhookRefusedError,
)
from warehouse.errors import SettingsError

_PAYMENTS = frozenset({"AUTHORISATION", "CAPTURE", "CAPTURE_FAILED", "CANCELLATION", "OFFER_CLOSED"})
# A refund that was refused, or came back after it had succeeded.
_REFUNDS = frozenset({"REFUND", "REFUND_FAILED", "REFUNDED_REVERSED"})
_DISPUTES = {
    "REQUEST_FOR_INFORMATION": GatewayDisputeStatus.WARNING,
    "NOTIFICATION_OF_CHARGEBACK": GatewayDisputeStatus.WARNING,
    "CHARGEBACK": GatewayDisputeStatus.OPEN,
    "CHARGEBACK_REVERSED": GatewayDisputeStatus.WON,
    "PREARBITRATION_WON": GatewayDisputeStatus.WON,
    "DISPUTE_DEFENSE_PERIOD_ENDED": GatewayDisputeStatus.LOST,
    "SECOND_CHARGEBACK": GatewayDisputeStatus.LOST,
    "PREARBITRATION_LOST": GatewayDisputeStatus.LOST,
}
_CARDS = frozenset({"RECURRING_CONTRACT"})

Item = dict[str, Any]


class AdyenEvents(AdyenCustomers):
    """The port's methods about events."""

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> tuple[GatewayEvent, ...]:  # noqa: ARG002  # the port's
        """The items of a standard webhook. Adyen has no ids for events: what happened to what, and with which end, is one.

        Raises:
            WebhookRefusedError: an item is not signed with ADYEN_HMAC_KEY, or is of another merchant account or environment.
            SettingsError: the key is not set.
        """
        if not self._hmac_key:
            raise SettingsError("set ADYEN_HMAC_KEY to the HMAC key of the standard webhook")
        try:
            said = json.loads(body)
            items = [dict(row["NotificationRequestItem"]) for row in said["notificationItems"]]
            is_live = str(said.get("live", "")).lower() == "true"
            if not items or is_live != self._is_live:
                raise WebhookRefusedError("this is no message of the environment that the settings name")
            return tuple(self._event(item) for item in items)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise WebhookRefusedError("this is no standard webhook in Adyen's form") from None

    def state_of(self, event: GatewayEvent) -> GatewayState | None:
        """What the event says: Adyen cannot be asked. Of two states of one object the later counts."""
        item: Item = json.loads(event.body)
        match event.subject:
            case EventSubject.PAYMENT:
                return _payment(item, event)
            case EventSubject.REFUND:
                return _refund(item, event)
            case EventSubject.DISPUTE:
                return _dispute(item, event)
            case EventSubject.BINDING:
                return self._binding(item, event)
            case _:
                return None

    def _event(self, item: Item) -> GatewayEvent:
        if not self._is_signed(item):
            raise WebhookRefusedError("this is no message signed by Adyen with ADYEN_HMAC_KEY")
        if item["merchantAccountCode"] != self._merchant:
            raise WebhookRefusedError("this is a message of another merchant account than ADYEN_MERCHANT_ACCOUNT")
        code, psp, more = item["eventCode"], item["pspReference"], _more(item)
        reference = str(item.get("merchantReference", ""))
        subject = _subject(code, reference)
        original = str(item.get("originalReference") or "")
        is_payment = subject is EventSubject.PAYMENT
        ours = {
            EventSubject.PAYMENT: more.get("metadata.payment_id", payment_id_of(reference)),
            # One made by hand carries the reference of its payment.
            EventSubject.REFUND: "" if payment_id_of(reference) else reference,
            EventSubject.BINDING: reference.removeprefix(BINDING_PREFIX),
        }
        return GatewayEvent(
            gateway=self.name,
            event_id=f"{code}:{psp}:{_succeeded(item)}".lower(),
            event_type=code,
            subject=subject,
            object_id=(original or psp) if is_payment else psp,
            occurred_at=datetime.fromisoformat(item["eventDate"]).astimezone(UTC),
            customer_id=more.get("shopperReference", more.get("recurring.shopperReference", "")),
            invoice_id=more.get("metadata.invoice_id", ""),
            reference=ours.get(subject, ""),
            gateway_payment_id=original or (psp if is_payment else ""),
            body=json.dumps(item),
        )

    def _is_signed(self, item: Item) -> bool:
        """Whether the signature of this item fits; the SDK looks only at the first of a message, and raises where it has none."""
        if not _more(item).get("hmacSignature"):
            return False
        return bool(is_valid_hmac_notification(item | {"success": _succeeded(item)}, self._hmac_key))

    def _binding(self, item: Item, event: GatewayEvent) -> Bound | BindingFailed:
        if _succeeded(item) != "true":
            return BindingFailed(code="refused", message=str(item.get("reason") or "the card was refused"))
        return Bound(card=self._card(event.customer_id, token_of(item)))


def _subject(code: str, reference: str) -> EventSubject:
    if code == "AUTHORISATION" and reference.startswith(BINDING_PREFIX):
        return EventSubject.BINDING
    if code in _PAYMENTS:
        return EventSubject.PAYMENT if payment_id_of(reference) or code != "AUTHORISATION" else EventSubject.OTHER
    if code in _REFUNDS:
        return EventSubject.REFUND
    if code in _DISPUTES:
        return EventSubject.DISPUTE
    return EventSubject.CARD if code in _CARDS else EventSubject.OTHER


def _payment(item: Item, event: GatewayEvent) -> GatewayPayment:
    is_paid = _succeeded(item) == "true" and event.event_type in ("AUTHORISATION", "CAPTURE")
    amount = money_of(item["amount"], event.object_id)
    nothing = Money(0, amount.currency_code)
    return GatewayPayment(
        gateway_payment_id=event.object_id,
        payment_id=event.reference,
        invoice_id=event.invoice_id,
        customer_id=event.customer_id,
        status=GatewayPaymentStatus.PAID if is_paid else GatewayPaymentStatus.FAILED,
        amount=amount,
        paid=amount if is_paid else nothing,
        refunded=nothing,
        fee=None,
        is_disputed=False,
        occurred_at=event.occurred_at,
        code="" if is_paid else event.event_type.lower(),
        message="" if is_paid else str(item.get("reason") or ""),
    )


def _refund(item: Item, event: GatewayEvent) -> GatewayRefund:
    is_done = event.event_type == "REFUND" and _succeeded(item) == "true"
    return GatewayRefund(
        gateway_refund_id=event.object_id,
        refund_id=event.reference,
        gateway_payment_id=event.gateway_payment_id,
        status=GatewayRefundStatus.SUCCEEDED if is_done else GatewayRefundStatus.FAILED,
        amount=money_of(item["amount"], event.object_id),
        occurred_at=event.occurred_at,
        code="" if is_done else event.event_type.lower(),
        message="" if is_done else str(item.get("reason") or ""),
    )


def _dispute(item: Item, event: GatewayEvent) -> GatewayDispute:
    until = _more(item).get("defensePeriodEndsAt", "")
    return GatewayDispute(
        gateway_dispute_id=event.object_id,
        gateway_payment_id=event.gateway_payment_id,
        status=_DISPUTES[event.event_type],
        amount=money_of(item["amount"], event.object_id),
        reason=str(item.get("reason") or ""),
        occurred_at=event.occurred_at,
        evidence_due_at=datetime.fromisoformat(until).astimezone(UTC) if until else None,
    )


def _more(item: Item) -> dict[str, str]:
    return {str(name): str(value) for name, value in (item.get("additionalData") or {}).items()}


def _succeeded(item: Item) -> str:
    """`true` or `false`, as Adyen signs it."""
    return str(item["success"]).lower()
