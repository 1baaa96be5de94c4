"""The double as an HTTP server of this machine: sockets, the control endpoints outside /v1, start and stop.

Control endpoints take and give JSON: `/_health`, `/_faults` (GET, POST, DELETE), `/_requests`, `/_resolve`
(`{"intent": …, "outcome": "succeed" | "fail"}`, for refunds and disputes too), `/hosted/<invoice>`, the page behind
hosted_invoice_url, and `/authenticate/<intent>`, where a bank asks the holder.
"""

from __future__ import annotations

import html
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from control.testing.faults import Fault
from control.testing.store import Store
from control.testing.stripe_server.errors import ApiError
from control.testing.stripe_server.gateway import Answer, Gateway, Request
from control.testing.stripe_server.spec import UndocumentedAnswerError

_HOST = "127.0.0.1"
_IDLE_SECONDS = 10
# How long it may take until `close` is noticed.
_POLL_SECONDS = 0.05
_BUTTONS = """<form method="post"><button name="outcome" value="succeed">Confirm</button>
<button name="outcome" value="fail">Refuse</button></form>"""


class StripeServer:
    """A running double. Use it as a context manager, or call `close`.

    Leaving the block raises UndocumentedAnswerError where the double answered what Stripe's document does not allow.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        state: Path | None = None,
        webhook_url: str | None = None,
        search_delay_seconds: float = 0.0,
    ) -> None:
        """`port` 0 takes a free one; `state` is a file that keeps customers, invoices and the rest over restarts.

        Raises:
            InputError: the state cannot be opened.
            OSError: the port is taken.
            ApiError: the webhook leads off this machine.
        """
        self.gateway = Gateway(Store(state), search_delay_seconds=search_delay_seconds)
        try:
            self.webhook_secret = self.gateway.add_webhook(webhook_url) if webhook_url else ""
            self._http = _Http((_HOST, port), self.gateway)
        except (ApiError, OSError):
            self.gateway.close()
            raise
        self.port: int = self._http.server_address[1]
        self.gateway.base_url = self.url
        self._thread = threading.Thread(target=self._http.serve_forever, args=(_POLL_SECONDS,), name="stripe-test-gateway", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The base address of the API, for `STRIPE_API_BASE`."""
        return f"http://{_HOST}:{self.port}"

    def plan(self, fault: str, **fields: object) -> None:
        """Let something go wrong: see faults.py.

        Raises:
            ValueError: an unknown fault or field.
        """
        self.gateway.faults.plan(Fault.parse({"fault": fault, **fields}))

    def close(self) -> None:
        """Stop accepting, let the requests under way end, close the state."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self.gateway.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
        if self.gateway.violations and error is None:
            raise UndocumentedAnswerError("; ".join(self.gateway.violations))


class _Http(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for the requests under way
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], gateway: Gateway) -> None:
        self.gateway = gateway
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    protocol_version = "HTTP/1.1"
    server_version = "stripe-test-double"
    timeout = _IDLE_SECONDS
    # Head and body leave as one segment; sent apart, each answer would wait 40 ms for the client's delayed ACK.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the gateway logs each request itself, without headers."""

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        request = Request(
            method=self.command,
            path=parts.path,
            query=parts.query,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        try:
            answer = self.server.gateway.answer(request) if parts.path.startswith("/v1/") else self._control(request)
        except ApiError as error:
            answer = Answer(status=error.status, body=error.body)
        self.close_connection = True
        if answer.body is not None:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        is_text = isinstance(answer.body, str)
        payload = (answer.body if isinstance(answer.body, str) else json.dumps(answer.body)).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "text/html; charset=utf-8" if is_text else "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.send_header("Connection", "close")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def _control(self, request: Request) -> Answer:
        gateway = self.server.gateway
        match (request.method, request.path.strip("/").split("/")):
            case ("GET", ["_health"]):
                body: dict[str, Any] = {"status": "ok"}
            case ("GET", ["_requests"]):
                body = {"requests": gateway.requests}
            case (method, ["_faults"]):
                _plan(gateway, method, request.body)
                body = {"faults": gateway.faults.planned()}
            case ("POST", ["_resolve"]):
                wanted = json.loads(request.body)
                body = gateway.resolve(wanted["intent"], succeeds=wanted["outcome"] == "succeed")
            case (method, ["hosted", invoice_id]):
                return _hosted_page(gateway, invoice_id, outcome=parse_qs(request.body).get("outcome", [""])[0] if method == "POST" else "")
            case (method, ["authenticate", intent_id]):
                return _bank_page(gateway, intent_id, outcome=parse_qs(request.body).get("outcome", [""])[0] if method == "POST" else "")
            case _:
                raise ApiError(404, f"Unrecognized request URL ({request.method}: {request.path}).")
        return Answer(status=200, body=body)


def _plan(gateway: Gateway, method: str, body: str) -> None:
    if method == "DELETE":
        gateway.faults.clear()
    elif method == "POST":
        try:
            gateway.faults.plan(Fault.parse(json.loads(body)))
        except ValueError as error:
            raise ApiError(400, str(error)) from error


def _hosted_page(gateway: Gateway, invoice_id: str, *, outcome: str) -> Answer:
    """The page where a card's holder confirms a payment."""
    found = gateway.invoice_page(invoice_id)
    if found is None:
        raise ApiError(404, f"No such invoice: '{invoice_id}'")
    if outcome:
        gateway.resolve(found[1]["id"], succeeds=outcome == "succeed")
        found = gateway.invoice_page(invoice_id) or found
    invoice, intent = found
    waits = intent["status"] == "requires_action"
    title = html.escape(f"Invoice {invoice['number']}: {invoice['status']}")
    due = html.escape(f"{invoice['amount_remaining']} {invoice['currency']} (minor units) to pay")
    page = f"<!doctype html><title>{title}</title><h1>{title}</h1><p>Test gateway. {due}</p>{_BUTTONS if waits else ''}"
    return Answer(status=200, body=page)


def _bank_page(gateway: Gateway, intent_id: str, *, outcome: str) -> Answer:
    """The page where a bank asks a card's holder to confirm a payment, and sends them back."""
    found = next((row for row in gateway.objects("payment_intent") if row["id"] == intent_id), None)
    if found is None or not found["next_action"]:
        raise ApiError(404, f"No such payment waits for its holder: '{intent_id}'")
    back = found["next_action"]["redirect_to_url"]["return_url"]
    if outcome:
        gateway.resolve(intent_id, succeeds=outcome == "succeed")
        return Answer(status=303, body="", headers={"Location": back})
    title = html.escape(f"Confirm {found['amount']} {found['currency']} (minor units)")
    return Answer(status=200, body=f"<!doctype html><title>{title}</title><h1>{title}</h1><p>Test gateway.</p>{_BUTTONS}")
