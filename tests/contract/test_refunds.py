"""What every gateway does when a payment is given back: once an id of ours, never more than was paid, with an end that is told."""

from __future__ import annotations

import pytest

from control.domain.money import Money
from control.ports import (
    EventSubject,
    GatewayDispute,
    GatewayDisputeStatus,
    GatewayMismatchError,
    GatewayPayment,
    GatewayPaymentStatus,
    GatewayRefund,
    GatewayRefundStatus,
    Paid,
    RefundRequest,
    Refused,
)
from tests.contract.benches import Bench, InvoicingBench
from tests.contract.builders import a_card, a_charge, events_of, insist, usd
from tests.contract.fake_gateway import DISPUTED, PAYS, Fault
from tests.contract.faults import every_fault


def a_payment(bench: Bench, token: str = PAYS) -> tuple[str, str]:
    """The ids of a customer and of a payment of 107.10 USD."""
    customer_id, card = a_card(bench, token)
    outcome = bench.gateway.charge(a_charge(customer_id, card), key="charge")
    assert isinstance(outcome, Paid)
    return customer_id, outcome.gateway_payment_id


def a_refund(payment_id: str, amount: Money | None = None, *, refund_id: str = "refund-1") -> RefundRequest:
    return RefundRequest(refund_id=refund_id, gateway_payment_id=payment_id, amount=amount or usd(10710), reason="a test")


def ended(bench: Bench, refund_id: str) -> GatewayRefund:
    """The refund as its last event shows it."""
    told = [event for event in events_of(bench, EventSubject.REFUND) if event.reference == refund_id]
    state = bench.gateway.state_of(told[-1])
    assert isinstance(state, GatewayRefund)
    return state


def test_a_payment_is_given_back_in_whole(bench: Bench) -> None:
    customer_id, payment_id = a_payment(bench)
    refund = bench.gateway.ensure_refund(a_refund(payment_id), key="k")
    assert isinstance(refund, GatewayRefund)
    assert (refund.refund_id, refund.gateway_payment_id, refund.amount) == ("refund-1", payment_id, usd(10710))
    end = ended(bench, "refund-1")
    assert (end.gateway_refund_id, end.status) == (refund.gateway_refund_id, GatewayRefundStatus.SUCCEEDED)
    assert bench.given_back() == usd(10710)
    told = events_of(bench, EventSubject.REFUND)[-1]
    assert (told.gateway_payment_id, told.customer_id) in ((payment_id, customer_id), (payment_id, ""))


def test_a_payment_is_given_back_in_parts_up_to_its_amount(bench: Bench) -> None:
    _, payment_id = a_payment(bench)
    for number, part in enumerate((4000, 6000, 710), start=1):
        refund = bench.gateway.ensure_refund(a_refund(payment_id, usd(part), refund_id=f"refund-{number}"), key=f"k{number}")
        assert isinstance(refund, GatewayRefund)
    assert bench.given_back() == usd(10710)
    over = bench.gateway.ensure_refund(a_refund(payment_id, usd(1), refund_id="refund-4"), key="k4")
    assert isinstance(over, Refused) or ended(bench, "refund-4").status is GatewayRefundStatus.FAILED
    assert bench.given_back() == usd(10710)


def test_a_refund_is_made_once_with_the_same_key(bench: Bench) -> None:
    _, payment_id = a_payment(bench)
    first = bench.gateway.ensure_refund(a_refund(payment_id, usd(100)), key="k")
    second = bench.gateway.ensure_refund(a_refund(payment_id, usd(100)), key="k")
    assert isinstance(first, GatewayRefund)
    assert isinstance(second, GatewayRefund)
    assert first.gateway_refund_id == second.gateway_refund_id
    assert bench.given_back() == usd(100)


def test_a_refund_of_ours_is_one_refund_with_whatever_key(bench: Bench) -> None:
    _, payment_id = a_payment(bench)
    first = bench.gateway.ensure_refund(a_refund(payment_id, usd(100)), key="k")
    second = bench.gateway.ensure_refund(a_refund(payment_id, usd(100)), key="next week")
    assert isinstance(first, GatewayRefund)
    assert isinstance(second, GatewayRefund)
    assert first.gateway_refund_id == second.gateway_refund_id
    assert bench.given_back() == usd(100)


