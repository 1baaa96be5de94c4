"""The double behaves as Stripe documents, and says so where it would not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from control.testing.stripe_server import StripeServer, UndocumentedAnswerError
from control.testing.stripe_server.cards import CARDS, Card
from control.testing.stripe_server.endpoints import ENDPOINTS, Endpoint

KEY = {"Authorization": "Bearer sk_test_double"}


def ask(url: str, method: str, path: str, form: dict[str, Any] | None = None, **headers: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, body and headers of one request. `headers` replace the key where they name Authorization."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    sent = KEY | {name.replace("_", "-"): value for name, value in headers.items()}
    encoded = urlencode(form or {})
    try:
        if method == "POST":
            connection.request(method, path, body=encoded, headers=sent | {"Content-Type": "application/x-www-form-urlencoded"})
        else:
            connection.request(method, f"{path}?{encoded}" if form else path, headers=sent)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), dict(answer.getheaders())
    finally:
        connection.close()


@pytest.fixture
def server() -> Iterator[StripeServer]:
    with StripeServer() as running:
        yield running


def post(server: StripeServer, path: str, form: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
    status, body, _ = ask(server.url, "POST", path, form, **headers)
    assert status == 200, body
    return body


def refused(server: StripeServer, method: str, path: str, form: dict[str, Any] | None = None, **headers: str) -> tuple[int, dict[str, Any]]:
    status, body, _ = ask(server.url, method, path, form, **headers)
    assert status != 200
    return status, body["error"]


def a_customer(server: StripeServer, card: str = "pm_card_visa") -> str:
    customer = post(server, "/v1/customers", {"name": "A"})["id"]
    method = post(server, f"/v1/payment_methods/{card}/attach", {"customer": customer})["id"]
    post(server, f"/v1/customers/{customer}", {"invoice_settings[default_payment_method]": method})
    return str(customer)


def an_open_invoice(server: StripeServer, customer: str, amount: int = 1000, currency: str = "usd") -> str:
    invoice = post(server, "/v1/invoices", {"customer": customer, "currency": currency})["id"]
    post(server, f"/v1/invoices/{invoice}/add_lines", {"lines[0][amount]": amount})
    post(server, f"/v1/invoices/{invoice}/finalize")
    return str(invoice)


# --- what is refused, in Stripe's words


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({"nmae": "A"}, "parameter_unknown", "nmae"),
        ({"address[lines]": "x"}, "parameter_unknown", "address[lines]"),
        ({"balance": "1.5"}, "parameter_invalid_integer", "balance"),
        ({"email": ""}, "parameter_invalid_empty", "email"),
        ({"tax_exempt": "sometimes"}, None, "tax_exempt"),
    ],
)
def test_a_parameter_the_document_does_not_allow_is_refused(
    server: StripeServer, form: dict[str, Any], code: str | None, param: str
) -> None:
    status, error = refused(server, "POST", "/v1/customers", form)
    assert (status, error.get("code"), error["param"]) == (400, code, param)


def test_a_missing_parameter_is_named(server: StripeServer) -> None:
    _, error = refused(server, "POST", "/v1/customers/cus_1/balance_transactions", {"currency": "usd"})
    assert (error["code"], error["param"]) == ("parameter_missing", "amount")


def test_what_the_double_does_not_implement_is_refused_and_not_ignored(server: StripeServer) -> None:
    assert refused(server, "POST", "/v1/coupons", {"duration": "once"})[0] == 501
    assert refused(server, "POST", "/v1/customers", {"phone": "1", "preferred_locales[0]": "de"})[1]["param"] == "preferred_locales"


def test_a_path_or_an_object_that_does_not_exist_is_not_found(server: StripeServer) -> None:
    assert refused(server, "GET", "/v1/nonsense")[0] == 404
    status, error = refused(server, "GET", "/v1/customers/cus_1")
    assert (status, error["code"], error["message"]) == (404, "resource_missing", "No such customer: 'cus_1'")


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer sk_live_000000000000000000", "Bearer nonsense", "Digest x"])
def test_only_a_test_key_is_let_in(server: StripeServer, authorization: str) -> None:
    status, error = refused(server, "GET", "/v1/customers", Authorization=authorization)
    assert (status, error["type"]) == (401, "invalid_request_error")
    assert "000000000000000000" not in error["message"]


def test_another_api_version_is_refused(server: StripeServer) -> None:
    assert ask(server.url, "GET", "/v1/customers", Stripe_Version="2026-05-27.dahlia")[0] == 200
    assert refused(server, "GET", "/v1/customers", Stripe_Version="2020-08-27")[0] == 400


def test_an_answer_outside_the_document_is_a_500_and_fails_whoever_ran_the_double(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Endpoint(
        function=lambda _: {"id": "cus_1", "object": "customer", "created": 1, "livemode": False, "colour": "red"}, uses=frozenset()
    )
    monkeypatch.setitem(ENDPOINTS, ("post", "/v1/customers"), broken)

    def run() -> int:
        with StripeServer() as running:
            return refused(running, "POST", "/v1/customers")[0]

    with pytest.raises(UndocumentedAnswerError, match="colour"):
        run()


# --- idempotency


def test_a_key_gives_the_same_answer_again_and_says_so(server: StripeServer) -> None:
    first = ask(server.url, "POST", "/v1/customers", {"name": "A"}, Idempotency_Key="k")
    second = ask(server.url, "POST", "/v1/customers", {"name": "A"}, Idempotency_Key="k")
    assert first[:2] == second[:2]
    assert "Idempotent-Replayed" not in first[2]
    assert second[2]["Idempotent-Replayed"] == "true"
    assert len(server.gateway.objects("customer")) == 1


@pytest.mark.parametrize(("path", "form"), [("/v1/customers", {"name": "B"}), ("/v1/setup_intents", {})])
def test_a_key_with_another_request_is_an_idempotency_error(server: StripeServer, path: str, form: dict[str, Any]) -> None:
    post(server, "/v1/customers", {"name": "A"}, Idempotency_Key="k")
    status, error = refused(server, "POST", path, form, Idempotency_Key="k")
    assert (status, error["type"]) == (400, "idempotency_error")


def test_a_key_in_flight_is_a_conflict(server: StripeServer) -> None:
    server.plan("delay", seconds=0.5)
    slow = threading.Thread(target=post, args=(server, "/v1/customers", {"name": "A"}), kwargs={"Idempotency_Key": "k"})
    slow.start()
    time.sleep(0.2)
    status, _ = refused(server, "POST", "/v1/customers", {"name": "A"}, Idempotency_Key="k")
    slow.join()
    assert status == 409


def test_a_request_refused_before_it_began_leaves_its_key_free(server: StripeServer) -> None:
    refused(server, "POST", "/v1/customers", {"nmae": "A"}, Idempotency_Key="k")
    post(server, "/v1/customers", {"name": "A"}, Idempotency_Key="k")


def test_a_saved_error_is_repeated_with_its_status(server: StripeServer) -> None:
    server.plan("error_after")
    for _ in range(2):
        status, _, headers = ask(server.url, "POST", "/v1/customers", {"name": "A"}, Idempotency_Key="k")
        assert (status, headers["Stripe-Should-Retry"]) == (500, "false")
    assert len(server.gateway.objects("customer")) == 1


def test_faults_are_planned_and_cleared_over_http_too(server: StripeServer) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    for method, body in [("POST", '{"fault": "rate_limit", "times": 5}'), ("DELETE", "")]:
        connection.request(method, "/_faults", body=body)
        assert connection.getresponse().read()
        connection.close()
        if method == "POST":
            assert refused(server, "GET", "/v1/customers")[0] == 429
    assert ask(server.url, "GET", "/v1/customers")[0] == 200


# --- cards


@pytest.mark.parametrize("card", [card for card in CARDS if not card.attaches], ids=lambda card: card.tokens[0])
def test_a_card_that_declines_cannot_be_attached(server: StripeServer, card: Card) -> None:
    customer = post(server, "/v1/customers", {"name": "A"})["id"]
    status, error = refused(server, "POST", f"/v1/payment_methods/{card.tokens[0]}/attach", {"customer": customer})
    assert (status, error["type"]) == (402, "card_error")
    assert (error["code"], error.get("decline_code", "")) == card.refusal


@pytest.mark.parametrize("card", [card for card in CARDS if card.attaches], ids=lambda card: card.tokens[0])
def test_a_card_does_at_the_charge_what_stripe_publishes(server: StripeServer, card: Card) -> None:
    invoice = an_open_invoice(server, a_customer(server, card.tokens[0]))
    status, body, _ = ask(server.url, "POST", f"/v1/invoices/{invoice}/pay")
    if card.refusal:
        assert (status, body["error"]["code"], body["error"]["decline_code"]) == (402, *card.refusal)
    elif card.authentication != "never":
        assert (status, body["error"]["code"]) == (402, "invoice_payment_intent_requires_action")
    else:
        assert (status, body["status"]) == (200, "paid")
    assert len(server.gateway.objects("dispute")) == int(card.is_disputed)


def test_a_card_by_number_is_known_by_its_last_digits_only(server: StripeServer, tmp_path: Path) -> None:
    with StripeServer(state=tmp_path / "state.db") as kept:
        form = {"type": "card", "card[number]": "4242424242424242", "card[exp_month]": 12, "card[exp_year]": 2040, "card[cvc]": "123"}
        method = post(kept, "/v1/payment_methods", form, Idempotency_Key="k")
        assert method["card"]["last4"] == "4242"
    assert b"4242424242424242" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"card[number]": "4242424242424241"}, "incorrect_number"),
        ({"card[number]": "4111111111111111"}, "card_declined"),
        ({"card[exp_month]": 13}, "invalid_expiry_month"),
        ({"card[exp_year]": 2020}, "invalid_expiry_year"),
    ],
)
def test_a_bad_card_number_or_date_is_a_card_error(server: StripeServer, change: dict[str, Any], code: str) -> None:
    form = {"type": "card", "card[number]": "4242424242424242", "card[exp_month]": 12, "card[exp_year]": 2040} | change
    status, error = refused(server, "POST", "/v1/payment_methods", form)
    assert (status, error["code"]) == (402, code)


def test_a_card_that_was_set_up_with_its_holder_pays_without_the_holder(server: StripeServer) -> None:
    customer = post(server, "/v1/customers", {"name": "A"})["id"]
    setup = {"customer": customer, "payment_method": "pm_card_authenticationRequiredOnSetup", "confirm": "true", "usage": "off_session"}
    intent = post(server, "/v1/setup_intents", setup)
    assert intent["status"] == "requires_action"
    server.gateway.resolve(intent["id"], succeeds=True)
    invoice = an_open_invoice(server, customer)
    assert post(server, f"/v1/invoices/{invoice}/pay", {"payment_method": intent["payment_method"]})["status"] == "paid"


def test_the_hosted_page_lets_the_holder_confirm(server: StripeServer) -> None:
    invoice = an_open_invoice(server, a_customer(server, "pm_card_authenticationRequired"))
    refused(server, "POST", f"/v1/invoices/{invoice}/pay")
    page = urlsplit(ask(server.url, "GET", f"/v1/invoices/{invoice}")[1]["hosted_invoice_url"])
    connection = http.client.HTTPConnection(page.netloc, timeout=20)
    for method, body, shows in [("GET", "", "Confirm"), ("POST", "outcome=succeed", "paid")]:
        connection.request(method, page.path, body=body)
        assert shows in connection.getresponse().read().decode()
        connection.close()
    assert ask(server.url, "GET", f"/v1/invoices/{invoice}")[1]["status"] == "paid"


# --- invoices


def test_the_last_digit_of_three_decimals_must_be_zero(server: StripeServer) -> None:
    customer = a_customer(server)
    invoice = post(server, "/v1/invoices", {"customer": customer, "currency": "kwd"})["id"]
    post(server, f"/v1/invoices/{invoice}/add_lines", {"lines[0][amount]": 1234})
    assert refused(server, "POST", f"/v1/invoices/{invoice}/finalize")[0] == 400
    assert ask(server.url, "GET", f"/v1/invoices/{invoice}")[1]["status"] == "draft"


def test_what_is_too_small_to_charge_is_carried_to_the_next_invoice(server: StripeServer) -> None:
    customer = a_customer(server)
    first = ask(server.url, "GET", f"/v1/invoices/{an_open_invoice(server, customer, 30)}")[1]
    assert (first["status"], first["amount_due"], first["ending_balance"]) == ("paid", 0, 30)
    second = ask(server.url, "GET", f"/v1/invoices/{an_open_invoice(server, customer, 1000)}")[1]
    assert (second["total"], second["amount_due"]) == (1000, 1030)


def test_a_customer_has_one_currency(server: StripeServer) -> None:
    customer = a_customer(server)
    an_open_invoice(server, customer, currency="usd")
    assert refused(server, "POST", "/v1/invoices", {"customer": customer, "currency": "eur"})[0] == 400


def test_a_final_invoice_takes_no_more_lines(server: StripeServer) -> None:
    invoice = an_open_invoice(server, a_customer(server))
    assert refused(server, "POST", f"/v1/invoices/{invoice}/add_lines", {"lines[0][amount]": 1})[1]["code"] == "invoice_not_editable"
    assert refused(server, "DELETE", f"/v1/invoices/{invoice}")[1]["code"] == "invoice_not_editable"


def test_a_due_date_is_for_invoices_that_are_sent(server: StripeServer) -> None:
    customer = a_customer(server)
    assert refused(server, "POST", "/v1/invoices", {"customer": customer, "due_date": 1900000000})[1]["param"] == "due_date"


def test_a_charge_is_refunded_in_parts_up_to_its_amount(server: StripeServer) -> None:
    invoice = an_open_invoice(server, a_customer(server))
    post(server, f"/v1/invoices/{invoice}/pay")
    intent = server.gateway.objects("payment_intent")[0]["id"]
    assert post(server, "/v1/refunds", {"payment_intent": intent, "amount": 400})["status"] == "succeeded"
    assert refused(server, "POST", "/v1/refunds", {"payment_intent": intent, "amount": 601})[0] == 400
    post(server, "/v1/refunds", {"payment_intent": intent})
    assert server.gateway.objects("charge")[0]["refunded"]


def test_lists_are_paged_newest_first(server: StripeServer) -> None:
    made = [post(server, "/v1/customers", {"name": name})["id"] for name in "abc"]
    first = ask(server.url, "GET", "/v1/customers", {"limit": 2})[1]
    assert ([row["id"] for row in first["data"]], first["has_more"]) == ([made[2], made[1]], True)
    rest = ask(server.url, "GET", "/v1/customers", {"limit": 2, "starting_after": made[1]})[1]
    assert ([row["id"] for row in rest["data"]], rest["has_more"]) == ([made[0]], False)
    back = ask(server.url, "GET", "/v1/customers", {"limit": 1, "ending_before": made[0]})[1]
    assert ([row["id"] for row in back["data"]], back["has_more"]) == ([made[1]], True)


def test_metadata_is_merged_and_an_empty_value_removes_a_name(server: StripeServer) -> None:
    customer = post(server, "/v1/customers", {"metadata[a]": "1", "metadata[b]": "2"})["id"]
    assert post(server, f"/v1/customers/{customer}", {"metadata[b]": "", "metadata[c]": "3"})["metadata"] == {"a": "1", "c": "3"}
    assert post(server, f"/v1/customers/{customer}", {"metadata": ""})["metadata"] == {}


def test_search_lags_where_it_is_told_to(server: StripeServer) -> None:
    post(server, "/v1/customers", {"metadata[reference]": "d/a"})
    query = {"query": "metadata['reference']:'d/a'"}
    assert len(ask(server.url, "GET", "/v1/customers/search", query)[1]["data"]) == 1
    server.gateway.search_delay_seconds = 60
    assert ask(server.url, "GET", "/v1/customers/search", query)[1]["data"] == []


def test_a_refused_request_leaves_nothing_behind(server: StripeServer) -> None:
    customer = a_customer(server)
    before = len(server.gateway.objects("event"))
    refused(server, "POST", f"/v1/customers/{customer}/balance_transactions", {"amount": 7, "currency": "kwd"})
    assert server.gateway.objects("customer_balance_transaction") == []
    assert len(server.gateway.objects("event")) == before


# --- webhooks


@contextmanager
def a_listener(*, refusals: int = 0) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A URL and what arrives there as (signature header, body); the first `refusals` deliveries are answered with 500."""
    arrived: list[tuple[str, bytes]] = []
    left = [refusals]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            left[0] -= 1
            if left[0] < 0:
                arrived.append((self.headers["Stripe-Signature"], body))
            self.send_response(200 if left[0] < 0 else 500)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    listener = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}/hooks", arrived
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def names(arrived: list[tuple[str, bytes]]) -> list[str]:
    return [json.loads(body)["data"]["object"]["name"] for _, body in arrived]


