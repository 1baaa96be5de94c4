"""The double behaves as Adyen documents, and says so where it would not."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from control.testing.adyen_server import AdyenServer, UndocumentedAnswerError
from control.testing.adyen_server.cards import REFUSALS
from control.testing.adyen_server.endpoints import ENDPOINTS, Endpoint, Reply
from tests.contract import adyen_bench
from tests.contract.adyen_bench import a_method
from warehouse.errors import SettingsError

MERCHANT = "TestMerchant"


def ask(server: AdyenServer, method: str, path: str, body: dict[str, Any] | None = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """Status, body and headers of one request."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    sent = {"X-API-Key": "key", "Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=sent)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None, dict(answer.getheaders())
    finally:
        connection.close()


def a_check(**changes: object) -> dict[str, Any]:
    """A request that keeps a card."""
    return {
        "merchantAccount": MERCHANT,
        "amount": {"currency": "EUR", "value": 0},
        "reference": "card",
        "paymentMethod": a_method("4111111111111111", "S. Hopper"),
        "shopperReference": "shopper-1",
        "storePaymentMethod": True,
        "returnUrl": "https://cloud.example",
    } | changes


@pytest.fixture
def server() -> Iterator[AdyenServer]:
    with AdyenServer(document=adyen_bench.DOCUMENT) as running:
        yield running


@pytest.mark.needs_shared_data
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"returnUrl": 5}, "returnUrl"),
        ({"colour": "red"}, "colour"),
        ({"amount": {"value": 1}}, "currency"),
        ({"reference": "r" * 81}, "reference"),
    ],
)
def test_what_the_document_does_not_allow_is_refused_and_named(server: AdyenServer, change: dict[str, Any], field: str) -> None:
    status, error, _ = ask(server, "POST", "/v72/payments", a_check(**change))
    assert status == 422
    assert field in error["message"]


@pytest.mark.needs_shared_data
def test_a_return_url_is_required_even_where_nobody_returns(server: AdyenServer) -> None:
    body = a_check()
    del body["returnUrl"]
    assert "returnUrl" in ask(server, "POST", "/v72/payments", body)[1]["message"]


@pytest.mark.needs_shared_data
def test_what_the_double_does_not_implement_is_refused_and_not_ignored(server: AdyenServer) -> None:
    assert ask(server, "POST", "/v72/payments", a_check(captureDelayHours=5))[0] == 501
    assert ask(server, "POST", "/v72/orders", {})[0] in (422, 501)
    assert ask(server, "GET", "/v72/nonsense")[0] == 404
    assert ask(server, "POST", "/v72/payments", a_check(), X_API_Key="")[0] == 401
    assert ask(server, "POST", "/v72/payments", a_check(merchantAccount="Other"))[0] == 403


@pytest.mark.needs_shared_data
@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_a_holders_name_refuses_as_adyen_publishes(server: AdyenServer, name: str) -> None:
    result, code, reason = REFUSALS[name]
    _, answer, _ = ask(server, "POST", "/v72/payments", a_check(paymentMethod=a_method("4111111111111111", name)))
    assert (answer["resultCode"], answer["refusalReasonCode"], answer["refusalReason"]) == (result, code, reason)


@pytest.mark.needs_shared_data
def test_a_key_gives_the_first_answer_again(server: AdyenServer) -> None:
    first = ask(server, "POST", "/v72/payments", a_check(), Idempotency_Key="k")
    assert first[2]["Idempotency-Key"] == "k"
    assert ask(server, "POST", "/v72/payments", a_check(), Idempotency_Key="k")[1] == first[1]
    assert len(server.gateway.objects("stored_card")) == 1
    assert ask(server, "POST", "/v72/payments", a_check(), Idempotency_Key="k" * 65)[0] == 400


@pytest.mark.needs_shared_data
def test_a_key_in_flight_is_said_to_be(server: AdyenServer) -> None:
    server.plan("delay", seconds=5.0)
    slow = threading.Thread(target=ask, args=(server, "POST", "/v72/payments", a_check()), kwargs={"Idempotency_Key": "k"})
    slow.start()
    while not server.gateway._in_flight:
        pass
    status, error, _ = ask(server, "POST", "/v72/payments", a_check(), Idempotency_Key="k")
    server.gateway._closing.set()
    slow.join()
    assert (status, error["errorCode"]) == (422, "704")


@pytest.mark.needs_shared_data
def test_a_refused_request_leaves_its_key_free(server: AdyenServer) -> None:
    assert ask(server, "POST", "/v72/payments", a_check(merchantAccount="Other"), Idempotency_Key="k")[0] == 403
    assert ask(server, "POST", "/v72/payments", a_check(), Idempotency_Key="k")[0] == 200


@pytest.mark.needs_shared_data
def test_a_card_number_is_known_by_its_last_digits_only(tmp_path: Path) -> None:
    with AdyenServer(document=adyen_bench.DOCUMENT, state=tmp_path / "state.db") as kept:
        ask(kept, "POST", "/v72/payments", a_check(), Idempotency_Key="k")
    assert b"4111111111111111" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.needs_shared_data
def test_the_banks_page_sends_the_holder_back_with_a_result(server: AdyenServer) -> None:
    _, answer, _ = ask(server, "POST", "/v72/payments", a_check(paymentMethod=a_method("4917610000000000", "S. Hopper")))
    page = urlsplit(answer["action"]["url"]).path
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)
    connection.request("GET", page)
    assert b"Confirm" in connection.getresponse().read()
    connection.close()
    connection.request("POST", page, body="outcome=succeed")
    back = connection.getresponse()
    connection.close()
    assert back.status == 303
    assert back.headers["Location"].startswith("https://cloud.example?redirectResult=")


@pytest.mark.needs_shared_data
def test_an_answer_outside_the_document_is_a_500_and_fails_whoever_ran_the_double(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Endpoint(function=lambda _: Reply(body={"resultCode": "Fine"}), uses=frozenset(a_check()))
    monkeypatch.setitem(ENDPOINTS, ("post", "/payments"), broken)

    def run() -> int:
        with AdyenServer(document=adyen_bench.DOCUMENT) as running:
            return ask(running, "POST", "/v72/payments", a_check())[0]

    with pytest.raises(UndocumentedAnswerError, match="Fine"):
        run()


def test_a_missing_or_another_document_is_named_with_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"github.com/Adyen/adyen-openapi.*there is no file"):
        AdyenServer(document=tmp_path / "none.json")
    for text in ("{}", "[]", "not json"):
        path = tmp_path / "other.json"
        path.write_text(text)
        with pytest.raises(SettingsError, match="CheckoutService-v72"):
            AdyenServer(document=path)


def test_a_process_without_its_document_ends_with_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "control.testing.adyen_server", "--document", str(tmp_path / "none.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


@pytest.mark.needs_shared_data
def test_the_process_tells_its_address_and_ends_on_sigterm(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    document = ["--document", str(adyen_bench.DOCUMENT)]
    command = [sys.executable, "-m", "control.testing.adyen_server", *document, "--ready-file", str(ready)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert json.loads(ready.read_text()) == told
        connection = http.client.HTTPConnection(urlsplit(told["url"]).netloc, timeout=20)
        connection.request("GET", "/_health")
        assert connection.getresponse().status == 200
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
