"""How an endpoint of the double is written and found, and what all endpoints share: ids, the clock, money, notifications.

An endpoint is a function of a Call that returns a Reply. Endpoints live in modules of their own, by object.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from control.testing.adyen_server.errors import ApiError
from control.testing.store import Store
from warehouse.currencies import minor_units

Json = dict[str, Any]

_LETTERS = string.ascii_uppercase + string.digits
# Adyen's minor units where they are not those of ISO 4217. Written apart from the adapter's own rules on purpose.
_DECIMALS = {"CLP": 2, "CVE": 0, "IDR": 0, "ISK": 2}


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer with its status; `body` None is an empty one."""

    body: Json | None
    status: int = 200


@dataclass(kw_only=True)
class Call:
    """One valid request while it runs, inside a transaction of the store."""

    store: Store
    base_url: str
    merchant: str
    now: datetime
    body: Json
    query: dict[str, str]
    path_arguments: dict[str, str]
    faults: frozenset[str] = frozenset()
    notifications: list[Json] = field(default_factory=list)

    def require(self, kind: str, identifier: str, *, code: str, message: str) -> Json:
        """The object, or an error of Adyen's."""
        found = self.store.get(kind, identifier)
        if found is None:
            raise ApiError(422, message, code=code)
        return found

    def notify(self, code: str, row: Json, *, succeeds: bool = True, reason: str = "", more: Mapping[str, str] | None = None) -> None:
        """Tell the webhook that something happened to a payment, a refund or a dispute; `more` is its additional data."""
        item = {
            "additionalData": dict(more or {}),
            "amount": row["amount"],
            "eventCode": code,
            "eventDate": self.now.isoformat(),
            "merchantAccountCode": self.merchant,
            "merchantReference": row["reference"],
            "paymentMethod": row["brand"],
            "pspReference": row["id"],
            "reason": reason,
            "success": "true" if succeeds else "false",
        }
        if row.get("payment"):
            item["originalReference"] = row["payment"]
        self.notifications.append(self.store.put({"object": "notification", "id": f"notification-{new_psp_reference()}", "item": item}))

    def book(self, kind: str, payment: Json, amount: Json, *, refund: Json | None = None, fee: Decimal | None = None) -> None:
        """A line in the payment accounting report of the day."""
        booking = {
            "object": "booking",
            "id": f"booking-{new_psp_reference()}",
            "day": self.now.date().isoformat(),
            "at": self.now.strftime("%Y-%m-%d %H:%M:%S"),
            "kind": kind,
            "psp_reference": payment["id"],
            "reference": payment["reference"],
            "brand": payment["brand"],
            "currency": amount["currency"],
            "amount": f"{major(amount):f}",
            "refund_reference": refund["reference"] if refund else "",
            "refund_psp_reference": refund["id"] if refund else "",
            "fee": "" if fee is None else f"{fee:f}",
        }
        self.store.put(booking)


Function = Callable[[Call], Reply]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """`uses` are the fields it obeys; any other documented one is refused rather than ignored."""

    function: Function
    uses: frozenset[str]


ENDPOINTS: dict[tuple[str, str], Endpoint] = {}


def endpoint(method: str, template: str, *uses: str) -> Callable[[Function], Function]:
    """Register a function as the answer to one documented operation."""

    def register(function: Function) -> Function:
        ENDPOINTS[(method, template)] = Endpoint(function=function, uses=frozenset(uses))
        return function

    return register


def new_psp_reference() -> str:
    """A fresh PSP reference: 16 letters and digits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(16))


def major(amount: Json) -> Decimal:
    """An amount in the currency's major unit."""
    decimals = _DECIMALS.get(amount["currency"], minor_units(amount["currency"]))
    return Decimal(amount["value"]).scaleb(-decimals)


def check_merchant(call: Call) -> None:
    """Refuse another merchant account.

    Raises:
        ApiError: it is not ours.
    """
    given = call.body.get("merchantAccount", call.query.get("merchantAccount", ""))
    if given != call.merchant:
        raise ApiError(403, "Invalid Merchant Account", code="901", kind="security")
