"""Customers' receivers: what they are sent, signed, until they take it, and where we never send anything."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address

import pytest

from control.bootstrap import Control
from control.domain.signatures import HEADER, TOLERANCE_SECONDS, is_signed
from control.domain.webhook_subscriptions import checked_url, is_public
from control.services import webhook_subscriptions as webhooks
from control.services.accounts import upsert_accounts
from control.services.deliver import FIRST_PAUSE_SECONDS, MAX_FAILURES, MAX_TRIES
from control.services.lifecycle import resume, suspend
from control.services.webhook_subscriptions import PrivateAddressError, deliver_webhooks, list_deliveries, post_guarded, subscribe
from control.services.work import work
from tests.control_bench.builders import NOW, an_account
from warehouse.errors import InputError, RefusedError

URL = "https://receiver.example/hook?x=1"


@dataclass
class Receiver:
    """Answers as told, and remembers what it took."""

    answers: dict[str, int | OSError] = field(default_factory=dict)
    got: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.got.append((url, body, headers))
        answer = self.answers.get(url, 204)
        if isinstance(answer, OSError):
            raise answer
        return answer

    def types(self, url: str = URL) -> list[str]:
        return [headers["Meterhouse-Event-Type"] for to, _, headers in self.got if to == url]


@pytest.fixture
def receiver(control: Control) -> Receiver:
    upsert_accounts(control, [an_account("acc-1"), an_account("acc-2")], now=NOW)
    return Receiver()


def _move(control: Control, *account_ids: str) -> None:
    for account_id in account_ids:
        suspend(control, account_id, reason="abuse", actor="test", now=NOW)
        resume(control, account_id, reason="mended", actor="test", now=NOW)


def test_a_receiver_gets_what_it_wants_of_its_account_signed_with_its_secret(control: Control, receiver: Receiver) -> None:
    one, secret = subscribe(control, "acc-1", URL, ["account.suspended"], now=NOW)
    subscribe(control, "acc-2", "https://two.example/", ["account.*"], now=NOW)
    subscribe(control, "", "https://staff.example/", ["*"], now=NOW)
    _move(control, "acc-1", "acc-2")

    assert deliver_webhooks(control, now=NOW, post=receiver) == 7

    assert receiver.types() == ["account.suspended"]
    assert sorted(receiver.types("https://two.example/")) == ["account.resumed", "account.suspended"]
    assert len(receiver.types("https://staff.example/")) == 4
    (_, body, headers), *_ = [each for each in receiver.got if each[0] == URL]
    at = int(headers[HEADER].partition(",")[0].removeprefix("t="))
    assert is_signed(body, headers[HEADER], secret, now=at, tolerance_seconds=TOLERANCE_SECONDS)
    fresh, other = webhooks.rotate_secret(control, one.subscription_id)
    assert not is_signed(body, headers[HEADER], other, now=at)
    assert fresh.secret(control.server_key()) == other
    assert deliver_webhooks(control, now=NOW, post=receiver) == 0


def test_an_event_is_posted_until_it_is_taken_and_again_when_asked(control: Control, receiver: Receiver) -> None:
    receiver.answers[URL] = 500
    one, _ = subscribe(control, "acc-1", URL, ["account.suspended"], now=NOW)
    _move(control, "acc-1")
    assert deliver_webhooks(control, now=NOW, post=receiver) == 0
    assert deliver_webhooks(control, now=NOW, post=receiver) == 0, "its next try has not come"
    (delivery,) = list_deliveries(control, one.subscription_id, limit=9)
    assert (delivery.status, delivery.tries, delivery.message) == ("pending", 1, "answered 500")
    assert delivery.due_at == NOW + timedelta(seconds=FIRST_PAUSE_SECONDS)

    receiver.answers[URL] = OSError("gone")
    later = NOW
    for _ in range(MAX_TRIES):
        later += timedelta(hours=1)
        deliver_webhooks(control, now=later, post=receiver)
    (delivery,) = list_deliveries(control, one.subscription_id, limit=9)
    assert (delivery.status, delivery.tries, delivery.message) == ("given_up", MAX_TRIES, "no answer: OSError")

    receiver.answers.clear()
    webhooks.redeliver(control, one.subscription_id, delivery.event_id, now=later)
    assert work(control, now=later, post=receiver).webhooks_sent == 1
    (delivery,) = list_deliveries(control, one.subscription_id, limit=9)
    assert (delivery.status, delivery.tries, delivery.delivered_at) == ("delivered", 1, later)
    with pytest.raises(InputError):
        webhooks.redeliver(control, one.subscription_id, "nothing", now=later)


def test_a_receiver_that_is_down_holds_up_no_other_and_one_that_rests_misses_nothing(control: Control, receiver: Receiver) -> None:
    receiver.answers[URL] = OSError("down")
    down, _ = subscribe(control, "acc-1", URL, ["*"], now=NOW)
    up, _ = subscribe(control, "acc-1", "https://up.example/", ["*"], now=NOW)
    for _ in range(MAX_FAILURES):
        _move(control, "acc-1")
    assert deliver_webhooks(control, now=NOW, post=receiver) == 2 * MAX_FAILURES
    assert len(receiver.types()) == MAX_FAILURES
    webhooks.change_subscription(control, up.subscription_id, is_active=False)
    _move(control, "acc-1")
    assert deliver_webhooks(control, now=NOW, post=receiver) == 0
    webhooks.change_subscription(control, up.subscription_id, is_active=True)
    assert deliver_webhooks(control, now=NOW, post=receiver) == 2, "what happened while it rested"
    assert {each.status for each in list_deliveries(control, up.subscription_id, limit=99)} == {"delivered"}
    webhooks.change_subscription(control, down.subscription_id, url="https://moved.example/", event_types=["account.*"])
    webhooks.unsubscribe(control, up.subscription_id)
    assert [each.url for each in webhooks.list_subscriptions(control, "acc-1")] == ["https://moved.example/"]


def test_an_account_has_some_receivers_and_not_any_number(control: Control, receiver: Receiver) -> None:
    for number in range(webhooks.MOST_SUBSCRIPTIONS):
        subscribe(control, "acc-1", f"https://r{number}.example/", ["*"], now=NOW)
    with pytest.raises(RefusedError, match="remove one first"):
        subscribe(control, "acc-1", URL, ["*"], now=NOW)
    assert receiver.got == []


INSIDE = [
    "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1", "255.255.255.255",
    "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "2002:7f00:1::",
    "2001:0:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::1",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_of_networks_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


def test_public_addresses_are() -> None:
    assert all(is_public(ip_address(address)) for address in ("93.184.216.34", "8.8.8.8", "2606:2800:220:1::1"))


@pytest.mark.parametrize(
    "url",
    [
        "http://receiver.example/", "ftp://receiver.example/", "https://", "https://user:secret@receiver.example/", "https://127.0.0.1/",
        "https://localhost/", "https://a.localhost/", "https://[::1]/", "https://169.254.169.254/latest", "https://receiver.example/#x",
        "https://receiver.example:99999/", "https://[/", "https://räceiver.example/", "https://receiver.example/\r\nHost: x",
    ],
)  # fmt: skip
def test_urls_of_other_forms_are_refused(url: str) -> None:
    with pytest.raises(InputError):
        checked_url(url, allow_private=False)


def test_a_name_that_leads_inside_is_not_called(control: Control, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it led to when it was subscribed: it is looked up once for a request, and the address that was checked is called."""

    def leads_inside(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.7")]

    monkeypatch.setattr(socket, "getaddrinfo", leads_inside)
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("it was called"))
    with pytest.raises(PrivateAddressError):
        post_guarded(URL, b"{}", {}, allow_private=False)
    one, _ = subscribe(control, "acc-1", URL, ["*"], now=NOW)
    _move(control, "acc-1")
    assert deliver_webhooks(control, now=NOW) == 0
    assert list_deliveries(control, one.subscription_id, limit=1)[0].message == "receiver.example leads into a private network"
    assert receiver.got == []


def test_a_deployment_may_allow_private_networks_and_redirects_are_not_followed(control: Control, receiver: Receiver) -> None:
    paths = []

    class Redirects(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            paths.append((self.path, self.headers["Host"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(302 if self.path == "/moved" else 200)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Redirects) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://localhost:{server.server_port}"
            allowing = replace(control, settings=control.settings.model_copy(update={"webhooks_allow_private": True}))
            subscribe(allowing, "acc-1", f"{url}/hook", ["account.suspended"], now=NOW)
            _move(control, "acc-1")
            assert deliver_webhooks(allowing, now=NOW) == 1
            assert post_guarded(f"{url}/moved", b"{}", {}, allow_private=True) == 302
        finally:
            server.shutdown()
            thread.join()
    assert [path for path, _, _ in paths] == ["/hook", "/moved"]
    assert paths[0][1] == f"localhost:{server.server_port}"
    assert receiver.got == []
