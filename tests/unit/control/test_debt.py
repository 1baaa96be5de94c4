"""What people agree on about debt: promises, held claims, terms, limits, prepayment; ageing, what-if and the simulation."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from control.bootstrap import Control
from control.domain.debt import PromiseStatus
from control.domain.ledger import LedgerAccount
from control.domain.lifecycle import AccountState
from control.domain.money import Money
from control.services.accounts import upsert_accounts
from control.services.bank import import_receipts, list_receipts
from control.services.debt import list_debts, list_steps, read_ageing, what_if
from control.services.dunning import run_dunning
from control.services.dunning_policy import STANDARD, active_policy, read_policy
from control.services.ledger import read_trial_balance
from control.services.prepayment import check_limits, prepay
from control.services.promises import hold_claim, list_promises, make_promise, release_claim, set_terms, show_terms, withdraw_promise
from control.services.show import show_invoice
from control.services.verify import verify_ledger
from control.store import agreements, mails
from control.store.agreements import DebtTerms
from control.testing.debt import simulate
from tests.control_bench.builders import NOW, a_credit_note, a_draft, a_receipt, an_account, given_invoices, usd
from tests.control_bench.dunning import DUE, POLICY, at, look_daily, pay, state
from tests.control_bench.stores import control_settings, fresh_sqlite
from warehouse.errors import InputError, RefusedError

WHO = {"actor": "ada"}
NO_DRAFTS: dict[str, Money] = {}


@pytest.fixture
def store_url(tmp_path: Path) -> str:
    """A file: what depends on the database is tested in test_dunning_stores.py."""
    return fresh_sqlite(tmp_path)


@pytest.fixture
def debtor(control: Control) -> Control:
    """acc-1 pays by bank and owes 100.00 USD."""
    upsert_accounts(control, [an_account(gateway="", email="ada@acme.example")], now=NOW)
    given_invoices(control, a_draft())
    return control


def promise_statuses(control: Control, day: int) -> list[PromiseStatus]:
    return [view.status for view in list_promises(control, "acc-1", now=at(day))]


def test_a_promise_lifts_the_suspension_and_a_broken_one_brings_it_back_without_another_warning(debtor: Control) -> None:
    look_daily(debtor, 1, 30)
    make_promise(debtor, POLICY, "acc-1", amount=None, promised_for=DUE + timedelta(days=40), now=at(31), **WHO)
    assert look_daily(debtor, 31, 40) == [(31, "resume"), (31, "unrestrict")]
    assert (state(debtor), promise_statuses(debtor, 40)) == (AccountState.PAST_DUE, [PromiseStatus.OPEN])
    assert look_daily(debtor, 41, 42) == [(41, "suspend"), (41, "mail:suspended")]
    assert (state(debtor), promise_statuses(debtor, 41)) == (AccountState.SUSPENDED, [PromiseStatus.BROKEN])
    with pytest.raises(RefusedError, match="promised 1 times and still owes"):
        make_promise(debtor, POLICY, "acc-1", amount=None, promised_for=DUE + timedelta(days=50), now=at(42), **WHO)


def test_a_promise_is_kept_by_money_and_only_by_money_that_came_after_it(debtor: Control) -> None:
    look_daily(debtor, 1, 9)
    pay(debtor, 3_000, day=10)
    make_promise(debtor, POLICY, "acc-1", amount=usd(5_000), promised_for=DUE + timedelta(days=15), now=at(10, 8), **WHO)
    pay(debtor, 4_999, day=12, receipt_id="r-2")
    assert promise_statuses(debtor, 12) == [PromiseStatus.OPEN]
    pay(debtor, 1, day=13, receipt_id="r-3")
    assert promise_statuses(debtor, 13) == [PromiseStatus.KEPT]
    assert look_daily(debtor, 13, 13) == [], "the promise ran when the day began"
    assert look_daily(debtor, 14, 14) == [(14, "mail:second_reminder")], "20.00 is left, and its clock never stopped"


@pytest.mark.parametrize(
    ("amount", "days", "message"),
    [
        (None, 30, "takes promises for today and 14 days more"),
        (None, 4, "takes promises for today"),
        (10_001, 10, "100.00 USD is overdue on account acc-1; a promise is above zero and at most that"),
        (0, 10, "above zero"),
    ],
)
def test_a_promise_out_of_bounds_is_refused(debtor: Control, amount: int | None, days: int, message: str) -> None:
    promised = None if amount is None else usd(amount)
    with pytest.raises(RefusedError, match=message):
        make_promise(debtor, POLICY, "acc-1", amount=promised, promised_for=DUE + timedelta(days=days), now=at(5), **WHO)


def test_a_promise_needs_a_debt_and_one_runs_at_a_time_until_it_is_withdrawn(debtor: Control) -> None:
    day = DUE + timedelta(days=8)
    with pytest.raises(RefusedError, match="nothing overdue"):
        make_promise(debtor, POLICY, "acc-1", amount=None, promised_for=DUE, now=at(0), **WHO)
    with pytest.raises(InputError, match="does not exist"):
        make_promise(debtor, POLICY, "acc-9", amount=None, promised_for=day, now=at(2), **WHO)
    made = make_promise(debtor, POLICY, "acc-1", amount=None, promised_for=day, now=at(2), **WHO)
    with pytest.raises(RefusedError, match="withdraw it first"):
        make_promise(debtor, POLICY, "acc-1", amount=None, promised_for=day, now=at(2, 7), **WHO)
    withdraw_promise(debtor, made.promise_id, now=at(3, 3))
    assert promise_statuses(debtor, 3) == [PromiseStatus.WITHDRAWN]
    with pytest.raises(InputError, match="no promise"):
        withdraw_promise(debtor, made.promise_id, now=at(3))
    assert look_daily(debtor, 3, 4) == [(4, "mail:reminder")]


def test_a_disputed_invoice_is_held_and_counts_from_its_own_due_date_when_it_is_released(debtor: Control) -> None:
    look_daily(debtor, 1, 5)
    hold_claim(debtor, "INV-000001", reason="wrong quantity", now=at(6, 3), **WHO)
    assert look_daily(debtor, 6, 60) == []
    (view,) = list_debts(debtor, POLICY, now=at(60))
    assert (view.open, view.claims[0].hold, view.look.decision.reason) == (usd(10_000), "disputed by the customer", "nothing is overdue")
    release_claim(debtor, "INV-000001", now=at(60, 3))
    assert look_daily(debtor, 60, 72) == [
        (61, "mail:second_reminder"),
        (66, "restrict"),
        (66, "mail:last_warning"),
    ]
    with pytest.raises(RefusedError, match="is not held"):
        release_claim(debtor, "INV-000001", now=at(72))
    with pytest.raises(RefusedError, match="needs a reason"):
        hold_claim(debtor, "INV-000001", reason=" ", now=at(72), **WHO)


def test_grace_and_language_of_an_account(debtor: Control) -> None:
    set_terms(debtor, DebtTerms(account_id="acc-1", grace_days=5, language="de"), now=NOW, **WHO)
    assert look_daily(debtor, 1, 8) == [(8, "mail:reminder")]
    with debtor.store.reading() as connection:
        assert mails.list_mails(connection)[0]["subject"].startswith("Zahlungserinnerung")
    for terms, message in (
        (DebtTerms(account_id="acc-1", language="xx"), "no mails in 'xx'"),
        (DebtTerms(account_id="acc-1", grace_days=-1), "grace is 0 to"),
        (DebtTerms(account_id="acc-1", credit_limit=Money(1, "EUR")), "is no limit of account acc-1"),
        (DebtTerms(account_id="acc-9"), "acc-9"),
    ):
        with pytest.raises(InputError, match=message):
            set_terms(debtor, terms, now=NOW, **WHO)


def test_who_uses_more_than_the_credit_limit_is_restricted_until_part_is_paid(debtor: Control) -> None:
    set_terms(debtor, DebtTerms(account_id="acc-1", credit_limit=usd(15_000)), now=NOW, **WHO)
    drafts = {"acc-1": usd(5_000)}
    (line,) = check_limits(debtor, POLICY, drafts, now=at(-10))
    assert (line.used, line.step) == (usd(15_000), ""), "at the limit is within it"
    drafts = {"acc-1": usd(5_001)}
    (line,) = check_limits(debtor, POLICY, drafts, now=at(-9))
    assert (line.limit, line.step) == ("credit_limit", "restrict")
    assert [line.step for line in check_limits(debtor, POLICY, drafts, now=at(-8))] == [""]
    with debtor.store.reading() as connection:
        assert agreements.active_restrictions(connection) == {"acc-1": {"credit_limit": "150.01 USD used of a credit limit of 150.00 USD"}}
        assert [row["template"] for row in mails.list_mails(connection)] == ["credit_limit"]
    pay(debtor, 100, day=-7)
    assert [line.step for line in check_limits(debtor, POLICY, drafts, now=at(-7))] == ["unrestrict"]
    set_terms(debtor, DebtTerms(account_id="acc-1"), now=NOW, **WHO)
    assert check_limits(debtor, POLICY, drafts, now=at(-6)) == []


def test_what_was_paid_before_draws_invoices_and_restricts_when_it_is_used_up(control: Control) -> None:
    upsert_accounts(control, [an_account(gateway="", email="ada@acme.example")], now=NOW)
    set_terms(control, DebtTerms(account_id="acc-1", prepaid_minimum=usd(2_000)), now=NOW, **WHO)
    (line,) = check_limits(control, POLICY, NO_DRAFTS, now=NOW)
    assert line.step == "restrict", "who pays before has paid nothing yet"
    import_receipts(control, [a_receipt("r-1", 15_000)], lambda _receipt, _candidates: None, now=NOW)
    assert prepay(control, "r-1", "acc-1", now=NOW) == usd(15_000)
    with pytest.raises(RefusedError, match="applied already"):
        prepay(control, "r-1", "acc-1", now=NOW)
    assert [receipt.message for receipt in list_receipts(control)] == ["prepaid: the customer's balance"]
    assert list_receipts(control, is_waiting=True) == []
    (line,) = check_limits(control, POLICY, {"acc-1": usd(4_000)}, now=NOW)
    assert (line.step, line.left) == ("unrestrict", usd(11_000))
    given_invoices(control, a_draft())
    (line,) = check_limits(control, POLICY, {"acc-1": usd(3_500)}, now=NOW + timedelta(days=1))
    assert (line.step, line.left) == ("mail:prepaid_low", usd(1_500))
    assert show_invoice(control, "INV-000001").status == "paid"
    assert run_dunning(control, POLICY, now=at(40)) == []
    (line,) = check_limits(control, POLICY, {"acc-1": usd(5_000)}, now=NOW + timedelta(days=2))
    assert (line.step, line.left) == ("restrict", usd(0))
    with control.store.reading() as connection:
        rows = mails.list_mails(connection)
    assert [(row["template"], row["status"]) for row in rows] == [
        ("prepaid_empty", "pending"), ("prepaid_low", "withdrawn"), ("prepaid_empty", "pending"),
    ]  # fmt: skip
    assert verify_ledger(control) == []


def test_the_ageing_report_equals_the_receivable_of_the_ledger_at_every_instant(control: Control) -> None:
    accounts = [an_account(f"acc-{number}", gateway="", email="ada@acme.example") for number in (1, 2, 3)]
    upsert_accounts(control, accounts, now=NOW)
    given_invoices(control, a_draft("acc-1"), a_draft("acc-2", amounts=(7_000,)), a_credit_note("acc-2"), a_draft("acc-3", amounts=(500,)))
    pay(control, 4_000, day=20)
    found = {}
    for day in (-13, 0, 1, 30, 31, 61, 91):
        until = at(day)
        lines = read_ageing(control, until=until)
        (receivable,) = [line for line in read_trial_balance(control, until=until) if line.ledger_account is LedgerAccount.RECEIVABLE]
        assert sum(line.receivable.minor for line in lines) == receivable.balance.minor
        found[day] = {line.account_id: {name: amount.minor for name, amount in line.buckets.items() if amount} for line in lines}
    assert found[0]["acc-1"] == {"current": 10_000}
    assert found[1]["acc-1"] == {"days_1_30": 10_000}
    assert found[30]["acc-1"] == {"days_1_30": 6_000}
    assert found[31]["acc-1"] == {"days_31_60": 6_000}
    assert found[91] == {"acc-1": {"over_90": 6_000}, "acc-2": {"over_90": 7_000, "credit": -3_000}, "acc-3": {"over_90": 500}}


def test_a_what_if_replays_the_active_policy_as_it_happened_and_shows_what_another_one_changes(debtor: Control, tmp_path: Path) -> None:
    happened = look_daily(debtor, 1, 30)
    pay(debtor, 10_000, day=31)
    happened += look_daily(debtor, 31, 45)
    candidate = tmp_path / "mine.toml"
    candidate.write_text(STANDARD.read_text().replace("\ndays = 30\n", "\ndays = 35\n"))
    before = list_steps(debtor)
    found = what_if(debtor, active=POLICY, candidate=read_policy(candidate), first=None, last=DUE + timedelta(days=45))
    assert list_steps(debtor) == before, "nothing is changed"
    replayed = [((step.day - DUE).days, step.step) for step in found.active if step.step not in ("enter", "resume", "unrestrict")]
    assert replayed == [(day, step) for day, step in happened if step not in ("resume", "unrestrict")]
    assert {one.step: one.change for one in found.differences if one.change != "same"} == {
        "suspend": "only_active",
        "mail:suspended": "only_active",
        "resume": "only_active",
    }


def test_the_active_policy_is_the_one_that_the_settings_name(tmp_path: Path) -> None:
    assert active_policy(control_settings()).name == "standard"
    other = tmp_path / "mine.toml"
    other.write_text(STANDARD.read_text().replace('name = "standard"', 'name = "mine"'))
    assert active_policy(control_settings(dunning_policy=str(other))).name == "mine"
    with pytest.raises(InputError, match="cannot be read"):
        active_policy(control_settings(dunning_policy=str(tmp_path / "gone.toml")))


def test_terms_of_an_account_without_any(debtor: Control) -> None:
    assert show_terms(debtor, "acc-1") == DebtTerms(account_id="acc-1")


def test_two_simulated_years_suspend_no_good_payer_and_repeat_to_the_last_digit() -> None:
    found: list[str] = []
    figures = simulate(POLICY, seed=7, accounts=60, months=24, say=found.append)
    total = figures[-1]
    assert (total.wrongly_suspended, total.policy_errors, found) == (0, 0, [])
    assert total.invoiced == total.recovered + total.written_off + total.still_open
    assert total.suspensions > 0
    assert total.written_off.minor > 0
    assert figures == simulate(POLICY, seed=7, accounts=60, months=24)


def test_a_reckless_policy_is_found_out_by_the_simulation(tmp_path: Path) -> None:
    reckless = tmp_path / "reckless.toml"
    states = (
        'name = "suspended"\ndays = 2\nnotice_days = 1\ndo = ["suspend"]',
        'name = "reminded"\ndays = 1\ndo = ["mail:reminder"]',
    )
    reckless.write_text('name = "reckless"\n' + "".join(f"[[state]]\n{one}\n" for one in states))
    total = simulate(read_policy(reckless), seed=7, accounts=60, months=12)[-1]
    assert total.wrongly_suspended > 0
    assert total.policy_errors == 0, "each step was on its day; the days are wrong"
