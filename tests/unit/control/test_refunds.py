"""Refunds: never more than was charged, a note only where money went back, and a ledger that says the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from control.bootstrap import Control
from control.domain.documents import Kind
from control.domain.status import InvoiceStatus
from control.services.ledger import read_trial_balance
from control.services.push import push
from control.services.receive import handle_events, receive
from control.services.reconcile import reconcile
from control.services.refund import refund_invoice
from control.services.show import list_invoices, show_invoice
from control.services.verify import verify_hashes, verify_ledger, verify_numbers
from control.services.work import work
from control.store.tables import outbox, refunds
from tests.contract.fake_gateway import FakeGateway
from tests.control_bench.builders import NOW, a_credit_note, a_draft, given_account_with_card, given_credit, given_invoices, usd
from warehouse.errors import InputError, RefusedError

LATER = NOW + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _books_balance(control: Control) -> Iterator[None]:
    yield
    assert (verify_ledger(control), verify_hashes(control), verify_numbers(control)) == ([], [], [])


def given_paid_invoice(control: Control, **values: Any) -> None:  # noqa: ANN401 - any field of the draft
    given_account_with_card(control)
    given_invoices(control, a_draft(**({"amounts": (10_000, 2_500), "percent": "19"} | values)))
    push(control, now=NOW)


def give_back(control: Control, minor: int | None = None, **values: Any) -> tuple[Any, Any]:  # noqa: ANN401 - any argument
    amount = None if minor is None else usd(minor)
    return refund_invoice(control, "INV-000001", **({"amount": amount, "reason": "goodwill", "actor": "ada", "now": LATER} | values))


def balances(control: Control) -> dict[tuple[str, str], int]:
    return {(line.ledger_account.value, line.detail): line.balance.minor for line in read_trial_balance(control)}


def test_a_refund_gives_money_back_issues_a_note_and_posts_both(control: Control, gateway: FakeGateway) -> None:
    given_paid_invoice(control)
    refund, saga = give_back(control, 1_190)
    assert (refund.status, saga.status) == ("succeeded", "done")
    assert [one.amount for one in gateway.refunds.values()] == [usd(1_190)]
    (_, note) = (show_invoice(control, "INV-000001"), show_invoice(control, "INV-000002"))
    assert (note.content.kind, note.status, note.paid) == (Kind.REFUND_NOTE, InvoiceStatus.PAID, usd(-1_190))
    assert (note.content.subtotal, note.content.tax, note.content.adjusted_period) == (usd(-1_000), usd(-190), "2026-01")
    assert balances(control) == {
        ("receivable", ""): 0,
        ("revenue", "compute"): -9_200,
        ("revenue", "storage"): -2_300,
        ("tax_payable", ""): -(2_375 - 190),
        ("cash", "fake"): 14_875 - 1_190,
    }


def test_the_invoice_itself_never_changes(control: Control) -> None:
    given_paid_invoice(control)
    before = show_invoice(control, "INV-000001")
    give_back(control)
    assert show_invoice(control, "INV-000001") == before


def test_parts_add_up_to_the_whole_to_the_cent_and_no_further(control: Control) -> None:
    given_paid_invoice(control)
    give_back(control, 3_333)
    give_back(control, 77)
    give_back(control)
    notes = [invoice for invoice in list_invoices(control, "2026-02") if invoice.content.kind is Kind.REFUND_NOTE]
    assert sum(note.content.subtotal.minor for note in notes) == -12_500
    assert sum(note.content.tax.minor for note in notes) == -2_375
    with pytest.raises(RefusedError, match=r"up to 0.00 USD"):
        give_back(control, 1)
    assert balances(control)["cash", "fake"] == 0


@pytest.mark.parametrize(
    ("number", "minor", "reason", "message"),
    [
        ("INV-000009", 100, "x", "no issued invoice"),
        ("INV-000001", 100, " ", "needs a reason"),
        ("INV-000001", 14_876, "x", "up to 148.75 USD"),
        ("INV-000001", 0, "x", "more than"),
        ("INV-000002", 100, "x", "is a credit_note"),
    ],
)
def test_what_cannot_be_given_back_is_refused_and_leaves_nothing(
    control: Control, number: str, minor: int, reason: str, message: str
) -> None:
    given_paid_invoice(control)
    given_invoices(control, a_credit_note())
    with pytest.raises((RefusedError, InputError), match=message):
        refund_invoice(control, number, amount=usd(minor), reason=reason, actor="ada", now=LATER)
    with control.store.reading() as connection:
        assert connection.execute(select(refunds)).all() == []


def test_what_a_credit_or_the_balance_paid_is_not_refunded(control: Control) -> None:
    given_account_with_card(control)
    given_credit(control)
    given_invoices(control, a_draft(uses=[("credit-1", 500)]), a_credit_note(amount=-3_000))
    push(control, now=NOW)
    with pytest.raises(RefusedError, match=r"up to 65.00 USD"):
        give_back(control, 6_501)
    refund, _ = give_back(control)
    assert refund.amount == usd(6_500)


def test_a_refund_that_takes_its_time_leaves_no_note_until_it_ends(control: Control, gateway: FakeGateway) -> None:
    given_paid_invoice(control)
    gateway.refunds_stay_pending = True
    refund, saga = give_back(control, 500)
    assert (refund.status, refund.note_id, saga.status) == ("pending", "", "running")
    with pytest.raises(RefusedError, match=r"up to 143.75 USD"):
        give_back(control, 14_400)
    gateway.end_refund(refund.refund_id, succeeds=True)
    receive(control, "fake", *gateway.webhook(*gateway.events), now=LATER)
    handle_events(control, now=LATER)
    assert work(control, now=LATER + timedelta(days=1)).is_idle
    assert show_invoice(control, "INV-000002").content.total == usd(-500)


def test_a_refund_that_fails_leaves_no_note_and_may_be_asked_for_again(control: Control, gateway: FakeGateway) -> None:
    given_paid_invoice(control)
    gateway.refunds_stay_pending = True
    refund, _ = give_back(control, 500)
    gateway.end_refund(refund.refund_id, succeeds=False)
    assert work(control, now=LATER + timedelta(days=1)).is_idle
    with control.store.reading() as connection:
        row = connection.execute(select(refunds)).one()
        words = {str(one.event_type) for one in connection.execute(select(outbox.c.event_type))}
    assert (row.status, row.note_id) == ("failed", "")
    assert "refund.failed" in words
    gateway.refunds_stay_pending = False
    assert give_back(control)[0].amount == usd(14_875)


def test_a_refund_that_comes_back_becomes_the_customers_credit_with_us_once(control: Control, gateway: FakeGateway) -> None:
    given_paid_invoice(control)
    refund, _ = give_back(control, 500)
    gateway.end_refund(refund.refund_id, succeeds=False)
    for _ in range(2):
        receive(control, "fake", *gateway.webhook(*gateway.events), now=LATER)
        handle_events(control, now=LATER)
        reconcile(control, "fake", since=NOW - timedelta(days=999), until=LATER + timedelta(days=999), now=LATER)
    assert balances(control)["customer_balance", ""] == -500


def test_a_lost_answer_gives_back_once(control: Control, gateway: FakeGateway) -> None:
    given_paid_invoice(control)
    gateway.plan("drop_after", "ensure_refund")
    refund, saga = give_back(control, 500)
    assert (refund.status, saga.tries) == ("pending", 1)
    assert work(control, now=LATER + timedelta(minutes=1)).is_idle
    assert len(gateway.refunds) == 1