def test_a_refund_with_another_amount_than_before_is_a_mismatch(bench: Bench) -> None:
    _, payment_id = a_payment(bench)
    bench.gateway.ensure_refund(a_refund(payment_id, usd(100)), key="k1")
    with pytest.raises(GatewayMismatchError):
        bench.gateway.ensure_refund(a_refund(payment_id, usd(101)), key="k2")
    assert bench.given_back() == usd(100)


def test_what_was_never_paid_is_not_given_back(bench: Bench) -> None:
    a_payment(bench)
    assert isinstance(bench.gateway.ensure_refund(a_refund("pi_nobody_made_this"), key="k"), Refused)
    assert bench.given_back() == usd(0)


@pytest.mark.parametrize("succeeds", [True, False])
def test_a_refund_that_takes_its_time_is_pending_until_it_ends(bench: Bench, succeeds: bool) -> None:
    _, payment_id = a_payment(bench, bench.slow_refund_card())
    refund = bench.gateway.ensure_refund(a_refund(payment_id), key="k")
    assert isinstance(refund, GatewayRefund)
    assert refund.status is GatewayRefundStatus.PENDING
    bench.end_refund("refund-1", succeeds=succeeds)
    assert ended(bench, "refund-1").status is (GatewayRefundStatus.SUCCEEDED if succeeds else GatewayRefundStatus.FAILED)
    assert bench.given_back() == usd(10710 * succeeds)


def test_a_refund_that_comes_back_after_it_succeeded_has_failed(bench: Bench) -> None:
    _, payment_id = a_payment(bench, bench.slow_refund_card())
    bench.gateway.ensure_refund(a_refund(payment_id), key="k")
    bench.end_refund("refund-1", succeeds=True)
    bench.end_refund("refund-1", succeeds=False)
    assert ended(bench, "refund-1").status is GatewayRefundStatus.FAILED
    assert bench.given_back() == usd(0)


@every_fault
def test_a_payment_is_given_back_once_whatever_breaks(bench: Bench, fault: Fault) -> None:
    _, payment_id = a_payment(bench)
    bench.plan(fault, "ensure_refund")
    refund = insist(lambda key: bench.gateway.ensure_refund(a_refund(payment_id, usd(700)), key=key))
    assert isinstance(refund, GatewayRefund)
    assert bench.given_back() == usd(700)


def test_a_look_finds_the_refund_by_our_id(bench: Bench) -> None:
    _, payment_id = a_payment(bench)
    tried = bench.tried()
    bench.gateway.ensure_refund(a_refund(payment_id, usd(100)), key="k")
    bench.end_of_day()
    found = bench.gateway.find_refund(payment_id, "refund-1", tried=tried)
    assert found is not None
    assert (found.amount, found.status) == (usd(100), GatewayRefundStatus.SUCCEEDED)
    assert bench.gateway.find_refund(payment_id, "refund-2", tried=tried) is None


def test_a_payment_says_what_was_given_back_of_it_where_the_gateway_can_be_asked(invoicing: InvoicingBench) -> None:
    _, payment_id = a_payment(invoicing)
    invoicing.gateway.ensure_refund(a_refund(payment_id, usd(710)), key="k")
    state = invoicing.gateway.state_of(events_of(invoicing, EventSubject.PAYMENT)[-1])
    assert isinstance(state, GatewayPayment)
    assert (state.status, state.paid, state.refunded) == (GatewayPaymentStatus.PAID, usd(10710), usd(710))


# --- disputes


@pytest.mark.parametrize(("is_won", "status"), [(True, GatewayDisputeStatus.WON), (False, GatewayDisputeStatus.LOST)])
def test_a_dispute_is_told_when_it_opens_and_when_it_ends(bench: Bench, is_won: bool, status: GatewayDisputeStatus) -> None:
    _, payment_id = a_payment(bench, DISPUTED)
    (opened,) = events_of(bench, EventSubject.DISPUTE)
    dispute = bench.gateway.state_of(opened)
    assert isinstance(dispute, GatewayDispute)
    assert (dispute.gateway_payment_id, dispute.status, dispute.amount) == (payment_id, GatewayDisputeStatus.OPEN, usd(10710))
    assert opened.gateway_payment_id == payment_id
    bench.end_dispute(dispute.gateway_dispute_id, is_won=is_won)
    closed = events_of(bench, EventSubject.DISPUTE)[-1]
    end = bench.gateway.state_of(closed)
    assert isinstance(end, GatewayDispute)
    assert (end.gateway_dispute_id, end.status) == (dispute.gateway_dispute_id, status)
    assert closed.event_id != opened.event_id
