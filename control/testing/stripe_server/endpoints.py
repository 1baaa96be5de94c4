"""How an endpoint of the double is written and found, and what all endpoints share: ids, lists, metadata, events.

An endpoint is a function of a Call that returns the answer's body, or a Reply where the answer is an error that still keeps
what was done (a declined payment). Endpoints live in modules of their own, by object.
"""

from __future__ import annotations

import operator
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from control.testing.store import Store, public
from control.testing.stripe_server.errors import ApiError

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer with its status."""

    status: int
    body: Json


@dataclass(kw_only=True)
class Call:
    """One valid request while it runs, inside a transaction of the store."""

    store: Store
    base_url: str
    api_version: str
    path: str
    arguments: Json
    path_arguments: Json
    idempotency_key: str | None
    request_id: str
    search_delay_seconds: float = 0.0
    faults: frozenset[str] = frozenset()
    events: list[Json] = field(default_factory=list)
    now: int = field(default_factory=lambda: int(time.time()))

    def require(self, kind: str, identifier: str, *, param: str = "id") -> Json:
        """The object, or Stripe's resource_missing."""
        found = self.store.get(kind, identifier)
        if found is None:
            raise ApiError.missing(kind.replace("_", " "), identifier, param=param)
        return found

    def emit(self, type_: str, body: Json) -> None:
        """Record that something happened to an object; delivered to webhooks once the transaction is kept."""
        event = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": self.api_version,
            "created": self.now,
            "data": {"object": public(body)},
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": type_,
        }
        self.events.append(self.store.put(event))


Function = Callable[[Call], Json | Reply]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """`uses` are the parameters it obeys; any other documented one is refused rather than ignored."""

    function: Function
    uses: frozenset[str]


ENDPOINTS: dict[tuple[str, str], Endpoint] = {}


def endpoint(method: str, template: str, *uses: str) -> Callable[[Function], Function]:
    """Register a function as the answer to one documented operation."""

    def register(function: Function) -> Function:
        ENDPOINTS[(method, template)] = Endpoint(function=function, uses=frozenset(uses))
        return function

    return register


# Fields that hold an id, and the kind of object it names.
_EXPANDABLE = {
    "balance_transaction": "balance_transaction",
    "charge": "charge",
    "customer": "customer",
    "default_payment_method": "payment_method",
    "invoice": "invoice",
    "latest_charge": "charge",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
}

Presenter = Callable[[Call, Json], Json]
_PRESENTERS: dict[str, Presenter] = {}


def presents(field: str) -> Callable[[Presenter], Presenter]:
    """Register how an expanded field's object is shown, where it is shown with more than is kept of it."""

    def register(function: Presenter) -> Presenter:
        _PRESENTERS[field] = function
        return function

    return register


PAGE = ("limit", "starting_after", "ending_before", "created")
_COMPARE = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}


def new_id(prefix: str) -> str:
    """A fresh identifier in Stripe's style."""
    return f"{prefix}_{secrets.token_hex(12)}"


def page(call: Call, rows: Sequence[Json], *, url: str | None = None) -> Json:
    """One page of `rows` (newest first) as Stripe's list object, by created, limit, starting_after and ending_before."""
    created = call.arguments.get("created", {})
    bounds = created if isinstance(created, dict) else {"gte": created, "lte": created}
    rows = [row for row in rows if all(_COMPARE[name](row["created"], bound) for name, bound in bounds.items())]
    limit = call.arguments.get("limit", 10)
    if not 1 <= limit <= 100:
        raise ApiError(400, "Invalid limit: must be between 1 and 100", param="limit")
    ids = [row["id"] for row in rows]
    start, end = 0, len(rows)
    if after := call.arguments.get("starting_after"):
        start = _position(ids, after, "starting_after") + 1
    if before := call.arguments.get("ending_before"):
        end = _position(ids, before, "ending_before")
        start = max(start, end - limit)
    chosen = rows[start : min(end, start + limit)]
    has_more = start > 0 if before else start + len(chosen) < end
    return {"object": "list", "url": url or call.path, "has_more": has_more, "data": [public(row) for row in chosen]}


def merged_metadata(before: Json, change: Json | str | None) -> Json:
    """Metadata after an update: an empty value removes a name, an empty text removes all.

    Raises:
        ApiError: more than 50 names, a name over 40 or a value over 500 characters.
    """
    if change is None:
        return before
    merged = {} if isinstance(change, str) else {name: value for name, value in (before | change).items() if value != ""}
    if len(merged) > 50 or any(len(name) > 40 or len(value) > 500 for name, value in merged.items()):
        raise ApiError(400, "Metadata has at most 50 keys of 40 characters with values of 500 characters", param="metadata")
    return merged


def chosen(arguments: Json, names: Iterable[str]) -> Json:
    """Those arguments that were given; an empty text unsets its field, as Stripe has it."""
    return {name: (None if arguments[name] == "" else arguments[name]) for name in names if name in arguments}


def expand(call: Call, body: Any, path: str) -> None:  # noqa: ANN401  # any part of an answer
    """Replace an id in an answer by its object, in place: https://docs.stripe.com/expand.

    Raises:
        ApiError: more than four levels, or nothing there that can be expanded.
    """
    if path.count(".") > 3:
        raise ApiError(400, "You cannot expand more than 4 levels of a property", param="expand")
    _expand(call, body, path.split("."))


def _expand(call: Call, body: Any, names: Sequence[str]) -> None:  # noqa: ANN401  # any part of an answer
    if isinstance(body, list):
        for item in body:
            _expand(call, item, names)
        return
    name, rest = names[0], names[1:]
    if name == "payments" and body.get("object") == "invoice" and isinstance(body.get("id"), str):
        rows = [public(row) for row in call.store.newest_first("invoice_payment", invoice=body["id"])]
        url = f"/v1/invoice_payments?invoice={body['id']}"
        body.setdefault(name, {"object": "list", "url": url, "has_more": False, "data": rows})
    elif name in _EXPANDABLE and isinstance(body.get(name), str):
        row = call.require(_EXPANDABLE[name], body[name])
        body[name] = _PRESENTERS[name](call, row) if name in _PRESENTERS else public(row)
    elif name not in body or (not rest and name not in _EXPANDABLE):
        raise ApiError(400, f"This property cannot be expanded ({name}).", param="expand")
    if rest and body[name] is not None:
        _expand(call, body[name], rest)


def _position(ids: Sequence[str], identifier: str, param: str) -> int:
    if identifier not in ids:
        raise ApiError.missing("object", identifier, param=param)
    return ids.index(identifier)
