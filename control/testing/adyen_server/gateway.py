"""One request from its arrival to its answer: key, faults, idempotency, the endpoint, the judgement of the document.

Knows nothing of sockets: server.py turns an Answer into bytes.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from control.testing.adyen_server import payments, refunds, sessions, stored_cards
from control.testing.adyen_server.document import Operation, UndocumentedAnswerError, official_document
from control.testing.adyen_server.endpoints import ENDPOINTS, Call, Endpoint, Reply
from control.testing.adyen_server.errors import ApiError
from control.testing.adyen_server.notifications import message
from control.testing.adyen_server.reports import day_of, report
from control.testing.deliveries import Deliveries
from control.testing.faults import Fault, Faults
from control.testing.store import SavedReply, Store

_log = logging.getLogger(__name__)

Json = dict[str, Any]

# Importing these modules registers their endpoints.
ENDPOINT_MODULES = (payments, refunds, sessions, stored_cards)

_PREFIX = "/v72"
_LONGEST_KEY = 64
_REPORTS = "/reports/download/MerchantAccount/"
_BROKEN: Json = {
    "status": 500,
    "errorCode": "905",
    "message": "The test gateway is broken (a planned fault).",
    "errorType": "internal",
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """`body` is the raw JSON; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`body` None with status 0 drops the connection without a reply; a text is sent as it is."""

    status: int
    body: Json | str | None
    headers: Mapping[str, str] = field(default_factory=dict)


class Gateway:
    """The state of the double and its behaviour. May be called from several threads."""

    def __init__(self, store: Store, *, document: Path, merchant: str, hmac_key: str, webhook_url: str) -> None:
        self._document = official_document(document)
        self._store = store
        self._in_flight: set[str] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self.base_url = ""
        self.merchant = merchant
        self.hmac_key = hmac_key
        self.ahead = timedelta()
        self.faults = Faults()
        listeners = [{"url": webhook_url}] if webhook_url else []
        self.deliveries = Deliveries(
            self.faults, wanting=lambda _: listeners, message=lambda event, listener: message(event, listener["url"], hmac_key)
        )
        self.revoked_keys: set[str] = set()
        self.requests: list[Json] = []
        self.violations: list[str] = []

    def close(self) -> None:
        """Stop waiting and delivering, and close the store."""
        self._closing.set()
        self.deliveries.close()
        self._store.close()

    def now(self) -> datetime:
        """The clock of the double, which a test may put ahead."""
        return datetime.now(UTC) + self.ahead

    def answer(self, request: Request) -> Answer:
        """The answer to a request of the API or for a report, or its absence."""
        planned = self.faults.for_request(request.method, request.path)
        if "drop_before" in planned:
            return self._logged(request, Answer(status=0, body=None))
        if "rate_limit" in planned:
            return self._logged(request, Answer(status=429, body=ApiError(429, "Too many requests", code="29_001").body))
        key = request.headers.get("idempotency-key", "")
        try:
            reply = self._report(request) if request.path.startswith(_REPORTS) else self._reply(request, key, planned)
        except ApiError as error:
            reply = Answer(status=error.status, body=error.body)
        if "drop_after" in planned:
            reply = Answer(status=0, body=None)
        elif "bad_gateway_after" in planned:
            reply = Answer(status=502, body="<html><body>502 Bad Gateway</body></html>")
        elif "error_after" in planned:
            reply = Answer(status=500, body=_BROKEN)
        return self._logged(request, reply)

    def resolve(self, identifier: str, *, succeeds: bool) -> None:
        """End what a payment, a refund, a dispute or a session waits for: its bank, or its holder.

        Raises:
            ApiError: there is no such object, or it waits for nothing.
        """
        call = self._call()
        with self._store.transaction():
            if session := self._store.get("session", identifier):
                sessions.confirm(call, session, succeeds=succeeds)
            elif refund := self._store.get("refund", identifier):
                refunds.end_refund(call, refund, succeeds=succeeds)
            elif disputed := self._store.get("dispute", identifier):
                payments.end_dispute(call, disputed, is_won=succeeds)
            else:
                payment = call.require("payment", identifier, code="702", message=f"nothing is called {identifier}")
                payments.end_payment(call, payment, succeeds=succeeds)
        self._deliver(call)

    def enter_card(self, session_id: str, method: dict[str, str]) -> None:
        """The browser's form sends a card into a session.

        Raises:
            ApiError: there is no such session, or it is no card.
        """
        call = self._call()
        with self._store.transaction():
            session = call.require("session", session_id, code="702", message=f"no session is called {session_id}")
            sessions.enter_card(call, session, method)
        self._deliver(call)

    def authenticate(self, payment_id: str, *, succeeds: bool) -> tuple[str, str]:
        """The holder answers their bank; returns where they are sent back to, and the redirectResult they bring.

        Raises:
            ApiError: nobody was asked.
        """
        with self._store.transaction():
            payment = self._store.get("payment", payment_id)
            if payment is None or payment["status"] != "waits_for_holder":
                raise ApiError(404, "No such payment waits for its holder", code="702")
            answer = "confirmed" if succeeds else "failed"
            self._store.put(payment | {"answer": answer})
        return str(payment["return_url"]), f"redirect!{payment_id}!{answer}"

    def objects(self, kind: str) -> list[Json]:
        """All objects of a kind, such as `payment`, newest first: what a test may compare with."""
        return self._store.newest_first(kind)

    def _report(self, request: Request) -> Answer:
        self._check_key(request.headers)
        merchant, _, name = request.path.removeprefix(_REPORTS).partition("/")
        day = day_of(name)
        if request.method != "GET" or merchant != self.merchant or day is None or day >= self.now().date():
            raise ApiError(404, "There is no such report", code="702")
        return Answer(status=200, body=report(self._store, day, merchant), headers={"Content-Type": "text/csv"})

    def _reply(self, request: Request, key: str, planned: dict[str, Fault]) -> Answer:
        """The reply, kept for its key if it is a definite one.

        Raises:
            ApiError: refused before the endpoint began, so that nothing is kept for the key.
        """
        self._check_key(request.headers)
        operation, found = self._route(request)
        body = _parsed(request.body)
        self._document.check_request(operation, body, request.query)
        if unused := (body or request.query).keys() - found.uses:
            raise ApiError(501, f"The test gateway does not implement the field {min(unused)} here", code="702")
        call = self._call(body=body, query=dict(request.query), arguments=dict(operation.arguments), faults=frozenset(planned))
        if "error_before" in planned:
            return Answer(status=500, body=_BROKEN)
        if not key or request.method != "POST":
            return self._run(operation, found, call, key="")
        if len(key) > _LONGEST_KEY:
            raise ApiError(400, f"Idempotency keys have at most {_LONGEST_KEY} characters", code="702")
        with self._lock:
            if key in self._in_flight:
                raise ApiError(422, "Request already processed or in progress", code="704")
            self._in_flight.add(key)
        try:
            if saved := self._store.reply(key):
                return Answer(status=saved.status, body=saved.body, headers={"Idempotency-Key": key})
            if "delay" in planned:
                self._closing.wait(planned["delay"].seconds)
            return self._run(operation, found, call, key=key)
        finally:
            with self._lock:
                self._in_flight.discard(key)

    def _run(self, operation: Operation, found: Endpoint, call: Call, *, key: str) -> Answer:
        """Run the endpoint, judge its answer, and keep both or neither. A refusal leaves its key free."""
        headers = {"Idempotency-Key": key} if key else {}
        try:
            with self._store.transaction():
                reply = found.function(call)
                self._document.check_response(operation, reply.status, reply.body)
                if key:
                    self._store.save_reply(key, SavedReply(fingerprint="", status=reply.status, body=reply.body or {}))
        except ApiError as error:
            reply = Reply(status=error.status, body=error.body)
            self._judge(operation, reply)
            return Answer(status=reply.status, body=reply.body, headers=headers)
        except UndocumentedAnswerError as error:
            return self._violation(str(error))
        self._deliver(call)
        return Answer(status=reply.status, body="" if reply.body is None else reply.body, headers=headers)

    def _judge(self, operation: Operation, reply: Reply) -> None:
        try:
            self._document.check_response(operation, reply.status, reply.body)
        except UndocumentedAnswerError as error:
            self._violation(str(error))

    def _deliver(self, call: Call) -> None:
        for notification in call.notifications:
            self.deliveries.send(notification, notification["item"]["eventCode"])

    def _route(self, request: Request) -> tuple[Operation, Endpoint]:
        path = request.path.removeprefix(_PREFIX) if request.path.startswith(f"{_PREFIX}/") else ""
        operation = self._document.find(request.method, path)
        if operation is None:
            raise ApiError(404, f"There is no {request.method} {request.path}", code="702")
        found = ENDPOINTS.get((operation.method, operation.template))
        if found is None:
            raise ApiError(501, f"The test gateway does not implement {request.method} {operation.template}", code="702")
        return operation, found

    def _call(
        self,
        *,
        body: Json | None = None,
        query: dict[str, str] | None = None,
        arguments: dict[str, str] | None = None,
        faults: frozenset[str] = frozenset(),
    ) -> Call:
        return Call(
            store=self._store,
            base_url=self.base_url,
            merchant=self.merchant,
            now=self.now(),
            body=body or {},
            query=query or {},
            path_arguments=arguments or {},
            faults=faults,
        )

    def _check_key(self, headers: Mapping[str, str]) -> None:
        key = headers.get("x-api-key", "")
        if not key or key in self.revoked_keys:
            raise ApiError(401, "HTTP Status Response - Unauthorized", code="000", kind="security")

    def _violation(self, reason: str) -> Answer:
        _log.error("the test gateway would have answered what Adyen's document does not allow: %s", reason)
        self.violations.append(reason)
        return Answer(status=500, body=_BROKEN | {"message": f"The test gateway's answer does not fit Adyen's document: {reason}"})

    def _logged(self, request: Request, answer: Answer) -> Answer:
        key = request.headers.get("idempotency-key")
        self.requests.append({"method": request.method, "path": request.path, "status": answer.status, "idempotency_key": key})
        _log.info("%s %s -> %s", request.method, request.path, answer.status or "dropped")
        return answer


def _parsed(body: str) -> Json | None:
    if not body:
        return None
    try:
        parsed = json.loads(body)
    except ValueError:
        raise ApiError(400, "Unable to parse the request", code="702") from None
    if not isinstance(parsed, dict):
        raise ApiError(400, "The request is no object", code="702")
    return parsed
