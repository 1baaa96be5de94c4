"""Twenty workers on the same invoices, credits and numbers, on each database: nothing twice, nothing below zero, no gap."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from sqlalchemy import Connection, select

from control.bootstrap import Control
from control.domain.accounts import AccountRow
from control.domain.documents import Draft, Kind
from control.domain.taxes import TaxRates
from control.services.close import _Closing, _use_credits
from control.services.issue import issue_documents
from control.services.lifecycle import account_history, resume, suspend
from control.services.push import push
from control.services.receive import handle_events, receive
from control.services.refund import refund_invoice
from control.services.verify import verify_hashes, verify_ledger, verify_numbers
from control.services.work import work
from control.store import revisions
from control.store.documents import load_documents
from control.store.tables import credits_, gateway_events, invoices, refunds
from tests.contract.fake_gateway import FakeGateway
from tests.control_bench.builders import NOW, SERVICES, a_draft, an_account, given_account_with_card, given_credit, given_invoices, usd
from warehouse.errors import MeterhouseError

WORKERS = 20


@pytest.fixture(autouse=True)
def _books_balance(control: Control) -> Iterator[None]:
    yield
    assert (verify_ledger(control), verify_hashes(control), verify_numbers(control)) == ([], [], [])


def at_once(*work_of: Callable[[], object]) -> list[Exception]:
    """Run all at the same moment; what they raised. Only a refusal may be raised."""
    errors: list[Exception] = []
    gate = threading.Barrier(len(work_of))

    def one(run: Callable[[], object]) -> None:
        gate.wait()
        try:
            run()
        except Exception as error:  # noqa: BLE001 - a thread's error must reach the test
            errors.append(error)

    threads = [threading.Thread(target=one, args=(run,)) for run in work_of]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(isinstance(error, MeterhouseError) for error in errors), errors
    return errors


def test_twenty_pushes_charge_each_invoice_once(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    given_invoices(control, *(a_draft(period=f"2025-{month:02d}") for month in range(1, 6)))
    assert at_once(*[lambda: push(control, now=NOW)] * WORKERS) == []
    assert [charge.amount for charge in gateway.charges] == [usd(10_000)] * 5


def test_twenty_refunds_give_back_no_more_than_was_paid_and_leave_no_gap(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft())
    push(control, now=NOW)

    def give_back() -> None:
        refund_invoice(control, "INV-000001", amount=usd(1_500), reason="x", actor="ada", now=NOW)

    errors = at_once(*[give_back] * WORKERS)
    assert len(errors) == WORKERS - 6
    assert sum(one.amount.minor for one in gateway.refunds.values()) == 9_000
    with control.store.reading() as connection:
        notes = load_documents(connection, invoices.c.kind == Kind.REFUND_NOTE.value)
        assert {str(row.status) for row in connection.execute(select(refunds))} == {"succeeded"}
    assert [note.invoice_number for note in notes] == [f"INV-{number:06d}" for number in range(2, 8)]


def test_twenty_issues_give_every_number_once(control: Control) -> None:
    given_account_with_card(control)
    buyers: dict[str, AccountRow] = {"acc-1": an_account()}

    def issue(draft: Draft) -> None:
        control.store.transact(
            lambda connection: issue_documents(connection, control.settings, [draft], buyers=buyers, services=SERVICES, issued_at=NOW)
        )

    drafts = [a_draft(period=f"20{year}-01") for year in range(10, 10 + WORKERS)]
    assert at_once(*[partial(issue, draft) for draft in drafts]) == []
    with control.store.reading() as connection:
        numbers = [invoice.invoice_number for invoice in load_documents(connection, invoices.c.account_id == "acc-1")]
    assert numbers == [f"INV-{number:06d}" for number in range(1, WORKERS + 1)]


def test_twenty_that_spend_one_credit_never_take_it_below_zero(control: Control) -> None:
    given_account_with_card(control)
    given_credit(control, amount="10.00")

    def spend(period: str) -> None:
        """What the close of a month does with the credits of its drafts."""
        draft = a_draft(period=period, uses=[("credit-1", 300)])
        rates = TaxRates(percents={}, seller_country="DE")
        closing = _Closing(
            period=period, as_of=NOW, issued_at=NOW, drafts=[draft], rates=rates, services=SERVICES, settings=control.settings
        )

        def work(connection: Connection) -> None:
            revisions.take(connection, 1)
            _use_credits(connection, closing)

        control.store.transact(work)

    errors = at_once(*[partial(spend, f"20{year}-01") for year in range(10, 10 + WORKERS)])
    assert len(errors) == WORKERS - 3
    with control.store.reading() as connection:
        assert connection.execute(select(credits_.c.used_minor)).scalar_one() == 900


def test_twenty_times_the_same_webhook_is_stored_once_and_settled_once(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft())
    push(control, now=NOW)
    message = gateway.webhook(*gateway.events)

    def hear() -> None:
        receive(control, "fake", *message, now=NOW)
        handle_events(control, now=NOW)

    assert at_once(*[hear] * WORKERS) == []
    with control.store.reading() as connection:
        rows = connection.execute(select(gateway_events)).all()
    assert len(rows) == len(gateway.events)
    assert {row.status for row in rows} == {"handled"}


def test_workers_that_all_go_on_with_one_flow_end_it_once(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft())
    push(control, now=NOW)
    gateway.plan("drop_before", "ensure_refund")
    refund_invoice(control, "INV-000001", amount=usd(500), reason="x", actor="ada", now=NOW)
    later = NOW.replace(hour=23)
    assert at_once(*[lambda: work(control, now=later)] * 8) == []
    assert len(gateway.refunds) == 1
    with control.store.reading() as connection:
        assert len(load_documents(connection, invoices.c.kind == Kind.REFUND_NOTE.value)) == 1


def test_twenty_that_move_one_account_leave_a_history_without_a_gap(control: Control) -> None:
    given_account_with_card(control)
    who = {"reason": "x", "actor": "ada", "now": NOW}
    both = [lambda: suspend(control, "acc-1", **who), lambda: resume(control, "acc-1", **who)]  # type: ignore[arg-type]
    at_once(*both * (WORKERS // 2))
    changes = account_history(control, "acc-1")
    assert [change.number for change in changes] == list(range(1, len(changes) + 1))
    assert [change.from_state for change in changes[1:]] == [change.to_state.value for change in changes[:-1]]
