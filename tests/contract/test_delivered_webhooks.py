"""What the doubles post over HTTP, doubled, late and reversed, is what the adapters read: the same events, each by its id."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from control.gateways.stripe import StripeGateway
from control.ports import EventSubject, GatewayEvent, Paid, PaymentGateway, WebhookRefusedError
from control.testing.adyen_server import AdyenServer
from control.testing.stripe_server import StripeServer
from control.testing.stripe_server.webhooks import signature
from tests.contract import adyen_bench
from tests.contract.adyen_bench import AdyenBench
from tests.contract.benches import TEST_KEY, Bench, StripeBench
from tests.contract.builders import a_card, a_charge
from tests.contract.fake_gateway import PAYS


@contextmanager
def a_listener() -> Iterator[tuple[str, list[tuple[bytes, dict[str, str]]]]]:
    """The address of an HTTP server and what was posted to it."""
    arrived: list[tuple[bytes, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.append((self.rfile.read(int(self.headers["Content-Length"])), dict(self.headers.items())))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hooks", arrived
        server.shutdown()
        thread.join()


@contextmanager
def listening(name: str, url: str) -> Iterator[tuple[Bench, Any, PaymentGateway]]:
    """A bench, its double, and an adapter that knows what the double signs with."""
    if name == "adyen":
        with AdyenServer(document=adyen_bench.DOCUMENT, webhook_url=url) as adyen:
            bench = AdyenBench(adyen)
            yield bench, adyen, bench.gateway
    else:
        with StripeServer(webhook_url=url) as stripe:
            gateway = StripeGateway(TEST_KEY, api_base=stripe.url, webhook_secret=SecretStr(stripe.webhook_secret))
            yield StripeBench(stripe), stripe, gateway


@pytest.mark.parametrize("name", ["stripe", pytest.param("adyen", marks=pytest.mark.needs_shared_data)])
@pytest.mark.parametrize(
    ("fault", "fields"), [("webhook_twice", {"times": 9}), ("webhook_late", {"seconds": 0.2}), ("webhook_reversed", {"times": 2})]
)
def test_whatever_the_delivery_does_the_payment_is_told_and_each_event_is_known_again(
    name: str, fault: str, fields: dict[str, Any]
) -> None:
    with a_listener() as (url, arrived), listening(name, url) as (bench, double, gateway):
        customer_id, card = a_card(bench, PAYS)
        double.plan(fault, event="*", **fields)
        outcomes = [
            bench.gateway.charge(a_charge(customer_id, card, invoice_id=one, payment_id=f"payment-{one}"), key=one) for one in ("a", "b")
        ]
        assert double.gateway.deliveries.wait_until_idle(5)
        told: list[GatewayEvent] = [event for body, headers in arrived for event in gateway.read_webhook(body, headers)]
    paid = {event.object_id for event in told if event.subject is EventSubject.PAYMENT}
    assert {outcome.gateway_payment_id for outcome in outcomes if isinstance(outcome, Paid)} <= paid
    assert (len({event.event_id for event in told}) < len(told)) == (fault == "webhook_twice")


def test_an_old_message_of_stripes_is_not_believed() -> None:
    gateway = StripeGateway(TEST_KEY, webhook_secret=SecretStr("whsec_x"))
    body = (
        b'{"id": "evt_1", "type": "payment_intent.succeeded", "created": 1, "data": {"object": {"object": "payment_intent", "id": "pi_1"}}}'
    )
    with pytest.raises(WebhookRefusedError, match="last minutes"):
        gateway.read_webhook(body, {"Stripe-Signature": signature(body, "whsec_x", 1_700_000_000)})