def test_an_event_arrives_with_stripes_signature(server: StripeServer) -> None:
    with a_listener() as (url, arrived):
        secret = post(server, "/v1/webhook_endpoints", {"url": url, "enabled_events[0]": "customer.created"})["secret"]
        customer = post(server, "/v1/customers", {"name": "A"})
        assert server.gateway.deliveries.wait_until_idle(5)
    ((header, body),) = arrived
    parts = dict(part.split("=") for part in header.split(","))
    expected = hmac.new(secret.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert parts["v1"] == expected
    event = json.loads(body)
    assert (event["type"], event["data"]["object"], event["api_version"]) == ("customer.created", customer, "2026-05-27.dahlia")
    assert ask(server.url, "GET", f"/v1/events/{event['id']}")[1] == event


@pytest.mark.parametrize(
    ("fault", "fields", "expected"),
    [
        ("webhook_lost", {}, ["b", "c"]),
        ("webhook_twice", {}, ["a", "a", "b", "c"]),
        ("webhook_late", {"seconds": 0.5}, ["b", "c", "a"]),
        ("webhook_reversed", {"times": 3}, ["c", "b", "a"]),
    ],
)
def test_events_are_lost_doubled_late_and_reversed_on_demand(fault: str, fields: dict[str, Any], expected: list[str]) -> None:
    with a_listener() as (url, arrived), StripeServer(webhook_url=url) as server:
        server.plan(fault, event="customer.*", **fields)
        for name in "abc":
            post(server, "/v1/customers", {"name": name})
        assert server.gateway.deliveries.wait_until_idle(5)
    assert names(arrived) == expected


def test_a_refused_delivery_is_tried_again() -> None:
    with a_listener(refusals=1) as (url, arrived), StripeServer(webhook_url=url) as server:
        post(server, "/v1/customers", {"name": "a"})
        assert server.gateway.deliveries.wait_until_idle(5)
    assert names(arrived) == ["a"]


def test_a_webhook_leads_to_this_machine_only(server: StripeServer) -> None:
    form = {"url": "http://192.0.2.1/hooks", "enabled_events[0]": "*"}
    assert refused(server, "POST", "/v1/webhook_endpoints", form)[1]["param"] == "url"


def test_a_paid_invoice_is_told_in_events(server: StripeServer) -> None:
    invoice = an_open_invoice(server, a_customer(server))
    post(server, f"/v1/invoices/{invoice}/pay")
    told = {event["type"] for event in server.gateway.objects("event")}
    assert {"invoice.created", "invoice.finalized", "charge.succeeded", "payment_intent.succeeded", "invoice.paid"} <= told


# --- its life


def test_what_was_made_is_there_after_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with StripeServer(state=state) as first:
        customer = post(first, "/v1/customers", {"name": "A"}, Idempotency_Key="k")
    with StripeServer(state=state) as second:
        assert ask(second.url, "GET", f"/v1/customers/{customer['id']}")[1] == customer
        assert post(second, "/v1/customers", {"name": "A"}, Idempotency_Key="k") == customer


def test_the_process_tells_its_address_and_ends_on_sigterm(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "control.testing.stripe_server", "--state", str(tmp_path / "state.db"), "--ready-file", str(ready)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        assert json.loads(ready.read_text())["url"] == url
        assert ask(url, "GET", "/_health")[1] == {"status": "ok"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    with pytest.raises(ConnectionRefusedError):
        ask(url, "GET", "/_health")


def test_a_taken_port_or_a_state_in_no_folder_is_said_in_one_sentence(server: StripeServer, tmp_path: Path) -> None:
    for option in (["--port", str(server.port)], ["--state", str(tmp_path / "no" / "state.db")]):
        done = subprocess.run([sys.executable, "-m", "control.testing.stripe_server", *option], capture_output=True, text=True, check=False)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_basic_authentication_is_not_taken_for_a_key(server: StripeServer) -> None:
    basic = base64.b64encode(b"sk_test_double:").decode()
    assert refused(server, "GET", "/v1/customers", Authorization=f"Basic {basic}")[0] == 401


# --- payments and refunds without an invoice


def an_intent(server: StripeServer, customer: str, amount: int = 1000) -> str:
    return str(post(server, "/v1/payment_intents", {"customer": customer, "amount": amount, "currency": "usd"})["id"])


def a_card_of(server: StripeServer, customer: str) -> str:
    return str(ask(server.url, "GET", f"/v1/customers/{customer}/payment_methods")[1]["data"][0]["id"])


@pytest.mark.parametrize("card", [card for card in CARDS if card.attaches], ids=lambda card: card.tokens[0])
def test_a_card_does_off_session_what_stripe_publishes(server: StripeServer, card: Card) -> None:
    customer = a_customer(server, card.tokens[0])
    form = {"payment_method": a_card_of(server, customer), "off_session": "true"}
    status, body, _ = ask(server.url, "POST", f"/v1/payment_intents/{an_intent(server, customer)}/confirm", form)
    if card.refusal:
        assert (status, body["error"]["code"], body["error"]["decline_code"]) == (402, *card.refusal)
    elif card.authentication != "never":
        assert (status, body["error"]["code"], body["error"]["payment_intent"]["status"]) == (
            402,
            "authentication_required",
            "requires_payment_method",
        )
    else:
        assert (status, body["status"], body["amount_received"]) == (200, "succeeded", 1000)


def test_a_holder_who_is_present_confirms_on_the_banks_page_and_is_sent_back(server: StripeServer) -> None:
    customer = a_customer(server, "pm_card_authenticationRequired")
    form = {"payment_method": a_card_of(server, customer), "return_url": "https://cloud.example/back"}
    intent = post(server, f"/v1/payment_intents/{an_intent(server, customer)}/confirm", form)
    page = urlsplit(intent["next_action"]["redirect_to_url"]["url"])
    connection = http.client.HTTPConnection(page.netloc, timeout=20)
    connection.request("GET", page.path)
    assert b"Confirm" in connection.getresponse().read()
    connection.close()
    connection.request("POST", page.path, body="outcome=succeed")
    back = connection.getresponse()
    connection.close()
    assert (back.status, back.headers["Location"]) == (303, "https://cloud.example/back")
    assert ask(server.url, "GET", f"/v1/payment_intents/{intent['id']}")[1]["status"] == "succeeded"


def test_what_was_paid_is_neither_changed_nor_confirmed_nor_canceled(server: StripeServer) -> None:
    customer = a_customer(server)
    intent = an_intent(server, customer)
    form = {"payment_method": a_card_of(server, customer)}
    post(server, f"/v1/payment_intents/{intent}/confirm", form)
    for path, sent in (("", {"amount": 5}), ("/confirm", form), ("/cancel", {})):
        assert refused(server, "POST", f"/v1/payment_intents/{intent}{path}", sent)[1]["code"] == "payment_intent_unexpected_state"


@pytest.mark.parametrize(("amount", "code"), [(49, "amount_too_small"), (1_000_000_000_000, "amount_too_large")])
def test_an_amount_that_no_card_can_pay_is_refused(server: StripeServer, amount: int, code: str) -> None:
    form = {"customer": a_customer(server), "amount": amount, "currency": "usd"}
    assert refused(server, "POST", "/v1/payment_intents", form)[1]["code"] == code


def test_a_charge_leaves_stripes_fee_in_the_balance(server: StripeServer) -> None:
    customer = a_customer(server)
    post(server, f"/v1/payment_intents/{an_intent(server, customer, 10000)}/confirm", {"payment_method": a_card_of(server, customer)})
    (charge,) = ask(server.url, "GET", "/v1/charges", {"expand[]": "data.balance_transaction"})[1]["data"]
    movement = charge["balance_transaction"]
    assert (movement["amount"], movement["fee"], movement["net"]) == (10000, 320, 9680)


@pytest.mark.parametrize(("token", "first"), [("pm_card_pendingRefund", "pending"), ("pm_card_refundFail", "succeeded")])
def test_a_refund_may_end_otherwise_than_it_began(server: StripeServer, token: str, first: str) -> None:
    customer = a_customer(server, token)
    intent = an_intent(server, customer)
    post(server, f"/v1/payment_intents/{intent}/confirm", {"payment_method": a_card_of(server, customer)})
    refund = post(server, "/v1/refunds", {"payment_intent": intent})
    assert refund["status"] == first
    server.gateway.resolve(refund["id"], succeeds=False)
    assert ask(server.url, "GET", f"/v1/refunds/{refund['id']}")[1]["status"] == "failed"
    assert not server.gateway.objects("charge")[0]["refunded"]
    assert post(server, "/v1/refunds", {"payment_intent": intent})["amount"] == 1000


def test_the_parts_of_a_credit_note_on_a_paid_invoice_must_make_it_up(server: StripeServer) -> None:
    invoice = an_open_invoice(server, a_customer(server))
    post(server, f"/v1/invoices/{invoice}/pay")
    assert refused(server, "POST", "/v1/credit_notes", {"invoice": invoice, "amount": 300})[1]["param"] == "credit_amount"
    note = post(server, "/v1/credit_notes", {"invoice": invoice, "amount": 300, "credit_amount": 300})
    assert (note["type"], note["post_payment_amount"]) == ("post_payment", 300)
    assert server.gateway.objects("customer")[0]["balance"] == -300
