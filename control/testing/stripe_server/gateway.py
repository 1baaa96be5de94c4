"""One request from its arrival to its answer: key, version, faults, idempotency, the endpoint, the judgement of the document.

Knows nothing of sockets: server.py turns an Answer into bytes.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from control.testing.deliveries import Deliveries
from control.testing.faults import Fault, Faults
from control.testing.store import SavedReply, Store, public
from control.testing.stripe_server import (
    charges,
    credit_notes,
    customers,
    disputes,
    events,
    invoices,
    payment_intents,
    payment_methods,
    payments,
    refunds,
)
from control.testing.stripe_server.endpoints import ENDPOINTS, Call, Endpoint, Reply, expand, new_id
from control.testing.stripe_server.errors import ApiError
from control.testing.stripe_server.forms import unflatten
from control.testing.stripe_server.spec import Operation, UndocumentedAnswerError, official_document
from control.testing.stripe_server.webhooks import message

_log = logging.getLogger(__name__)

Json = dict[str, Any]

# Importing these modules registers their endpoints.
ENDPOINT_MODULES = (charges, credit_notes, customers, disputes, events, invoices, payment_intents, payment_methods, payments, refunds)

_TEST_KEY = re.compile(r"(sk|rk)_test_\w{3,}\Z")
_LONGEST_KEY = 255
_BROKEN: Json = {"error": {"type": "api_error", "message": "An error occurred on the test gateway's side (a planned fault)."}}


@dataclass(frozen=True, kw_only=True)
class Request:
    """`body` is the raw form; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`body` None drops the connection without a reply; a text is sent as it is."""

    status: int
    body: Json | str | None
    headers: Mapping[str, str] = field(default_factory=dict)


class Gateway:
    """The state of the double and its behaviour. May be called from several threads."""

    def __init__(self, store: Store, *, search_delay_seconds: float = 0.0) -> None:
        self._document = official_document()
        self._store = store
        self._in_flight: set[str] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self.base_url = ""
        self.search_delay_seconds = search_delay_seconds
        self.faults = Faults()
        self.deliveries = Deliveries(self.faults, wanting=lambda event: events.wanting(store, event), message=message)
        self.revoked_keys: set[str] = set()
        self.requests: list[Json] = []
        self.violations: list[str] = []

    def close(self) -> None:
        """Stop waiting and delivering, and close the store."""
        self._closing.set()
        self.deliveries.close()
        self._store.close()

    def answer(self, request: Request) -> Answer:
        """The answer to a request below /v1, or its absence."""
        request_id = new_id("req")
        headers = {"Request-Id": request_id, "Stripe-Version": self._document.api_version}
        planned = self.faults.for_request(request.method, request.path)
        if "delay" in planned and not (request.method == "POST" and "idempotency-key" in request.headers):
            self._closing.wait(planned["delay"].seconds)
        if "drop_before" in planned:
            return self._logged(request, Answer(status=0, body=None))
        if "rate_limit" in planned:
            error = ApiError(429, "Too many requests hit the API too quickly.", code="rate_limit")
            return self._logged(request, Answer(status=error.status, body=error.body, headers=headers))
        try:
            reply, replayed = self._reply(request, request_id, planned)
        except ApiError as error:
            reply, replayed = Reply(status=error.status, body=error.body), False
            self._check_error(reply.body)
        if reply.status >= 500:
            headers["Stripe-Should-Retry"] = "false"
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        if "drop_after" in planned:
            return self._logged(request, Answer(status=0, body=None))
        if "bad_gateway_after" in planned:
            return self._logged(request, Answer(status=502, body="<html><body>502 Bad Gateway</body></html>"))
        return self._logged(request, Answer(status=reply.status, body=reply.body, headers=headers), replayed=replayed)

    def resolve(self, intent_id: str, *, succeeds: bool) -> Json:
        """End what a payment, a setup, a refund or a dispute waits for, and with it its invoice; returns the object.

        Raises:
            ApiError: there is no such object, or it waits for nothing.
        """
        call = self._call("/_resolve", new_id("req"))
        with self._store.transaction():
            intent = payments.resolve(call, intent_id, succeeds=succeeds)
            for tie in self._store.newest_first("invoice_payment"):
                if tie["payment"]["payment_intent"] != intent_id:
                    continue
                invoice = call.require("invoice", tie["invoice"])
                if intent["status"] == "succeeded":
                    invoices.settle(call, invoice)
                else:
                    call.emit("invoice.payment_failed", invoices.shown(call, invoice))
        self._deliver(call)
        return public(intent)

    def invoice_page(self, invoice_id: str) -> tuple[Json, Json] | None:
        """An invoice and its payment intent for its hosted page; None where there is none."""
        invoice = self._store.get("invoice", invoice_id)
        ties = self._store.newest_first("invoice_payment", invoice=invoice_id)
        if invoice is None or not ties:
            return None
        return invoice, self._store.get("payment_intent", ties[0]["payment"]["payment_intent"]) or {}

    def objects(self, kind: str) -> list[Json]:
        """All objects of a kind, such as `charge`, newest first: what a test may compare with."""
        return [public(row) for row in self._store.newest_first(kind)]

    def add_webhook(self, url: str) -> str:
        """Deliver every event to a URL of this machine; returns the signing secret.

        Raises:
            ApiError: the URL leads elsewhere.
        """
        row = events.webhook_endpoint(url, events=["*"], created=0)
        with self._store.transaction():
            for old in self._store.newest_first("webhook_endpoint", url=url):
                self._store.delete(old["id"])
            self._store.put(row)
        found: str = row["_secret"]
        return found

    def _reply(self, request: Request, request_id: str, planned: dict[str, Fault]) -> tuple[Reply, bool]:
        """The reply and whether it is a saved one.

        Raises:
            ApiError: refused before the endpoint began, so that nothing is saved for the key.
        """
        _check_key(request.headers, self.revoked_keys)
        version = request.headers.get("stripe-version", self._document.api_version)
        if version != self._document.api_version:
            raise ApiError(400, f"Invalid Stripe API version: {version}; the test gateway speaks {self._document.api_version}")
        operation, found = self._route(request)
        arguments = self._document.arguments(operation, unflatten(request.body if request.method == "POST" else request.query))
        if unused := arguments.keys() - found.uses - {"expand"}:
            name = min(unused)
            raise ApiError(400, f"The test gateway does not implement the parameter {name} here", param=name)
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        call = self._call(request.path, request_id, arguments=arguments, operation=operation, key=key, faults=frozenset(planned))
        if key is None:
            return self._run(operation, found, call, planned, fingerprint=""), False
        if len(key) > _LONGEST_KEY:
            raise ApiError(400, f"Idempotency keys have at most {_LONGEST_KEY} characters")
        fingerprint = hashlib.sha256(json.dumps([request.method, request.path, arguments], sort_keys=True).encode()).hexdigest()
        with self._lock:
            if key in self._in_flight:
                message = f"There is currently another in-progress request using this Idempotent Key: {key}"
                raise ApiError(409, message, type_="idempotency_error", code="idempotency_key_in_use")
            self._in_flight.add(key)
        try:
            if saved := self._store.reply(key):
                if saved.fingerprint != fingerprint:
                    message = (
                        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                        f"Try using a key other than '{key}' if you meant to execute a different request."
                    )
                    raise ApiError(400, message, type_="idempotency_error")
                return Reply(status=saved.status, body=saved.body), True
            if "delay" in planned:
                self._closing.wait(planned["delay"].seconds)
            return self._run(operation, found, call, planned, fingerprint=fingerprint), False
        finally:
            with self._lock:
                self._in_flight.discard(key)

    def _run(self, operation: Operation, found: Endpoint, call: Call, planned: dict[str, Fault], *, fingerprint: str) -> Reply:
        """Run the endpoint, judge its answer, and keep both or neither."""
        broken = Reply(status=500, body=_BROKEN)
        if "error_before" in planned:
            self._save(call, fingerprint, broken)
            return broken
        try:
            with self._store.transaction():
                result = found.function(call)
                reply = result if isinstance(result, Reply) else Reply(status=200, body=public(result))
                for path in call.arguments.get("expand", ()) if reply.status == 200 else ():
                    expand(call, reply.body, path)
                self._document.check_response(operation, reply.status, reply.body)
                checked = [reply.body]
                for body in (event["data"]["object"] for event in call.events):
                    if body not in checked:
                        self._document.check_object(body)
                        checked.append(body)
                reply = broken if "error_after" in planned else reply
                self._save(call, fingerprint, reply)
        except ApiError as error:
            reply = Reply(status=error.status, body=error.body)
            self._check_error(reply.body)
            self._save(call, fingerprint, reply)
            return reply
        except UndocumentedAnswerError as error:
            return self._violation(str(error))
        self._deliver(call)
        return reply

    def _save(self, call: Call, fingerprint: str, reply: Reply) -> None:
        if call.idempotency_key is not None:
            self._store.save_reply(call.idempotency_key, SavedReply(fingerprint=fingerprint, status=reply.status, body=reply.body))

    def _deliver(self, call: Call) -> None:
        for event in call.events:
            self.deliveries.send(event, event["type"])

    def _route(self, request: Request) -> tuple[Operation, Endpoint]:
        operation = self._document.find(request.method, request.path)
        if operation is None:
            raise ApiError(404, f"Unrecognized request URL ({request.method}: {request.path}).")
        found = ENDPOINTS.get((operation.method, operation.template))
        if found is None:
            raise ApiError(501, f"The test gateway does not implement {request.method} {operation.template}", type_="api_error")
        return operation, found

    def _call(
        self,
        path: str,
        request_id: str,
        *,
        arguments: Json | None = None,
        operation: Operation | None = None,
        key: str | None = None,
        faults: frozenset[str] = frozenset(),
    ) -> Call:
        return Call(
            store=self._store,
            base_url=self.base_url,
            api_version=self._document.api_version,
            path=path,
            arguments=arguments or {},
            path_arguments=dict(operation.arguments) if operation else {},
            idempotency_key=key,
            request_id=request_id,
            search_delay_seconds=self.search_delay_seconds,
            faults=faults,
        )

    def _check_error(self, body: Json) -> None:
        try:
            self._document.check_error(body)
        except UndocumentedAnswerError as error:
            self._violation(str(error))

    def _violation(self, reason: str) -> Reply:
        _log.error("the test gateway would have answered what Stripe's document does not allow: %s", reason)
        self.violations.append(reason)
        body = {"error": {"type": "api_error", "message": f"The test gateway's answer does not fit Stripe's document: {reason}"}}
        return Reply(status=500, body=body)

    def _logged(self, request: Request, answer: Answer, *, replayed: bool = False) -> Answer:
        key = request.headers.get("idempotency-key")
        entry = {"method": request.method, "path": request.path, "status": answer.status, "idempotency_key": key, "is_replay": replayed}
        self.requests.append(entry)
        _log.info("%s %s -> %s%s", request.method, request.path, answer.status or "dropped", " (replayed)" if replayed else "")
        return answer


def _check_key(headers: Mapping[str, str], revoked: Container[str]) -> None:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise ApiError(401, "You did not provide an API key. Send it with Bearer auth (Authorization: Bearer YOUR_SECRET_KEY).")
    if key in revoked or not _TEST_KEY.match(key):
        shown = f"{key[:8]}{'*' * 12}{key[-4:]}" if len(key) > 16 else "*" * len(key)
        raise ApiError(401, f"Invalid API Key provided: {shown}")
