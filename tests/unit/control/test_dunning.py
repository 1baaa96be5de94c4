"""Dunning in the store: steps once, effects with them, money stops everything at once, and nobody is hit who has paid."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from control.bootstrap import Control
from control.domain.lifecycle import AccountState
from control.domain.money import Money
from control.domain.payments import PushResult
from control.services.accounts import upsert_accounts
from control.services.bank import import_receipts
from control.services.dunning import run_dunning
from control.services.lifecycle import resume, suspend
from control.services.payment_methods import save_card
from control.services.push import push
from control.services.show import list_payments, show_invoice
from control.services.work import work
from control.store import debt
from tests.contract.fake_gateway import DECLINES_WHEN_CHARGED, PAYS, FakeGateway
from tests.control_bench.builders import NOW, a_credit_note, a_draft, a_receipt, an_account, given_account_with_card, given_invoices
from tests.control_bench.dunning import DUE, POLICY, STORY, at, events, given_debtor, look_daily, mailed, pay, state
from tests.control_bench.stores import fresh_sqlite


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """A file; what depends on the database is in test_dunning_stores.py."""
    return fresh_sqlite(tmp_path)


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


def test_money_has_its_effect_with_the_next_round_of_work_long_before_the_next_look(control: Control) -> None:
    given_debtor(control)
    look_daily(control, 1, 30)
    assert work(control, now=at(31, 4)).accounts_moved == 0
    pay(control, 9_999, day=31)
    assert work(control, now=at(31)).accounts_moved == 0, "what a part lifts is the policy's decision"
    pay(control, 1, day=31, receipt_id="r-2")
    assert work(control, now=at(31)).accounts_moved == 1
    assert state(control) == AccountState.ACTIVE
    assert {status for template, status in mailed(control) if template != "recovered"} == {"withdrawn"}
    assert work(control, now=at(31)).accounts_moved == 0
    assert run_dunning(control, POLICY, now=at(31)) == []


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
    assert [row["status"] for row in list_payments(control)] == ["pending"]
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


def test_a_declined_card_is_retried_on_its_days_and_no_longer_than_the_policy_says(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control, token=DECLINES_WHEN_CHARGED, email="ada@acme.example")
    given_invoices(control, a_draft(amounts=(500,)))
    push(control, now=NOW)
    look_daily(control, 1, 40)
    tries = list_payments(control)
    assert {row["reason_code"] for row in tries} == {"generic_decline"}
    rule = POLICY.retry.rule("generic_decline")
    assert rule is not None
    gaps = [later["updated_at"] - earlier["updated_at"] for earlier, later in itertools.pairwise(tries)]
    assert len(gaps) == len(rule.after_hours), "then only another card helps"
    assert all(gap >= timedelta(hours=hours) for gap, hours in zip(gaps, rule.after_hours, strict=True))
    save_card(control, "acc-1", PAYS, now=at(41))
    assert [(line.step, line.result) for line in run_dunning(control, POLICY, now=at(41))] == [("retry", "taken")]
    assert run_dunning(control, POLICY, now=at(42)) == []
    assert show_invoice(control, "INV-000001").status == "paid"
