"""What every gateway does when it charges a saved card: once a key, exactly, and with a definite end that a look shows."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace

import pytest

from control.domain.money import Money
from control.ports import (
    Declined,
    EventSubject,
    GatewayFaultError,
    GatewayMismatchError,
    GatewayPayment,
    GatewayPaymentStatus,
    Paid,
    Processing,
    Refused,
    RequiresAction,
)
from tests.contract.benches import Bench, InvoicingBench
from tests.contract.builders import a_card, a_charge, a_customer, events_of, insist, look, new_key, usd
from tests.contract.fake_gateway import DECLINES_WHEN_CHARGED, NEEDS_HOLDER, NEEDS_HOLDER_ONCE, PAYS, Fault
from tests.contract.faults import every_fault

PAGE = "https://cloud.example/invoices/inv-1"


def test_a_saved_card_is_charged_the_exact_amount(bench: Bench) -> None:
    customer_id, card = a_card(bench, PAYS)
    outcome = bench.gateway.charge(a_charge(customer_id, card), key="k")
    assert isinstance(outcome, Paid)
    assert (outcome.charged, outcome.from_balance) == (usd(10710), usd(0))
    assert bench.charges() == [usd(10710)]


def test_a_look_shows_what_was_charged_for_an_invoice(bench: Bench) -> None:
    customer_id, card = a_card(bench, PAYS)
    outcome = bench.gateway.charge(a_charge(customer_id, card), key="k")
    seen = look(bench, customer_id)
    assert isinstance(outcome, Paid)
    assert seen is not None
    assert (seen.status, seen.amount, seen.paid, seen.refunded) == (GatewayPaymentStatus.PAID, usd(10710), usd(10710), usd(0))
    assert (seen.gateway_payment_id, seen.payment_id, seen.is_disputed) == (outcome.gateway_payment_id, "payment-1", False)


def test_a_look_at_an_invoice_that_was_never_charged_shows_nothing(bench: Bench) -> None:
    customer_id, card = a_card(bench, PAYS)
    bench.gateway.charge(a_charge(customer_id, card), key="k")
    assert look(bench, customer_id, "inv-2") is None
    assert look(bench, "nobody", "inv-2") is None


def test_the_same_key_charges_once_and_has_the_same_outcome(bench: Bench) -> None:
    customer_id, card = a_card(bench, PAYS)
    first = bench.gateway.charge(a_charge(customer_id, card), key="k")
    assert bench.gateway.charge(a_charge(customer_id, card), key="k") == first
    assert bench.charges() == [usd(10710)]


def test_a_paid_invoice_is_not_charged_with_another_key_where_the_gateway_can_be_asked(invoicing: InvoicingBench) -> None:
    customer_id, card = a_card(invoicing, PAYS)
    first = invoicing.gateway.charge(a_charge(customer_id, card), key="k1")
    assert invoicing.gateway.charge(a_charge(customer_id, card, payment_id="payment-2"), key="k2") == first
    with pytest.raises(GatewayMismatchError):
        invoicing.gateway.charge(a_charge(customer_id, card, amount=usd(99)), key="k3")
    assert invoicing.charges() == [usd(10710)]


@pytest.mark.parametrize("amount", [Money(1100, "JPY"), Money(1240, "KWD"), Money(12345, "EUR")])
def test_other_currencies_are_charged_as_they_are(bench: Bench, amount: Money) -> None:
    customer_id, card = a_card(bench, PAYS)
    outcome = bench.gateway.charge(a_charge(customer_id, card, amount=amount), key="k")
    assert isinstance(outcome, Paid)
    assert bench.charges() == [outcome.charged] == [amount]


def test_a_declined_card_charges_nothing_and_another_card_may_pay(bench: Bench) -> None:
    customer_id, bad = a_card(bench, DECLINES_WHEN_CHARGED)
    outcome = bench.gateway.charge(a_charge(customer_id, bad), key="k1")
    assert isinstance(outcome, Declined)
    assert outcome.code == bench.declined
    assert bench.gateway.charge(a_charge(customer_id, bad), key="k1") == outcome
    _, good = a_card(bench, PAYS)
    assert isinstance(bench.gateway.charge(a_charge(customer_id, good, payment_id="payment-2"), key="k2"), Paid)
    assert bench.charges() == [usd(10710)]
    seen = look(bench, customer_id)
    assert seen is not None
    assert (seen.status, seen.payment_id) == (GatewayPaymentStatus.PAID, "payment-2")


def test_a_look_at_a_declined_charge_says_why(bench: Bench) -> None:
    customer_id, bad = a_card(bench, DECLINES_WHEN_CHARGED)
    bench.gateway.charge(a_charge(customer_id, bad), key="k1")
    seen = look(bench, customer_id)
    assert seen is not None
    assert (seen.status, seen.paid) == (GatewayPaymentStatus.FAILED, usd(0))
    assert seen.code or seen.message


def test_a_card_of_another_customer_is_declined_and_not_charged(bench: Bench) -> None:
    _, card = a_card(bench, PAYS)
    stranger = bench.gateway.ensure_customer(a_customer(reference="deployment-1/acc-43"), key="k1")
    assert isinstance(bench.gateway.charge(a_charge(stranger, card), key="k2"), Declined)
    assert bench.charges() == []


def test_a_card_that_was_forgotten_is_not_charged(bench: Bench) -> None:
    customer_id, card = a_card(bench, PAYS)
    bench.gateway.detach_card(customer_id, card, key="k1")
    assert isinstance(bench.gateway.charge(a_charge(customer_id, card), key="k2"), Declined | Refused)
    assert bench.charges() == []


def test_workers_that_charge_at_once_charge_once_where_the_gateway_can_be_asked(invoicing: InvoicingBench) -> None:
    customer_id, card = a_card(invoicing, PAYS)
    outcomes = []

    def work(number: int) -> None:
        request = a_charge(customer_id, card, payment_id=f"payment-{number}")
        outcomes.append(insist(lambda key: invoicing.gateway.charge(request, key=key)))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [type(outcome) for outcome in outcomes] == [Paid] * 4
    assert invoicing.charges() == [usd(10710)]


# --- the holder is asked (3-D Secure)


def test_a_card_that_asks_its_holder_cannot_pay_off_session(bench: Bench) -> None:
    customer_id, card = a_card(bench, NEEDS_HOLDER, is_bound=True)
    assert isinstance(bench.gateway.charge(a_charge(customer_id, card), key="k"), RequiresAction)
    assert bench.charges() == []


def test_a_charge_that_is_to_ask_the_holder_collects_nothing_off_session(bench: Bench) -> None:
    customer_id, card = a_card(bench, PAYS)
    request = replace(a_charge(customer_id, card), asks_holder=True)
    assert isinstance(bench.gateway.charge(request, key="k"), RequiresAction)
    assert bench.charges() == []


def test_a_card_bound_with_its_holder_pays_off_session(bench: Bench) -> None:
    customer_id, card = a_card(bench, NEEDS_HOLDER_ONCE, is_bound=True)
    assert isinstance(bench.gateway.charge(a_charge(customer_id, card), key="k"), Paid)
    assert bench.charges() == [usd(10710)]


@pytest.mark.parametrize("succeeds", [True, False])
def test_a_holder_who_is_present_is_sent_to_the_bank_and_back(bench: Bench, succeeds: bool) -> None:
    customer_id, card = a_card(bench, NEEDS_HOLDER, is_bound=True)
    request = a_charge(customer_id, card, return_url=PAGE)
    outcome = bench.gateway.charge(request, key="k1")
    assert isinstance(outcome, RequiresAction)
    assert outcome.url.startswith("http")
    result = bench.confirm_charge(request, outcome, succeeds=succeeds)
    ended = bench.gateway.complete_charge(request, result, key="k2")
    assert isinstance(ended, Paid if succeeds else Declined)
    assert bench.charges() == [usd(10710)] * succeeds
    assert bench.gateway.complete_charge(request, result, key="k2") == ended


def test_an_attempt_that_needs_the_holder_is_taken_up_again_with_the_holder_present(bench: Bench) -> None:
    customer_id, card = a_card(bench, NEEDS_HOLDER, is_bound=True)
    bench.gateway.charge(a_charge(customer_id, card), key="k1")
    request = a_charge(customer_id, card, payment_id="payment-2", return_url=PAGE)
    outcome = bench.gateway.charge(request, key="k2")
    assert isinstance(outcome, RequiresAction)
    assert isinstance(bench.gateway.complete_charge(request, bench.confirm_charge(request, outcome, succeeds=True), key="k3"), Paid)
    assert bench.charges() == [usd(10710)]


# --- a payment that takes its time


@pytest.mark.parametrize("succeeds", [True, False])
def test_a_payment_under_way_ends_with_an_event(bench: Bench, succeeds: bool) -> None:
    customer_id, card = a_card(bench, PAYS)
    bench.hold_charge()
    request = a_charge(customer_id, card)
    assert isinstance(bench.gateway.charge(request, key="k"), Processing)
    assert bench.charges() == []
    bench.end_charge(request, succeeds=succeeds)
    event = events_of(bench, EventSubject.PAYMENT)[-1]
    assert (event.customer_id, event.invoice_id, event.reference) == (customer_id, "inv-1", "payment-1")
    state = bench.gateway.state_of(event)
    assert isinstance(state, GatewayPayment)
    assert state.status is (GatewayPaymentStatus.PAID if succeeds else GatewayPaymentStatus.FAILED)
    assert bench.charges() == [usd(10710)] * succeeds


# --- whatever breaks


@every_fault
def test_a_card_is_charged_once_whatever_breaks(bench: Bench, fault: Fault) -> None:
    customer_id, card = a_card(bench, PAYS)
    bench.plan(fault, "charge")
    outcome = insist(lambda key: bench.gateway.charge(a_charge(customer_id, card), key=key))
    assert isinstance(outcome, Paid)
    assert bench.charges() == [outcome.charged] == [usd(10710)]


def test_a_decline_whose_answer_was_lost_is_not_tried_a_second_time(bench: Bench) -> None:
    customer_id, card = a_card(bench, DECLINES_WHEN_CHARGED)
    bench.plan("drop_after", "charge")
    assert isinstance(insist(lambda key: bench.gateway.charge(a_charge(customer_id, card), key=key)), Declined)
    assert bench.charges() == []


def test_a_key_that_comes_back_with_another_card_has_no_second_effect(bench: Bench) -> None:
    customer_id, bad = a_card(bench, DECLINES_WHEN_CHARGED)
    _, good = a_card(bench, PAYS)
    first = bench.gateway.charge(a_charge(customer_id, bad), key="k")
    with contextlib.suppress(GatewayFaultError):
        assert bench.gateway.charge(a_charge(customer_id, good), key="k") == first
    assert bench.charges() == []


def test_a_look_that_gets_no_answer_is_repeated(bench: Bench) -> None:
    customer_id, card = a_card(bench, PAYS)
    tried = bench.tried()
    bench.gateway.charge(a_charge(customer_id, card), key=new_key())
    bench.end_of_day()
    bench.plan("drop_before", "find_payment")
    assert insist(lambda _: bench.gateway.find_payment(customer_id, "inv-1", tried=tried)) is not None
