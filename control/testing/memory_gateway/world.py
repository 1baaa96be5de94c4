"""What the gateway in memory is made of: its bank, its objects, its planned faults, its clock and its events. No method of a port."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar, cast

from control.domain.money import Money
from control.ports import (
    Customer,
    Declined,
    EventSubject,
    GatewayDispute,
    GatewayEvent,
    GatewayFaultError,
    GatewayPayment,
    GatewayRefund,
    GatewayUnavailableError,
)

T = TypeVar("T")

Fault = Literal["error_before", "error_after", "bad_gateway_after", "drop_before", "drop_after", "rate_limit"]

PAYS = "pm_card_visa"
DECLINES_WHEN_CHARGED = "pm_card_chargeCustomerFail"
DECLINES_WHEN_SAVED = "pm_card_visa_chargeDeclinedInsufficientFunds"
NEEDS_HOLDER = "pm_card_authenticationRequired"
NEEDS_HOLDER_ONCE = "pm_card_authenticationRequiredOnSetup"
DISPUTED = "pm_card_createDispute"

LAST4 = {PAYS: "4242", DECLINES_WHEN_CHARGED: "0341", NEEDS_HOLDER: "3184", NEEDS_HOLDER_ONCE: "3155", DISPUTED: "0259"}
NO_FUNDS = Declined(code="insufficient_funds", message="Your card has insufficient funds.")

# What the gateway keeps of a payment: one of so many parts.
_FEE_PART = 50
_SECRET = b"in-memory"


@dataclass(frozen=True, kw_only=True)
class Charge:
    """Money that the bank moved. `gateway_invoice_id` is empty for one without an invoice at the gateway."""

    customer_id: str
    gateway_invoice_id: str
    amount: Money


@dataclass(kw_only=True)
class Card:
    """A card kept for a customer. `is_set_up`: its holder has agreed to charges without them."""

    customer_id: str
    token: str
    is_set_up: bool = False


def fee_of(amount: Money) -> Money:
    """What the gateway keeps of a payment."""
    return Money(amount.minor // _FEE_PART, amount.currency_code)


class World:
    """The state behind the ports. May be called from several threads: each step holds the lock."""

    def __init__(self, *, name: str = "fake", now: Callable[[], datetime] | None = None) -> None:
        self.name = name
        self.charges: list[Charge] = []
        self.events: list[GatewayEvent] = []
        self.customers: dict[str, Customer] = {}
        self.payments: dict[str, GatewayPayment] = {}
        self.refunds: dict[str, GatewayRefund] = {}
        self.disputes: dict[str, GatewayDispute] = {}
        self.refunds_stay_pending = False
        self.charges_stay_processing = False
        self.lists_lag: timedelta | None = None
        self._now = now or (lambda: datetime.now(UTC))
        self._numbers = itertools.count(1)
        self._cards: dict[str, Card] = {}
        self._answers: dict[str, tuple[object, object]] = {}
        self._faults: dict[str, list[Fault]] = defaultdict(list)
        self._lock = threading.RLock()

    def plan(self, fault: Fault, operation: str) -> None:
        """Let the next call of a method of the port go wrong."""
        self._faults[operation].append(fault)

    def forget_plans(self) -> None:
        """Let nothing go wrong any more."""
        with self._lock:
            self._faults.clear()

    def webhook(self, *events: GatewayEvent) -> tuple[bytes, dict[str, str]]:
        """The body and the headers of a webhook that tells of these events: what `read_webhook` takes."""
        body = json.dumps([json.loads(event.body) for event in events]).encode()
        return body, {"Fake-Signature": signature(body)}

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers)}"

    def _emit(
        self,
        subject: EventSubject,
        event_type: str,
        object_id: str,
        *,
        customer_id: str = "",
        invoice_id: str = "",
        reference: str = "",
        gateway_payment_id: str = "",
    ) -> None:
        said = {
            "event_id": self._id("evt"),
            "event_type": event_type,
            "subject": subject.value,
            "object_id": object_id,
            "occurred_at": self._now().isoformat(),
            "customer_id": customer_id,
            "invoice_id": invoice_id,
            "reference": reference,
            "gateway_payment_id": gateway_payment_id,
        }
        self.events.append(event_of(self.name, said))

    def _read(self, operation: str) -> None:
        """The planned fault of a method that changes nothing."""
        with self._lock:
            if self._faults[operation]:
                self._faults[operation].pop(0)
                raise GatewayUnavailableError("no answer")

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


def event_of(gateway: str, said: dict[str, str]) -> GatewayEvent:
    """The event behind its JSON object."""
    texts = said | {"gateway": gateway, "body": json.dumps(said)}
    subject, occurred_at = EventSubject(texts.pop("subject")), datetime.fromisoformat(texts.pop("occurred_at"))
    return GatewayEvent(subject=subject, occurred_at=occurred_at, **texts)


def signature(body: bytes) -> str:
    """What the header Fake-Signature must say."""
    return hmac.new(_SECRET, body, hashlib.sha256).hexdigest()
