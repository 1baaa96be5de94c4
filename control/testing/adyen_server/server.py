"""The double as an HTTP server of this machine: sockets, the control endpoints, start and stop.

Control endpoints take and give JSON: `/_health`, `/_faults` (GET, POST, DELETE), `/_requests`, `/_resolve`
(`{"id": …, "outcome": "succeed" | "fail"}`), `/_enter_card` (`{"session": …, "paymentMethod": {…}}`), and
`/authenticate/<payment>`, where a bank asks the holder.
"""

from __future__ import annotations

import html
import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from control.testing.adyen_server.document import UndocumentedAnswerError
from control.testing.adyen_server.errors import ApiError
from control.testing.adyen_server.gateway import Answer, Gateway, Request
from control.testing.faults import Fault
from control.testing.store import Store

_HOST = "127.0.0.1"
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
_IDLE_SECONDS = 10
# How long it may take until `close` is noticed.
_POLL_SECONDS = 0.05
_BUTTONS = """<form method="post"><button name="outcome" value="succeed">Confirm</button>
<button name="outcome" value="fail">Fail</button></form>"""


class AdyenServer:
    """A running double. Use it as a context manager, or call `close`.

    Leaving the block raises UndocumentedAnswerError where the double answered what Adyen's document does not allow.
    """

    def __init__(
        self,
        *,
        document: Path,
        port: int = 0,
        state: Path | None = None,
        merchant_account: str = "TestMerchant",
        hmac_key: str | None = None,
        webhook_url: str | None = None,
    ) -> None:
        """`document` is Adyen's CheckoutService-v72.json; `port` 0 takes a free one; `state` is a file that outlives the process.

        Raises:
            SettingsError: the document is missing, or another one.
            InputError: the state cannot be opened.
            OSError: the port is taken.
            ValueError: the webhook leads off this machine.
        """
        parts = urlsplit(webhook_url or f"http://{_HOST}")
        if parts.scheme != "http" or parts.hostname not in _THIS_MACHINE:
            raise ValueError("the test gateway delivers to http:// on this machine only")
        self.merchant_account = merchant_account
        self.hmac_key = hmac_key or secrets.token_hex(32)
        self.gateway = Gateway(
            Store(state), document=document, merchant=merchant_account, hmac_key=self.hmac_key, webhook_url=webhook_url or ""
        )
        try:
            self._http = _Http((_HOST, port), self.gateway)
        except OSError:
            self.gateway.close()
            raise
        self.port: int = self._http.server_address[1]
        self.gateway.base_url = self.url
        self._thread = threading.Thread(target=self._http.serve_forever, args=(_POLL_SECONDS,), name="adyen-test-gateway", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The base address of the API and the reports, for `ADYEN_API_BASE`."""
        return f"http://{_HOST}:{self.port}"

    def plan(self, fault: str, **fields: object) -> None:
        """Let something go wrong: see control/testing/faults.py.

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
    server_version = "adyen-test-double"
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
        request = Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(),
        )
        try:
            is_api = parts.path.startswith(("/v", "/reports/"))
            answer = self.server.gateway.answer(request) if is_api else self._control(request)
        except ApiError as error:
            answer = Answer(status=error.status, body=error.body)
        self.close_connection = True
        if answer.status:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        is_text = isinstance(answer.body, str)
        payload = (answer.body if isinstance(answer.body, str) else json.dumps(answer.body)).encode()
        self.send_response(answer.status)
        headers = {"Content-Type": "text/html; charset=utf-8" if is_text else "application/json"} | dict(answer.headers)
        for name, value in headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(payload)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(payload)

    def _control(self, request: Request) -> Answer:
        gateway = self.server.gateway
        body: dict[str, Any] = {"status": "ok"}
        match (request.method, request.path.strip("/").split("/")):
            case ("GET", ["_health"]):
                pass
            case ("GET", ["_requests"]):
                body = {"requests": gateway.requests}
            case (method, ["_faults"]):
                _plan(gateway, method, request.body)
                body = {"faults": gateway.faults.planned()}
            case ("POST", ["_resolve"]):
                wanted = json.loads(request.body)
                gateway.resolve(wanted["id"], succeeds=wanted["outcome"] == "succeed")
            case ("POST", ["_enter_card"]):
                wanted = json.loads(request.body)
                gateway.enter_card(wanted["session"], wanted["paymentMethod"])
            case (method, ["authenticate", payment_id]):
                outcome = parse_qs(request.body).get("outcome", [""])[0] if method == "POST" else ""
                return _bank_page(gateway, payment_id, outcome=outcome)
            case _:
                raise ApiError(404, f"There is no {request.method} {request.path}", code="702")
        return Answer(status=200, body=body)


def _plan(gateway: Gateway, method: str, body: str) -> None:
    if method == "DELETE":
        gateway.faults.clear()
    elif method == "POST":
        try:
            gateway.faults.plan(Fault.parse(json.loads(body)))
        except ValueError as error:
            raise ApiError(400, str(error), code="702") from error


def _bank_page(gateway: Gateway, payment_id: str, *, outcome: str) -> Answer:
    """The page where a bank asks a card's holder, and sends them back with the result."""
    if outcome:
        back, result = gateway.authenticate(payment_id, succeeds=outcome == "succeed")
        joined = "&" if urlsplit(back).query else "?"
        return Answer(status=303, body="", headers={"Location": f"{back}{joined}{urlencode({'redirectResult': result})}"})
    title = html.escape(f"Confirm the payment {payment_id}")
    return Answer(status=200, body=f"<!doctype html><title>{title}</title><h1>{title}</h1><p>Test gateway.</p>{_BUTTONS}")
