"""What gateways tell: stored once, handled in any order, believed only after a look; and what we tell others."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import select

from control.bootstrap import Control
from control.domain.signatures import HEADER, is_signed, sign
from control.domain.status import InvoiceStatus
from control.ports import GatewayDisputeStatus, WebhookRefusedError
from control.services.accounts import upsert_accounts
from control.services.deliver import MAX_FAILURES, MAX_TRIES, deliver, post_over_http
from control.services.ledger import read_trial_balance
from control.services.lifecycle import resume, suspend
from control.services.payment_methods import list_methods, remind_of_expiry, remove_card, save_card, set_default, start_binding
from control.services.push import push
from control.services.receive import handle_events, receive
from control.services.show import show_invoice
from control.services.verify import verify_ledger
from control.services.work import work
from control.settings import ControlSettings
from control.store.tables import disputes, gateway_customers, gateway_events, outbox
from control.testing.memory_gateway import DISPUTED
from tests.contract.fake_gateway import DECLINES_WHEN_CHARGED, NEEDS_HOLDER, PAYS, ChargingFake, FakeGateway
from tests.control_bench.builders import NOW, a_credit_note, a_draft, an_account, given_account_with_card, given_invoices, usd
from tests.control_bench.stores import control_settings, fresh_sqlite, opened
from warehouse.errors import InputError

LATER = NOW + timedelta(days=1)


def hear(control: Control, gateway: FakeGateway | ChargingFake, *events: Any) -> None:  # noqa: ANN401 - gateway events; default: all
    receive(control, "fake", *gateway.webhook(*(events or gateway.events)), now=LATER)
    handle_events(control, now=LATER)


def balances(control: Control) -> dict[tuple[str, str], int]:
    return {(line.ledger_account.value, line.detail): line.balance.minor for line in read_trial_balance(control)}


def messages(control: Control) -> list[str]:
    with control.store.reading() as connection:
        return [str(row.event_type) for row in connection.execute(select(outbox).order_by(outbox.c.revision))]


def test_a_payment_on_the_gateways_page_is_written_down_when_it_is_heard_of(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, token=NEEDS_HOLDER)
    given_invoices(control, a_draft())
    (outcome,) = push(control, now=NOW)
    assert outcome.result == "requires_action"
    assert "payment.requires_action" in messages(control)
    customer = next(iter(gateway.customers))
    look = gateway.find_invoice(customer, "acc-1:2026-01:invoice:")
    assert look is not None
    gateway.authenticate(look.gateway_invoice_id)
    hear(control, gateway)
    assert show_invoice(control, "INV-000001").status is InvoiceStatus.PAID
    assert balances(control)["cash", "fake"] == 10_000 - 200, "what it collected less its fee"
    assert push(control, now=LATER) == []
    assert verify_ledger(control) == []


def test_events_in_any_order_doubled_or_late_come_to_the_same(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, token=NEEDS_HOLDER)
    given_invoices(control, a_draft())
    push(control, now=NOW)
    look = gateway.find_invoice(next(iter(gateway.customers)), "acc-1:2026-01:invoice:")
    assert look is not None
    gateway.authenticate(look.gateway_invoice_id)
    for order in itertools.islice(itertools.permutations(gateway.events), 4):
        for event in order:
            hear(control, gateway, event)
            hear(control, gateway, event)
    assert show_invoice(control, "INV-000001").paid == usd(10_000)
    assert balances(control)["fees", "fake"] == 200
    with control.store.reading() as connection:
        assert len(connection.execute(select(gateway_events)).all()) == len(gateway.events)


def test_a_webhook_without_a_valid_signature_is_refused_and_not_stored(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft())
    push(control, now=NOW)
    body, headers = gateway.webhook(*gateway.events)
    with pytest.raises(WebhookRefusedError):
        receive(control, "fake", body.replace(b"paid", b"void"), headers, now=NOW)
    with control.store.reading() as connection:
        assert connection.execute(select(gateway_events)).all() == []


def test_an_event_that_cannot_be_handled_waits_and_holds_up_no_other(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft())
    push(control, now=NOW)
    gateway.plan("drop_before", "state_of")
    hear(control, gateway)
    worked = work(control, now=LATER)
    assert worked.events_waiting == 1
    assert work(control, now=LATER + timedelta(minutes=2)).is_idle


def test_a_lost_dispute_takes_the_money_out_of_the_books_once_and_a_won_one_does_not(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, token=DISPUTED)
    given_invoices(control, a_draft())
    push(control, now=NOW)
    hear(control, gateway)
    assert "dispute.open" in messages(control)
    assert ("bad_debt", "") not in balances(control)
    (dispute_id,) = gateway.disputes
    gateway.end_dispute(dispute_id, GatewayDisputeStatus.LOST)
    hear(control, gateway)
    hear(control, gateway)
    assert balances(control)["bad_debt", ""] == 10_000
    with control.store.reading() as connection:
        assert connection.execute(select(disputes.c.status)).scalar_one() == "lost"


@pytest.fixture
def charging() -> ChargingFake:
    return ChargingFake()


@pytest.fixture
def without_invoices(store_url: str, tmp_path: Any, charging: ChargingFake) -> Iterator[Control]:  # noqa: ANN401 - a Path
    """The control plane with a gateway that keeps no invoices."""
    with opened(store_url, tmp_path, gateways=lambda _: charging) as control:
        yield control


def test_a_gateway_without_invoices_charges_what_the_own_balance_leaves(without_invoices: Control, charging: ChargingFake) -> None:
    given_account_with_card(without_invoices)
    given_invoices(without_invoices, a_draft(), a_credit_note(amount=-3_000))
    assert [outcome.result for outcome in push(without_invoices, now=NOW)] == ["credited", "paid"]
    assert [charge.amount for charge in charging.charges] == [usd(7_000)]
    assert balances(without_invoices)["customer_balance", ""] == 0
    assert verify_ledger(without_invoices) == []


def test_a_charge_that_takes_its_time_ends_as_the_gateway_says(without_invoices: Control, charging: ChargingFake) -> None:
    given_account_with_card(without_invoices)
    given_invoices(without_invoices, a_draft())
    charging.charges_stay_processing = True
    assert push(without_invoices, now=NOW)[0].result == "unavailable"
    charging.confirm_charge(next(iter(charging.customers)), "acc-1:2026-01:invoice:", succeeds=False)
    hear(without_invoices, charging)
    assert messages(without_invoices)[-1] == "payment.declined"
    charging.charges_stay_processing = False
    assert push(without_invoices, now=LATER)[0].result == "paid"
    assert len(charging.charges) == 1


def test_several_cards_have_one_default_and_push_charges_it(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, token=PAYS)
    good = list_methods(control, "acc-1")[0].card.payment_method_id
    bad = save_card(control, "acc-1", DECLINES_WHEN_CHARGED, now=LATER).payment_method_id
    assert {method.card.payment_method_id: method.is_default for method in list_methods(control, "acc-1")} == {good: False, bad: True}
    given_invoices(control, a_draft())
    assert push(control, now=NOW)[0].result == "declined"
    set_default(control, "acc-1", good)
    assert push(control, now=NOW)[0].result == "paid"
    remove_card(control, "acc-1", good)
    assert [method.is_default for method in list_methods(control, "acc-1")] == [True]
    assert [card.payment_method_id for card in gateway.list_cards(next(iter(gateway.customers)))] == [bad]
    with pytest.raises(InputError, match="no saved card"):
        set_default(control, "acc-1", good)


def test_a_card_bound_in_the_browser_is_kept_when_its_event_comes(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    started = start_binding(control, "acc-1", binding_id="b-1", return_url="https://cloud.example/back")
    gateway.enter_card(started.gateway_binding_id, NEEDS_HOLDER)
    hear(control, gateway)
    assert len(list_methods(control, "acc-1")) == 1, "the holder has not authenticated"
    gateway.confirm_binding(started.gateway_binding_id, succeeds=True)
    hear(control, gateway)
    first, second = list_methods(control, "acc-1")
    assert {first.is_default, second.is_default} == {True, False}


def test_an_ending_card_is_reminded_of_once(control: Control) -> None:
    given_account_with_card(control)
    assert remind_of_expiry(control, now=NOW) == 0
    december = NOW.replace(year=2031, month=11)
    assert (remind_of_expiry(control, now=december), remind_of_expiry(control, now=december)) == (1, 0)
    assert messages(control)[-1] == "payment_method.expiring"
    with control.store.reading() as connection:
        assert connection.execute(select(gateway_customers.c.card_expires)).scalar_one() == "2031-12"


# What we tell


class Receiver:
    def __init__(self, *statuses: int) -> None:
        self.statuses, self.got = list(statuses), []

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        self.got.append((url, body, headers))
        status = self.statuses.pop(0) if self.statuses else 204
        if status == 0:
            raise ConnectionError("down")
        return status

    got: list[tuple[str, bytes, Mapping[str, str]]]


@pytest.fixture
def telling(tmp_path: Any) -> Iterator[Control]:  # noqa: ANN401 - a Path
    """A deployment whose events somebody follows, with one message."""
    own = control_settings(events_url="https://cloud.example/events", events_secret=SecretStr("s3cret"))
    with opened(fresh_sqlite(tmp_path), tmp_path, gateways=lambda _: FakeGateway(), settings=own) as control:
        upsert_accounts(control, [an_account()], now=NOW)
        yield control


def test_a_message_is_signed_and_posted_until_it_is_taken(telling: Control) -> None:
    receiver = Receiver(500, 0, 204)
    assert deliver(telling, now=NOW, post=receiver.post).put_off == 1
    assert deliver(telling, now=NOW, post=receiver.post).sent == 0, "not yet due"
    assert deliver(telling, now=NOW + timedelta(seconds=10), post=receiver.post).put_off == 1
    assert deliver(telling, now=NOW + timedelta(seconds=31), post=receiver.post).sent == 1
    assert deliver(telling, now=LATER, post=receiver.post).sent == 0
    (url, body, headers), *_ = receiver.got
    timestamp = int(headers[HEADER].split(",")[0][2:])
    assert url == "https://cloud.example/events"
    assert is_signed(body, headers[HEADER], "s3cret", now=timestamp + 299)
    assert not is_signed(body, headers[HEADER], "s3cret", now=timestamp + 301)
    assert not is_signed(body + b" ", headers[HEADER], "s3cret", now=timestamp)
    assert len({one[2]["Meterhouse-Event-Id"] for one in receiver.got}) == 1


def test_a_receiver_that_is_down_is_not_asked_for_everything_and_in_the_end_given_up(telling: Control) -> None:
    for number in range(3):
        suspend(telling, "acc-1", reason="x", actor="ada", now=NOW)
        resume(telling, "acc-1", reason=f"y {number}", actor="ada", now=NOW)
    receiver = Receiver(*[503] * 1000)
    deliver(telling, now=NOW, post=receiver.post)
    assert len(receiver.got) == MAX_FAILURES
    now = NOW
    for _ in range(MAX_TRIES * 4):
        now += timedelta(hours=2)
        deliver(telling, now=now, post=receiver.post)
    assert work(telling, now=now, post=receiver.post).messages_given_up == 7


def test_events_without_a_receiver_wait_and_a_receiver_needs_a_secret(control: Control) -> None:
    given_account_with_card(control)
    receiver = Receiver()
    assert deliver(control, now=NOW, post=receiver.post).sent == 0
    assert work(control, now=NOW).messages_waiting == 1
    with pytest.raises(ValueError, match="METERHOUSE_EVENTS_SECRET"):
        ControlSettings(_env_file=None, events_url="https://cloud.example/")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="without a user or password"):
        ControlSettings(_env_file=None, events_url="https://ada:pw@cloud.example/", events_secret=SecretStr("x"))  # type: ignore[call-arg]


def test_a_message_travels_over_http() -> None:
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    assert post_over_http(f"http://127.0.0.1:{server.server_port}/events?x=1", b"{}", {"A": "b"}) == 204
    thread.join()
    server.server_close()
    assert got == [b"{}"]
    with pytest.raises(OSError):  # noqa: PT011 - nobody listens there any more
        post_over_http(f"http://127.0.0.1:{server.server_port}/events", b"{}", {})


@given(st.binary(), st.text(), st.integers(min_value=0, max_value=2**40))
def test_a_signature_is_true_of_its_message_only(body: bytes, secret: str, at: int) -> None:
    header = sign(body, secret, timestamp=at)
    assert is_signed(body, header, secret, now=at)
    assert not is_signed(body, header, secret + "x", now=at)
    assert not is_signed(body, header.replace("v1=", "v1=0"), secret, now=at)
    for nonsense in ("", "t=,v1=", "t=²,v1=x", "v1=x", header.split(",")[0]):
        assert not is_signed(body, nonsense, secret, now=at)
