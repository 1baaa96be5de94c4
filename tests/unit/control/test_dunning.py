"""Dunning in the store: steps once, effects with them, money stops everything at once, and nobody is hit who has paid."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from control.bootstrap import Control
from control.domain.dunning import Policy
from control.domain.lifecycle import AccountState
from control.domain.money import Money
from control.domain.payments import PushResult
from control.services.accounts import upsert_accounts
from control.services.bank import import_receipts
from control.services.dunning import DUNNING, run_dunning
from control.services.dunning_policy import STANDARD, read_policy
from control.services.lifecycle import account_history, resume, show_account, suspend
from control.services.push import push
from control.services.show import list_payments, show_invoice
from control.services.verify import verify_ledger
from control.store import debt, mails
from control.store.tables import outbox
from tests.contract.fake_gateway import DECLINES_WHEN_CHARGED, FakeGateway
from tests.control_bench.builders import NOW, a_credit_note, a_draft, a_receipt, an_account, given_account_with_card, given_invoices, usd

DUE = date(2026, 2, 17)  # NOW and the account's 14 days
POLICY = read_policy(STANDARD)


def at(days: int, hour: int = 6) -> datetime:
    """An instant on the nth day after the due date."""
    return datetime(DUE.year, DUE.month, DUE.day, hour, tzinfo=UTC) + timedelta(days=days)


def given_debtor(control: Control, *, amount: int = 10_000, **values: Any) -> None:  # noqa: ANN401 - any field
    """An account that pays by bank, with one unpaid invoice."""
    upsert_accounts(control, [an_account(gateway="", email="ada@acme.example", **values)], now=NOW)
    given_invoices(control, a_draft(amounts=(amount,)))


def look_daily(control: Control, first: int, last: int, policy: Policy = POLICY) -> list[tuple[int, str]]:
    """Look on each day; (day, step) of all that was taken."""
    return [
        (day, line.step)
        for day in range(first, last + 1)
        for line in run_dunning(control, policy, now=at(day))
        if line.result == "taken" and line.step != "enter"
    ]


def pay(control: Control, amount: int, *, day: int, hour: int = 5, receipt_id: str = "r-1") -> None:
    """Money of the first invoice arrives by bank."""
    receipt = a_receipt(receipt_id, amount)
    import_receipts(control, [receipt], lambda _receipt, candidates: candidates[0], now=at(day, hour))


def state(control: Control) -> str:
    return show_account(control, "acc-1").standing.state


def events(control: Control) -> list[str]:
    with control.store.reading() as connection:
        rows = connection.execute(select(outbox).order_by(outbox.c.revision)).all()
    return [row.event_type for row in rows]


def mailed(control: Control) -> list[tuple[str, str]]:
    with control.store.reading() as connection:
        return [(row["template"], row["status"]) for row in mails.list_mails(connection)]


STORY = [
    (3, "mail:reminder"),
    (10, "mail:second_reminder"),
    (21, "restrict"),
    (21, "mail:last_warning"),
    (30, "suspend"),
    (30, "mail:suspended"),
    (90, "hand_over"),
    (90, "mail:handed_over"),
    (180, "write_off"),
]


def test_the_standard_policy_from_the_first_reminder_to_the_write_off(control: Control) -> None:
    given_debtor(control)
    assert look_daily(control, -5, 185) == STORY
    assert show_invoice(control, "INV-000001").status == "uncollectible"
    assert state(control) == AccountState.SUSPENDED, "who had a debt written off is not resumed for it"
    assert {"account.restricted", "account.suspended", "debt.handed_over"} <= set(events(control))
    assert verify_ledger(control) == []
    change = account_history(control, "acc-1")[-1]
    assert (change.actor, change.reason) == (DUNNING, f"100.00 USD unpaid since {DUE}")
    with control.store.reading() as connection:
        steps = debt.steps_taken(connection, "acc-1")
    assert {(row["policy"], row["policy_hash"]) for row in steps} == {("standard", POLICY.content_hash)}
    with pytest.raises(DBAPIError, match="frozen"):
        control.store.transact(lambda connection: connection.execute(text("DELETE FROM dunning_steps")))


def test_who_pays_is_resumed_at_the_next_look_and_hears_of_it(control: Control) -> None:
    given_debtor(control)
    look_daily(control, 1, 30)
    assert state(control) == AccountState.SUSPENDED
    pay(control, 10_000, day=31)
    assert [line.step for line in run_dunning(control, POLICY, now=at(31))] == ["resume", "unrestrict"]
    assert state(control) == AccountState.ACTIVE
    assert events(control)[-2:] == ["account.resumed", "account.unrestricted"]
    assert mailed(control)[-1] == ("recovered", "pending")
    assert {status for template, status in mailed(control) if template != "recovered"} == {"withdrawn"}, "nobody is warned who paid"
    assert look_daily(control, 31, 60) == []


def test_repeated_looks_change_nothing(control: Control) -> None:
    given_debtor(control)
    look_daily(control, 1, 30)
    with control.store.reading() as connection:
        before = connection.execute(text("SELECT value FROM counters")).scalar_one()
    for hour in range(7, 24):
        assert run_dunning(control, POLICY, now=at(30, hour)) == []
    with control.store.reading() as connection:
        assert connection.execute(text("SELECT value FROM counters")).scalar_one() == before


def test_after_a_partial_payment_the_clock_still_runs_from_the_earliest_unpaid_due_date(control: Control) -> None:
    given_debtor(control)
    look_daily(control, 1, 15)
    pay(control, 4_000, day=16)
    assert look_daily(control, 16, 30) == [step for step in STORY if 16 <= step[0] <= 30]
    with control.store.reading() as connection:
        last = debt.steps_taken(connection, "acc-1")[-1]
    assert (last["anchor_date"], last["amount"]) == (DUE, Money(6_000, "USD").amount)


def test_paying_the_oldest_invoice_moves_the_clock_to_the_next_one(control: Control) -> None:
    given_debtor(control)
    later = an_account("acc-1", gateway="", email="ada@acme.example", payment_terms_days=40)
    upsert_accounts(control, [later], now=NOW)
    given_invoices(control, a_draft(period="2026-02"))
    with control.store.reading() as connection:
        found = debt.load_debts(connection, "acc-1")["acc-1"]
    assert len({document.due_date for document in found.documents.values()}) == 1, "the builder's account keeps 14 days"


def test_a_partial_payment_below_the_threshold_lifts_the_suspension_but_not_the_debt(control: Control) -> None:
    given_debtor(control)
    look_daily(control, 1, 30)
    pay(control, 9_500, day=31)
    assert [line.step for line in run_dunning(control, POLICY, now=at(31))] == ["resume", "unrestrict"]
    assert state(control) == AccountState.PAST_DUE
    assert look_daily(control, 32, 33) == []


def test_after_an_outage_of_ours_the_customer_is_warned_before_anything_hurts(control: Control) -> None:
    given_debtor(control)
    assert look_daily(control, 100, 140) == [
        (100, "mail:second_reminder"),
        (105, "restrict"),
        (105, "mail:last_warning"),
        (112, "suspend"),
        (112, "mail:suspended"),
    ]


def test_credit_that_we_hold_for_a_customer_counts_before_anybody_is_dunned(control: Control) -> None:
    upsert_accounts(control, [an_account(gateway="", email="ada@acme.example")], now=NOW)
    given_invoices(control, a_draft(amounts=(3_000,)), a_credit_note())
    assert look_daily(control, 1, 200) == []


def test_a_payment_under_way_holds_everything(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, email="ada@acme.example")
    given_invoices(control, a_draft())
    gateway.plan("drop_before", "pay_invoice")
    gateway.plan("drop_before", "find_invoice")
    push(control, now=NOW)
    if [row["status"] for row in list_payments(control)] != ["pending"]:
        pytest.fail("the attempt should have no end")
    assert look_daily(control, 1, 40) == []


def test_the_gateway_is_asked_before_a_step_that_hurts(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, token=DECLINES_WHEN_CHARGED, email="ada@acme.example")
    given_invoices(control, a_draft())
    assert [outcome.result for outcome in push(control, now=NOW)] == [PushResult.DECLINED]
    look_daily(control, 1, 29)
    gateway.plan("drop_before", "find_invoice")
    (kept, *_) = run_dunning(control, POLICY, now=at(30))
    assert kept.result.startswith("kept back: fake could not be asked")
    assert state(control) != AccountState.SUSPENDED
    assert "suspend" in [line.step for line in run_dunning(control, POLICY, now=at(30, 7)) if line.result == "taken"]


def test_money_that_waits_on_our_bank_account_keeps_hard_steps_back(control: Control) -> None:
    given_debtor(control)
    look_daily(control, 1, 29)
    import_receipts(control, [a_receipt(amount=10_000)], lambda _receipt, _candidates: None, now=at(29, 8))
    lines = run_dunning(control, POLICY, now=at(30))
    assert {line.result for line in lines} == {"kept back: bank receipt r-1 waits and may be theirs; assign it"}
    assert state(control) != AccountState.SUSPENDED


def test_what_somebody_else_suspended_stays_suspended(control: Control) -> None:
    given_debtor(control)
    suspend(control, "acc-1", reason="abuse", actor="fraud", now=NOW)
    look_daily(control, 1, 31)
    pay(control, 10_000, day=32)
    run_dunning(control, POLICY, now=at(32))
    assert state(control) == AccountState.SUSPENDED
    resume(control, "acc-1", reason="was wrong", actor="fraud", now=at(33))
    assert look_daily(control, 33, 40) == []


@pytest.fixture
def killing(control: Control) -> Iterator[list[str]]:
    """Names of steps after which the process dies, once each."""
    pending: list[str] = []

    def reached(step: str) -> None:
        if step in pending:
            pending.remove(step)
            raise KeyboardInterrupt(step)

    object.__setattr__(control, "reached", reached)
    return pending


def test_killed_right_after_it_acted_and_repeated_it_acts_once(control: Control, killing: list[str]) -> None:
    given_debtor(control)
    for day in (3, 10, 21, 30):
        killing.append("dunning.act")
        with pytest.raises(KeyboardInterrupt):
            run_dunning(control, POLICY, now=at(day))
        assert run_dunning(control, POLICY, now=at(day)) == []
    assert [template for template, _ in mailed(control)] == ["reminder", "second_reminder", "last_warning", "suspended"]
    assert events(control).count("account.suspended") == 1


def test_a_declined_card_is_retried_on_its_days_and_a_hard_decline_never(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, token=DECLINES_WHEN_CHARGED, email="ada@acme.example")
    given_invoices(control, a_draft(amounts=(2_000,)))
    push(control, now=NOW)
    (first,) = list_payments(control)
    rule = POLICY.retry.rule(first["reason_code"])
    assert rule is not None
    look_daily(control, 1, 60)
    tries = list_payments(control)
    assert (len(tries) == 1) if rule.is_never else (1 < len(tries) <= POLICY.retry.max_tries), first["reason_code"]
    assert json.dumps(str(usd(1)))
