"""Gateways that post to our server: a server process of its own, both doubles delivering late, twice and reversed, and forgers."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from control.bootstrap import Control, open_control
from control.domain.payments import PushResult
from control.domain.status import InvoiceStatus
from control.services.accounts import upsert_accounts
from control.services.ledger import read_trial_balance
from control.services.payment_methods import save_card
from control.services.push import push
from control.services.show import list_payments, show_invoice
from control.services.verify import verify_ledger
from control.store.tables import gateway_events
from control.testing.adyen_server import AdyenServer
from control.testing.stripe_server import StripeServer
from control.testing.stripe_server.webhooks import signature
from orchestration.api.webhooks import BODY_LIMIT_BYTES
from tests.contract.adyen_bench import DOCUMENT, AdyenBench
from tests.contract.fake_gateway import NEEDS_HOLDER, PAYS
from tests.control_bench.builders import a_draft, an_account, given_invoices
from tests.control_bench.stores import control_settings, fresh_sqlite, settings_of
from tests.sources_bench.doors import Door
from tests.sources_bench.servers import wait_until

ADYEN = pytest.param("adyen", marks=pytest.mark.needs_shared_data)
FAULTS = {"webhook_twice": {"times": 9}, "webhook_late": {"seconds": 0.2}, "webhook_reversed": {"times": 2}}


@dataclass
class World:
    """Our server, the gateways that post to it, and the control plane that both work with."""

    door: Door
    control: Control
    stripe: StripeServer
    adyen: AdyenServer | None
    months: int = 0

    def double(self, name: str) -> Any:  # noqa: ANN401 - one of the two
        return self.stripe if name == "stripe" else self.adyen

    def begin_charge(self, name: str) -> str:
        """Push an invoice of a new account, in a month of its own, whose payment has no end yet; its number."""
        self.months += 1
        account_id, period = f"acc-{self.months}", f"2026-{self.months:02d}"
        upsert_accounts(self.control, [an_account(account_id, gateway=name)])
        token = NEEDS_HOLDER if name == "stripe" else AdyenBench(self.double(name)).token(PAYS)
        save_card(self.control, account_id, token)
        given_invoices(self.control, a_draft(account_id, period=period))
        if name == "adyen":
            self.double(name).plan("processing", path="/v72/payments")
        (outcome,) = push(self.control, period, now=datetime.now(UTC))
        assert outcome.result in (PushResult.REQUIRES_ACTION, PushResult.UNAVAILABLE), outcome
        return outcome.invoice_number

    def end_charge(self, name: str) -> None:
        """The bank answers, and the gateway tells of it."""
        kind, status = ("payment_intent", "requires_action") if name == "stripe" else ("payment", "under_way")
        rows = self.double(name).gateway.objects(kind)
        waiting = next(row["id"] for row in rows if row["status"] == status)
        self.double(name).gateway.resolve(waiting, succeeds=True)

    def post(self, name: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.door.port, timeout=30)) as connection:
            connection.request("POST", f"/webhooks/{name}", body=body, headers=headers)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()

    def events(self) -> dict[tuple[str, str], str]:
        with self.control.store.reading() as connection:
            return {(row.gateway, row.event_id): row.status for row in connection.execute(select(gateway_events))}

    def is_idle(self, name: str) -> bool:
        """Whether the gateway delivered everything and we handled it."""
        is_delivered: bool = self.double(name).gateway.deliveries.wait_until_idle(10)
        return is_delivered and set(self.events().values()) <= {"handled"}

    def books(self) -> Any:  # noqa: ANN401 - compared with itself only
        """All that a message could change."""
        return self.events(), list_payments(self.control), read_trial_balance(self.control)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home: Path = tmp_path_factory.mktemp("webhooks")
    settings = settings_of(fresh_sqlite(home), home)
    door = Door(settings=settings)
    address = f"http://127.0.0.1:{door.port}/webhooks"
    with contextlib.ExitStack() as stack:
        stripe = stack.enter_context(StripeServer(webhook_url=f"{address}/stripe"))
        values = {"STRIPE_API_KEY": "sk_test_webhooks", "STRIPE_API_BASE": stripe.url, "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret}
        adyen = None
        if DOCUMENT.exists():
            adyen = stack.enter_context(AdyenServer(document=DOCUMENT, webhook_url=f"{address}/adyen"))
            values |= {
                "ADYEN_API_KEY": "AQE-webhooks",
                "ADYEN_MERCHANT_ACCOUNT": adyen.merchant_account,
                "ADYEN_HMAC_KEY": adyen.hmac_key,
                "ADYEN_API_BASE": adyen.url,
            }
        door.variables = values
        stack.callback(door.kill)
        control = stack.enter_context(open_control(settings, control_settings(**values)))
        door.start()
        yield World(door=door, control=control, stripe=stripe, adyen=adyen)


@pytest.mark.parametrize("name", ["stripe", ADYEN])
@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_payment_told_late_twice_or_in_reverse_is_booked_once_without_anybody_working(world: World, name: str, fault: str) -> None:
    number = world.begin_charge(name)
    world.double(name).plan(fault, event="*", **FAULTS[fault])
    world.end_charge(name)
    if fault == "webhook_reversed" and name == "adyen":
        world.begin_charge(name)  # one payment is one message there: the second lets both go, in reverse
        world.end_charge(name)
    wait_until(lambda: show_invoice(world.control, number).status is InvoiceStatus.PAID)
    wait_until(lambda: world.is_idle(name))
    assert [row["status"] for row in list_payments(world.control) if row["invoice_number"] == number][-1] == "paid"
    assert verify_ledger(world.control) == []


@pytest.mark.parametrize("name", ["stripe", ADYEN])
def test_a_message_that_comes_again_or_is_forged_changes_nothing(world: World, name: str) -> None:
    world.begin_charge(name)
    wait_until(lambda: world.is_idle(name))
    before = world.books()
    body, headers = message_of(world, name)
    assert world.post(name, body, headers) == (200, "[accepted]" if name == "adyen" else "")
    forged = [
        (body.replace(b'"success": "true"', b'"success": "false"').replace(b'"evt_', b'"evt_9'), headers),
        (body.replace(b"USD", b"EUR").replace(b"usd", b"eur"), headers),
        (b"{}", headers),
        (b"\xff\xfe", {}),
    ]
    for wrong, given in forged:
        status, answer = world.post(name, wrong, given)
        assert status == 400, wrong[:60]
        assert json.loads(answer)["detail"] == "the message is not signed as it should be, or too old"
    assert world.post(name, b" " * (BODY_LIMIT_BYTES + 1), headers)[0] == 413
    assert world.books() == before


def test_an_old_message_of_stripes_and_an_unknown_gateway_are_refused(world: World) -> None:
    world.begin_charge("stripe")
    wait_until(lambda: world.is_idle("stripe"))
    before = world.books()
    body, _ = message_of(world, "stripe")
    old = {"Stripe-Signature": signature(body, world.stripe.webhook_secret, int(time.time()) - 301)}
    assert world.post("stripe", body, old)[0] == 400
    assert world.post("paypal", body, old)[0] == 404
    assert world.books() == before


def message_of(world: World, name: str) -> tuple[bytes, dict[str, str]]:
    """The last message a double sent, signed anew as a repetition is."""
    if name == "adyen":
        return AdyenBench(world.double(name)).webhooks()[-1]
    body = json.dumps(world.stripe.gateway.objects("event")[0]).encode()
    return body, {"Stripe-Signature": signature(body, world.stripe.webhook_secret, int(time.time()))}
