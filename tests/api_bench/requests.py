"""The operations of the document as requests that would succeed, made from the document itself and the world's ids."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

Json = dict[str, Any]
# Answers anybody, since it is where a credential is asked for.
OPEN = ("issue_token",)
# Bodies that the schema alone does not tell: by operationId. All others are made of the required fields.
_BODIES: Mapping[str, Json] = {
    "register_account": {
        "account_id": "new", "name": "New", "currency_code": "USD", "country_code": "DE", "owner_email": "ada@new.example",
    },
    "set_member": {"role": "viewer"},
    "create_project": {"project_id": "new-project"},
    "give_credit": {"credit_id": "new-credit", "amount": "1.00"},
    "set_budget": {"amount": "7.00"},
    "save_payment_method": {"token": "pm_card_visa"},
    "start_binding": {"binding_id": "b-1", "return_url": "https://shop.example/back"},
    "subscribe": {"account_id": "acme", "url": "https://receiver.example/hook", "event_types": ["*"]},
    "create_key": {"name": "new", "scopes": ["accounts:read"]},
    "suspend_account": {"reason": "abuse"},
    "resume_account": {"reason": "mended"},
    "close": {"reason": "leaves"},
    "give_refund": {"amount": "0.01", "reason": "goodwill"},
}  # fmt: skip
_QUERY: Mapping[str, str] = {"sku_id": "egress", "quantity": "20"}


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of the document."""

    name: str
    method: str
    path: str
    described: Json

    @property
    def scope(self) -> str:
        """What a key needs."""
        return str(self.described["security"][0]["apiKey"][0])

    @property
    def is_staff_only(self) -> bool:
        """Whether no key of an account may use it."""
        return bool(self.described.get("x-staff-only"))

    def names(self, where: str) -> set[str]:
        """Its parameters in the path or query."""
        return {each["name"] for each in self.described.get("parameters", ()) if each["in"] == where}

    def request(self, ids: Mapping[str, str], *, headers: Mapping[str, str], account_id: str) -> httpx.Request:
        """A request for what the ids name; one whose list takes an account asks for that account's."""
        query = {name: value for name, value in _QUERY.items() if name in self.names("query") and self._needs(name)}
        if "account_id" in self.names("query"):
            query["account_id"] = account_id
        own = {**headers, "Idempotency-Key": uuid.uuid4().hex} if self.method != "GET" else dict(headers)
        if self.name == "push_events":
            return httpx.Request("POST", f"http://api{self.path}", content=b"{}\n", headers={**own, "Content-Type": "application/x-ndjson"})
        body = _BODIES.get(self.name, {}) if "requestBody" in self.described else None
        return httpx.Request(self.method, f"http://api{self.path.format(**ids)}", params=query, json=body, headers=own)

    def _needs(self, name: str) -> bool:
        return any(each["name"] == name and each.get("required") for each in self.described.get("parameters", ()))


def operations(document: Json) -> Iterator[Operation]:
    """All operations that need a key."""
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            if described["operationId"] not in OPEN:
                yield Operation(name=described["operationId"], method=method.upper(), path=path, described=described)
