"""What every gateway tells: only what it signed, each event by an id of its own, and the lists that ours is compared with."""

from __future__ import annotations

from datetime import timedelta

import pytest

from control.ports import EventSubject, GatewayPaymentStatus, Paid, RefundRequest, WebhookRefusedError
from tests.contract.benches import Bench, InvoicingBench
from tests.contract.builders import a_card, a_charge, a_paying_customer, an_invoice, events_of, insist, push, usd
from tests.contract.fake_gateway import DECLINES_WHEN_CHARGED, PAYS


def a_paid_charge(bench: Bench, invoice_id: str = "inv-1") -> tuple[str, str]:
    customer_id, card = a_card(bench, PAYS)
    request = a_charge(customer_id, card, invoice_id=invoice_id, payment_id=f"payment-{invoice_id}")
    outcome = bench.gateway.charge(request, key=f"charge-{invoice_id}")
    assert isinstance(outcome, Paid)
    return customer_id, outcome.gateway_payment_id


def test_a_payment_is_told_with_our_ids(bench: Bench) -> None:
    customer_id, gateway_payment_id = a_paid_charge(bench)
    event = events_of(bench, EventSubject.PAYMENT)[-1]
    assert (event.gateway, event.gateway_payment_id) == (bench.gateway.name, gateway_payment_id)
    assert event.customer_id == customer_id
    assert abs(event.occurred_at - bench.now()) < timedelta(minutes=5)
    (told,) = {(event.invoice_id, event.reference) for event in events_of(bench, EventSubject.PAYMENT) if event.reference}
    assert told == ("inv-1", "payment-inv-1")


def test_each_event_has_an_id_of_its_own_and_a_repetition_has_the_same(bench: Bench) -> None:
    a_paid_charge(bench)
    for _ in range(2):
        ids = [event.event_id for event in events_of(bench)]
        assert len(set(ids)) == len(ids)
        assert ids == [event.event_id for event in events_of(bench)]


def test_names_of_headers_are_read_in_any_case(bench: Bench) -> None:
    a_paid_charge(bench)
    body, headers = bench.webhooks()[-1]
    assert bench.gateway.read_webhook(body, {name.upper(): value for name, value in headers.items()})


def test_a_webhook_that_was_changed_on_the_way_is_refused(bench: Bench) -> None:
    a_paid_charge(bench)
    for body, headers in bench.webhooks():
        changed = body.replace(b"10710", b"10711").replace(b"inv-1", b"inv-2")
        if changed != body:
            with pytest.raises(WebhookRefusedError):
                bench.gateway.read_webhook(bench.forged(body), headers)
            return
    raise AssertionError("no webhook speaks of the payment")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"\xff", b'{"notificationItems": []}', b'{"id": "evt_1"}'])
def test_what_is_no_message_of_the_gateway_is_refused(bench: Bench, body: bytes) -> None:
    with pytest.raises(WebhookRefusedError):
        bench.gateway.read_webhook(body, {})


def test_a_message_signed_with_another_secret_is_refused(bench: Bench) -> None:
    a_paid_charge(bench)
    body, headers = bench.webhooks()[-1]
    with pytest.raises(WebhookRefusedError):
        bench.stranger().read_webhook(body, headers)


def test_events_out_of_order_lead_to_the_same_state(bench: Bench) -> None:
    a_paid_charge(bench)
    told = events_of(bench, EventSubject.PAYMENT)
    for order in (told, told[::-1], told + told):
        states = [state for event in order if (state := bench.gateway.state_of(event))]
        last = max(states, key=lambda state: state.occurred_at)
        assert last.status is GatewayPaymentStatus.PAID


# --- lists


def test_the_payments_of_a_period_are_listed_once_each_with_what_was_collected(bench: Bench) -> None:
    since = bench.now()
    paid = [a_paid_charge(bench, invoice_id) for invoice_id in ("inv-1", "inv-2", "inv-3")]
    customer_id, bad = a_card(bench, DECLINES_WHEN_CHARGED)
    bench.gateway.charge(a_charge(customer_id, bad, invoice_id="inv-4", payment_id="payment-4"), key="k")
    bench.end_of_day()
    rows = list(bench.gateway.list_payments(since - timedelta(seconds=1), bench.end()))
    assert {(row.gateway_payment_id, row.payment_id) for row in rows} == {
        (gateway_id, f"payment-inv-{number}") for number, (_, gateway_id) in enumerate(paid, start=1)
    }
    assert [row.paid for row in rows] == [usd(10710)] * 3
    assert all(row.fee is None or 0 < row.fee.minor < 10710 for row in rows)


def test_a_payment_outside_of_the_period_is_not_listed(bench: Bench) -> None:
    a_paid_charge(bench)
    bench.end_of_day()
    day = timedelta(days=1)
    assert list(bench.gateway.list_payments(bench.now() - 30 * day, bench.now() - 20 * day)) == []
    assert list(bench.gateway.list_refunds(bench.now() - 30 * day, bench.now() - 20 * day)) == []


def test_the_refunds_of_a_period_are_listed(bench: Bench) -> None:
    since = bench.now()
    _, gateway_payment_id = a_paid_charge(bench)
    for number in (1, 2):
        request = RefundRequest(refund_id=f"refund-{number}", gateway_payment_id=gateway_payment_id, amount=usd(100 * number), reason="")
        bench.gateway.ensure_refund(request, key=f"k{number}")
    bench.end_of_day()
    rows = list(bench.gateway.list_refunds(since - timedelta(seconds=1), bench.end()))
    assert {(row.refund_id, row.gateway_payment_id, row.amount) for row in rows} == {
        ("refund-1", gateway_payment_id, usd(100)),
        ("refund-2", gateway_payment_id, usd(200)),
    }


def test_lists_are_there_as_far_as_the_gateway_says_and_hold_what_happened_before(bench: Bench) -> None:
    since = bench.now() - timedelta(days=1)
    _, gateway_payment_id = a_paid_charge(bench)
    bench.end_of_day()
    reach = bench.gateway.listed_until(bench.now())
    assert reach is None or since < reach <= bench.now()
    rows = bench.gateway.list_payments(since, reach or bench.now() + timedelta(minutes=1))
    assert [row.gateway_payment_id for row in rows] == [gateway_payment_id]
    assert list(bench.gateway.list_refunds(since, reach or bench.now())) == []


def test_a_list_that_gets_no_answer_is_asked_for_again(bench: Bench) -> None:
    since = bench.now() - timedelta(seconds=1)
    a_paid_charge(bench)
    bench.end_of_day()
    bench.plan("rate_limit", "list_payments")
    assert insist(lambda _: list(bench.gateway.list_payments(since, bench.end())))


def test_a_payment_through_an_invoice_of_the_gateway_is_listed_and_told_with_our_invoice(invoicing: InvoicingBench) -> None:
    since = invoicing.now() - timedelta(seconds=1)
    customer_id, card = a_paying_customer(invoicing.gateway)
    outcome = push(invoicing.gateway, an_invoice(customer_id), card)
    assert isinstance(outcome, Paid)
    (row,) = invoicing.gateway.list_payments(since, invoicing.end())
    expected = (outcome.gateway_payment_id, "inv-1", customer_id, usd(10710))
    assert (row.gateway_payment_id, row.invoice_id, row.customer_id, row.paid) == expected
    told = events_of(invoicing, EventSubject.INVOICE)
    assert {(event.customer_id, event.invoice_id) for event in told} == {(customer_id, "inv-1")}
    state = invoicing.gateway.state_of(events_of(invoicing, EventSubject.PAYMENT)[-1])
    assert state == row
