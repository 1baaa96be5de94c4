"""Reconciliation: what the gateway did and we did not hear of is mended, everything else that differs is reported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from control.bootstrap import Control
from control.domain.status import InvoiceStatus
from control.ports import GatewayRefundStatus, GatewayUnavailableError
from control.services.differences import DifferenceKind, open_differences
from control.services.ledger import read_trial_balance
from control.services.push import push
from control.services.reconcile import Reconciliation, reconcile
from control.services.refund import refund_invoice
from control.services.show import list_payments, show_invoice
from control.services.verify import verify_ledger
from control.services.work import work
from control.store.tables import outbox, payment_differences, payments
from tests.contract.fake_gateway import NEEDS_HOLDER, FakeGateway
from tests.control_bench.builders import NOW, a_draft, given_account_with_card, given_invoices, usd

SINCE, UNTIL = NOW - timedelta(days=5), NOW + timedelta(days=5)


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway(now=lambda: NOW)


@pytest.fixture(autouse=True)
def _books_balance(control: Control) -> Iterator[None]:
    yield
    assert verify_ledger(control) == []


def look(control: Control) -> Reconciliation:
    return reconcile(control, "fake", since=SINCE, until=UNTIL, now=NOW)


def kinds(control: Control) -> list[tuple[DifferenceKind, bool]]:
    return [(difference.kind, difference.is_mended) for difference in look(control).differences]


def given_paid(control: Control, gateway: FakeGateway) -> str:
    given_account_with_card(control)
    given_invoices(control, a_draft())
    push(control, now=NOW)
    return next(iter(gateway.payments))


def test_where_nothing_differs_nothing_is_reported(control: Control, gateway: FakeGateway) -> None:
    given_paid(control, gateway)
    refund_invoice(control, "INV-000001", amount=usd(100), reason="x", actor="ada", now=NOW)
    found = look(control)
    assert (found.payments_compared, found.refunds_compared, found.differences) == (1, 1, ())


def test_a_payment_that_we_did_not_hear_of_is_mended(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, token=NEEDS_HOLDER)
    given_invoices(control, a_draft())
    push(control, now=NOW)
    seen = gateway.find_invoice(next(iter(gateway.customers)), "acc-1:2026-01:invoice:")
    assert seen is not None
    gateway.authenticate(seen.gateway_invoice_id)
    assert kinds(control) == [(DifferenceKind.MISSING_HERE, True)]
    assert show_invoice(control, "INV-000001").status is InvoiceStatus.PAID
    assert kinds(control) == []
    assert open_differences(control) == []


def test_a_payment_that_the_gateway_does_not_know_is_reported_once(control: Control, gateway: FakeGateway) -> None:
    payment_id = given_paid(control, gateway)
    del gateway.payments[payment_id]
    assert kinds(control) == kinds(control) == [(DifferenceKind.MISSING_THERE, False)]
    assert [difference.kind for difference in open_differences(control)] == [DifferenceKind.MISSING_THERE]
    with control.store.reading() as connection:
        assert len(connection.execute(select(payment_differences)).all()) == 1
        told = [row for row in connection.execute(select(outbox)) if row.event_type == "payments.differ"]
    assert len(told) == 1


def test_another_amount_a_second_payment_and_a_foreign_one_are_reported(control: Control, gateway: FakeGateway) -> None:
    payment_id = given_paid(control, gateway)
    paid = gateway.payments[payment_id]
    gateway.payments[payment_id] = replace(paid, paid=usd(9_999))
    assert (DifferenceKind.AMOUNT_DIFFERS, False) in kinds(control)
    gateway.payments[payment_id] = paid
    gateway.payments["pi_again"] = replace(paid, gateway_payment_id="pi_again")
    assert (DifferenceKind.COLLECTED_TWICE, False) in kinds(control)
    gateway.payments["pi_again"] = replace(paid, gateway_payment_id="pi_again", invoice_id="nobody's")
    assert kinds(control) == [(DifferenceKind.UNKNOWN_PAYMENT, False)]


def test_a_refund_that_ended_unheard_is_mended_and_one_by_hand_is_reported(control: Control, gateway: FakeGateway) -> None:
    payment_id = given_paid(control, gateway)
    gateway.refunds_stay_pending = True
    refund, _ = refund_invoice(control, "INV-000001", amount=usd(100), reason="x", actor="ada", now=NOW)
    assert kinds(control) == []
    gateway.end_refund(refund.refund_id, succeeds=True)
    assert kinds(control) == [(DifferenceKind.REFUND_DIFFERS, True)]
    assert kinds(control) == []
    one = next(iter(gateway.refunds.values()))
    by_hand = replace(one, gateway_refund_id="re_hand", refund_id="", status=GatewayRefundStatus.SUCCEEDED)
    gateway.refunds["re_hand"] = by_hand
    assert kinds(control) == [(DifferenceKind.UNKNOWN_REFUND, False)]
    assert payment_id == by_hand.gateway_payment_id


def test_fees_are_posted_where_their_event_was_lost(control: Control, gateway: FakeGateway) -> None:
    given_paid(control, gateway)
    look(control)
    look(control)
    found = {line.ledger_account.value: line.balance.minor for line in read_trial_balance(control)}
    assert (found["fees"], found["cash"]) == (200, 9_800)
    assert work(control, now=NOW).is_idle


def test_lists_that_lag_are_read_as_far_as_they_reach_and_ours_as_far_as_theirs_tell(control: Control, gateway: FakeGateway) -> None:
    payment_id = given_paid(control, gateway)
    gateway.lists_lag = timedelta(hours=10)
    del gateway.payments[payment_id]
    assert kinds(control) == [], "it may stand in a list that is not made yet"
    later = reconcile(control, "fake", since=SINCE, until=NOW + timedelta(days=3), now=NOW + timedelta(days=3))
    assert [difference.kind for difference in later.differences] == [DifferenceKind.MISSING_THERE]


def test_a_payment_is_found_by_our_own_id_where_the_gateway_tells_no_document(control: Control, gateway: FakeGateway) -> None:
    payment_id = given_paid(control, gateway)
    (row,) = list_payments(control)
    paid = gateway.payments.pop(payment_id)
    gateway.payments["psp_other"] = replace(paid, gateway_payment_id="psp_other", payment_id=row["payment_id"], invoice_id="")
    assert kinds(control) == [(DifferenceKind.REFERENCE_DIFFERS, False)]
    control.store.transact(lambda connection: connection.execute(update(payments).values(gateway_payment_id="")))
    assert kinds(control) == [(DifferenceKind.REFERENCE_DIFFERS, True)]
    assert kinds(control) == []
    assert [one["gateway_payment_id"] for one in list_payments(control)] == ["psp_other"]


def test_a_gateway_without_a_list_is_an_outage(control: Control, gateway: FakeGateway) -> None:
    given_paid(control, gateway)
    gateway.plan("drop_before", "list_payments")
    with pytest.raises(GatewayUnavailableError):
        look(control)
