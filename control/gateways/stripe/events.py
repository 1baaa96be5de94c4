"""What Stripe tells: signed webhooks, the state of what they speak of, and the lists of a period."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import stripe

from control.gateways.stripe.calls import BINDING, INVOICE, PAGE, PAYMENT, REFUND, StripeCalls, T, metadata, moment
from control.gateways.stripe.customers import StripeCustomers, bound
from control.gateways.stripe.payment_shapes import WITH_CHARGE, dispute_shown, payment_shown, refund_shown
from control.ports import (
    BindingOpen,
    EventSubject,
    GatewayEvent,
    GatewayPayment,
    GatewayRefund,
    GatewayState,
    WebhookRefusedError,
)
from warehouse.errors import SettingsError

if TYPE_CHECKING:
    from stripe.params import ChargeListParams, RefundListParams

# Older messages are not believed: somebody may have recorded them.
_TOLERANCE_SECONDS = 300

_SUBJECTS = {
    "payment_intent": EventSubject.PAYMENT,
    "charge": EventSubject.PAYMENT,
    "refund": EventSubject.REFUND,
    "dispute": EventSubject.DISPUTE,
    "setup_intent": EventSubject.BINDING,
    "invoice": EventSubject.INVOICE,
    "payment_method": EventSubject.CARD,
}
_OURS = {EventSubject.PAYMENT: PAYMENT, EventSubject.REFUND: REFUND, EventSubject.BINDING: BINDING}


class StripeEvents(StripeCustomers):
    """The port's methods about events and lists."""

    def read_webhook(self, body: bytes, headers: Mapping[str, str]) -> tuple[GatewayEvent, ...]:
        """The one event of a webhook whose signature fits STRIPE_WEBHOOK_SECRET.

        Raises:
            WebhookRefusedError: it does not, or the message is older than five minutes.
            SettingsError: the secret is not set.
        """
        if not self._webhook_secret:
            raise SettingsError("set STRIPE_WEBHOOK_SECRET to the signing secret of the webhook endpoint, which begins with whsec_")
        signature = next((value for name, value in headers.items() if name.lower() == "stripe-signature"), "")
        try:
            text = body.decode()
            stripe.WebhookSignature.verify_header(text, signature, self._webhook_secret, _TOLERANCE_SECONDS)  # type: ignore[no-untyped-call]  # the SDK's
            said = json.loads(text)
            return (_event(said, text),)
        except (stripe.SignatureVerificationError, UnicodeDecodeError):
            raise WebhookRefusedError("this is no message signed by Stripe for STRIPE_WEBHOOK_SECRET within the last minutes") from None
        except (ValueError, KeyError, TypeError):
            raise WebhookRefusedError("this is no event in Stripe's form") from None

    def state_of(self, event: GatewayEvent) -> GatewayState | None:
        """The object as it is at Stripe now."""
        match event.subject:
            case EventSubject.PAYMENT:
                return self._payment(event.object_id)
            case EventSubject.REFUND:
                refund = self._found(lambda: self._client.refunds.retrieve(event.object_id))
                return None if refund is None else refund_shown(refund)
            case EventSubject.DISPUTE:
                dispute = self._found(lambda: self._client.disputes.retrieve(event.object_id))
                return None if dispute is None else dispute_shown(dispute)
            case EventSubject.BINDING:
                intent = self._found(lambda: self._setup_intent(event.object_id))
                outcome = BindingOpen() if intent is None else bound(intent)
                return None if isinstance(outcome, BindingOpen) else outcome
            case _:
                return None

    def listed_until(self, now: datetime) -> None:  # noqa: ARG002  # the port's
        """Stripe's lists do not lag."""
        return

    def list_payments(self, since: datetime, until: datetime) -> Iterator[GatewayPayment]:
        """The charges that succeeded in the period, of all customers of the Stripe account."""
        expand = ["data.payment_intent", "data.balance_transaction"]
        wanted = cast("ChargeListParams", _made_in(since, until) | {"expand": expand})
        charges = self._client.charges
        for charge in self._must("a list of payments", lambda: list(charges.list(wanted).auto_paging_iter())):
            if charge.paid and isinstance(charge.payment_intent, stripe.PaymentIntent):
                intent = charge.payment_intent
                intent.latest_charge = charge
                yield payment_shown(intent, invoice_id=self._invoice_id(intent))

    def list_refunds(self, since: datetime, until: datetime) -> Iterator[GatewayRefund]:
        """The refunds made in the period, of all customers of the Stripe account."""
        wanted, refunds = cast("RefundListParams", _made_in(since, until)), self._client.refunds
        rows = self._must("a list of refunds", lambda: list(refunds.list(wanted).auto_paging_iter()))
        return iter([refund_shown(row) for row in rows])

    def _payment(self, identifier: str) -> GatewayPayment | None:
        """A payment by its id, or by that of a charge."""
        if not identifier.startswith("pi_"):
            return None
        intent = self._found(lambda: self._client.payment_intents.retrieve(identifier, {"expand": WITH_CHARGE}))
        return None if intent is None else payment_shown(intent, invoice_id=self._invoice_id(intent))

    def _invoice_id(self, intent: stripe.PaymentIntent) -> str:
        """Our invoice behind a payment that an invoice of Stripe's made, which carries no ids of ours itself."""
        if own := metadata(intent).get(INVOICE, ""):
            return own
        ties = self._client.invoice_payments
        wanted: Any = {"payment": {"type": "payment_intent", "payment_intent": intent.id}, "expand": ["data.invoice"]}
        rows = self._must("a look at the invoice of a payment", lambda: ties.list(wanted).data)
        found = [row.invoice for row in rows if isinstance(row.invoice, stripe.Invoice)]
        return metadata(found[0]).get(INVOICE, "") if found else ""

    def _found(self, call: Callable[[], T]) -> T | None:
        """What is there, or None."""
        try:
            return self._send(call)
        except stripe.InvalidRequestError:
            return None


def _made_in(since: datetime, until: datetime) -> dict[str, object]:
    """The filter of a list. Stripe's times are whole seconds."""
    return {"created": {"gte": math.ceil(since.timestamp()), "lt": math.ceil(until.timestamp())}, "limit": PAGE}


def _event(said: dict[str, Any], body: str) -> GatewayEvent:
    about = said["data"]["object"]
    subject = _SUBJECTS.get(about["object"], EventSubject.OTHER)
    names = about.get("metadata") or {}
    payment_id = about["id"] if about["object"] == "payment_intent" else about.get("payment_intent")
    return GatewayEvent(
        gateway=StripeCalls.name,
        event_id=said["id"],
        event_type=said["type"],
        subject=subject,
        object_id=(payment_id if about["object"] == "charge" else about.get("id")) or "",
        occurred_at=moment(said["created"]),
        customer_id=_id_of(about.get("customer")),
        invoice_id=names.get(INVOICE, ""),
        reference=names.get(_OURS.get(subject, ""), ""),
        gateway_payment_id=_id_of(payment_id),
        body=body,
    )


def _id_of(value: object) -> str:
    """The id of a field of an event, which holds an id, an object or nothing."""
    return str(value.get("id", "")) if isinstance(value, dict) else str(value or "")
