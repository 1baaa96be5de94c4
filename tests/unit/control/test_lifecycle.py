"""The lives of billing accounts: only drawn moves exist, each leaves its line of history and tells others, no amount changes."""

from __future__ import annotations

import itertools
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from control.bootstrap import Control
from control.domain.lifecycle import ACCOUNT_TRANSITIONS, AccountState, AccountType, check_move, may_move
from control.domain.money import Money
from control.services.accounts import upsert_accounts
from control.services.leave import close_account
from control.services.lifecycle import account_history, list_accounts, move_account, resume, review, show_account, suspend
from control.services.push import push
from control.services.register import Registration, Trial, register
from control.services.show import show_invoice
from control.services.work import work
from control.store.tables import closed_periods, credits_, outbox
from tests.contract.fake_gateway import DECLINES_WHEN_SAVED, PAYS, FakeGateway
from tests.control_bench.builders import NOW, a_draft, an_account, given_account_with_card, given_invoices, usd
from tests.control_bench.stores import fresh_sqlite, opened
from warehouse.errors import InputError, RefusedError

S = AccountState
WHO = {"actor": "ada", "now": NOW}


def states(control: Control, account_id: str = "acc-1") -> list[str]:
    return [change.to_state.value for change in account_history(control, account_id)]


def told(control: Control) -> list[tuple[str, dict[str, Any]]]:
    with control.store.reading() as connection:
        rows = connection.execute(select(outbox).order_by(outbox.c.revision)).all()
    return [(row.event_type, json.loads(row.body)["data"]) for row in rows]


def a_registration(**values: Any) -> Registration:  # noqa: ANN401 - any field
    account = an_account(gateway="fake", tax_id="DE123456788")
    plain = {"account": account, "account_type": AccountType.COMPANY, "owner_email": "Ada@Acme.example", "card_token": PAYS}
    return Registration(**(plain | values))


def test_only_drawn_moves_exist_and_closed_is_final() -> None:
    for state, to in itertools.product(S, S):
        if may_move(state, to):
            check_move("acc-1", state, to)
        else:
            with pytest.raises(RefusedError, match=f"is {state} and cannot become {to}"):
                check_move("acc-1", state, to)
    assert ACCOUNT_TRANSITIONS[S.CLOSED] == frozenset()


def test_who_stands_in_a_catalog_is_active_and_its_history_says_so(control: Control) -> None:
    upsert_accounts(control, [an_account("acc-1", tax_id="DE1"), an_account("acc-2")], now=NOW)
    views = {view.account.account_id: view.standing for view in list_accounts(control)}
    assert (views["acc-1"].state, views["acc-1"].account_type) == (S.ACTIVE, AccountType.COMPANY)
    assert views["acc-2"].account_type is AccountType.INDIVIDUAL
    (change,) = account_history(control, "acc-1")
    assert (change.number, change.from_state, change.actor) == (1, "", "catalog")
    upsert_accounts(control, [an_account("acc-1", city="Bonn")], now=NOW)
    assert states(control) == ["active"]


def test_suspension_and_resumption_keep_reason_actor_and_time_and_are_told(control: Control) -> None:
    upsert_accounts(control, [an_account()], now=NOW)
    suspend(control, "acc-1", reason="abuse report", actor="ada", now=NOW + timedelta(hours=1))
    assert suspend(control, "acc-1", reason="again", **WHO) is None
    resume(control, "acc-1", reason="report was wrong", actor="bob", now=NOW + timedelta(hours=2))
    change = account_history(control, "acc-1")[1]
    assert (change.reason, change.actor, change.changed_at) == ("abuse report", "ada", NOW + timedelta(hours=1))
    events = told(control)
    assert [event_type for event_type, _ in events] == ["account.registered", "account.suspended", "account.resumed"]
    assert [data["number"] for _, data in events] == [1, 2, 3]


def test_a_move_needs_a_reason_a_known_account_and_a_way(control: Control) -> None:
    upsert_accounts(control, [an_account()], now=NOW)
    with pytest.raises(RefusedError, match="needs a reason"):
        suspend(control, "acc-1", reason=" ", **WHO)
    with pytest.raises(InputError, match="does not exist"):
        suspend(control, "acc-9", reason="x", **WHO)
    with pytest.raises(RefusedError, match="only a suspended or closing one"):
        resume(control, "acc-1", reason="x", **WHO)
    with pytest.raises(RefusedError, match="cannot become trial"):
        move_account(control, "acc-1", S.TRIAL, reason="x", **WHO)
    assert states(control) == ["active"]


@pytest.mark.parametrize("statement", ["UPDATE account_changes SET reason = ''", "DELETE FROM account_changes"])
def test_the_database_refuses_to_change_history(control: Control, statement: str) -> None:
    upsert_accounts(control, [an_account()], now=NOW)
    with pytest.raises(DBAPIError, match="frozen"):
        control.store.transact(lambda connection: connection.execute(text(statement)))


def test_an_unpaid_invoice_makes_an_account_past_due_and_its_payment_active_again(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    (invoice,) = given_invoices(control, a_draft())
    due = datetime.combine(invoice.due_date, NOW.timetz())
    assert review(control, now=due) == [], "not before the day after"
    (change,) = review(control, now=due + timedelta(days=1))
    assert (change.to_state, change.actor) == (S.PAST_DUE, "meterhouse")
    assert "INV-000001" in change.reason
    assert review(control, now=due + timedelta(days=2)) == []
    suspend(control, "acc-1", reason="three reminders", **WHO)
    resume(control, "acc-1", reason="promised", actor="ada", now=due + timedelta(days=3))
    assert show_account(control, "acc-1").standing.state is S.PAST_DUE
    push(control, now=NOW)
    (change,) = review(control, now=due + timedelta(days=4))
    assert change.to_state is S.ACTIVE


def test_a_registration_makes_customer_card_owner_and_an_active_account(control: Control, gateway: FakeGateway) -> None:
    saga = register(control, a_registration(), **WHO)
    assert (saga.status, saga.message) == ("done", "")
    assert states(control) == ["new", "active"]
    assert len(gateway.customers) == 1
    assert PAYS not in json.dumps(saga.data)
    with pytest.raises(RefusedError, match="registered already"):
        register(control, a_registration(), **WHO)


def test_a_declined_card_leaves_the_account_new_and_a_second_try_goes_on(control: Control, gateway: FakeGateway) -> None:
    saga = register(control, a_registration(card_token=DECLINES_WHEN_SAVED), **WHO)
    assert saga.status == "undone"
    assert "insufficient_funds" in saga.message
    assert states(control) == ["new"]
    assert register(control, a_registration(), **WHO).status == "done"
    assert states(control) == ["new", "active"]
    assert len(gateway.customers) == 1


def test_a_registration_waits_for_a_gateway_and_work_goes_on_with_it(control: Control, gateway: FakeGateway) -> None:
    gateway.plan("drop_after", "save_card")
    saga = register(control, a_registration(), **WHO)
    assert (saga.status, saga.step) == ("running", "card")
    assert work(control, now=NOW + timedelta(minutes=1)).is_idle
    assert states(control) == ["new", "active"]


def test_a_trial_is_a_credit_and_ends_with_it(control: Control) -> None:
    registration = a_registration(card_token="", trial=Trial(amount=usd(5_000), days=30))
    register(control, registration, **WHO)
    assert states(control) == ["new", "trial"]
    with control.store.reading() as connection:
        credit = connection.execute(select(credits_)).one()
    assert (credit.credit_id, credit.amount_minor, credit.valid_to) == ("trial-acc-1", 5_000, NOW + timedelta(days=30))
    assert review(control, now=NOW + timedelta(days=29)) == []
    (change,) = review(control, now=NOW + timedelta(days=31))
    assert change.to_state is S.SUSPENDED, "there is no card to go on with"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"account": an_account(tax_id="DE123456789")}, "no tax id of DE"),
        ({"account": an_account(country_code="Germany")}, "not a country code"),
        ({"account": an_account(currency_code="XXX")}, "XXX"),
        ({"owner_email": "nobody"}, "no email address"),
        ({"account_type": AccountType.INDIVIDUAL}, "an individual has no tax id"),
        ({"trial": Trial(amount=Money(1, "EUR"), days=1)}, "does not fit"),
    ],
)
def test_a_registration_that_is_not_right_leaves_nothing(control: Control, values: dict[str, Any], message: str) -> None:
    with pytest.raises((InputError, RefusedError), match=message):
        register(control, a_registration(**values), **WHO)
    assert list_accounts(control) == []


def test_a_closing_account_is_closed_when_its_month_is_closed_and_all_is_settled(control: Control, gateway: FakeGateway) -> None:
    given_account_with_card(control)
    given_invoices(control, a_draft())
    saga = close_account(control, "acc-1", reason="moves away", **WHO)
    assert (saga.status, saga.message) == ("running", "2026-02 is not closed yet")
    row = {"period": "2026-02", "closed_at": NOW, "as_of": NOW, "revision": 999}
    control.store.transact(lambda connection: connection.execute(closed_periods.insert(), row))
    worked = work(control, now=NOW + timedelta(days=1))
    assert worked.flows_waiting == 1, "the invoice is not paid"
    push(control, now=NOW)
    work(control, now=NOW + timedelta(days=2))
    assert states(control) == ["active", "closing", "closed"]
    assert gateway.list_cards(next(iter(gateway.customers))) == ()


def test_a_customer_who_stays_ends_the_closing(control: Control) -> None:
    upsert_accounts(control, [an_account()], now=NOW)
    close_account(control, "acc-1", reason="moves away", **WHO)
    resume(control, "acc-1", reason="stays", **WHO)
    assert work(control, now=NOW + timedelta(days=1)).is_idle
    assert states(control) == ["active", "closing", "active"]


class AccountMachine(RuleBasedStateMachine):
    """Moves an account anywhere at any time; the store follows the drawing, numbers its history and tells each change once."""

    path: Any

    @initialize()
    def open(self) -> None:
        self.context = opened(fresh_sqlite(self.path), self.path, gateways=lambda _: FakeGateway())
        self.control = self.context.__enter__()
        upsert_accounts(self.control, [an_account()], now=NOW)
        self.given_invoice = given_invoices(self.control, a_draft())[0]
        self.expected = [S.ACTIVE]

    def teardown(self) -> None:
        if hasattr(self, "context"):
            self.context.__exit__(None, None, None)

    @rule(to=st.sampled_from(list(S)))
    def move(self, to: AccountState) -> None:
        state = self.expected[-1]
        if to is state:
            assert move_account(self.control, "acc-1", to, reason="x", **WHO) is None
        elif to in ACCOUNT_TRANSITIONS[state]:
            move_account(self.control, "acc-1", to, reason="x", **WHO)
            self.expected.append(to)
        else:
            with pytest.raises(RefusedError):
                move_account(self.control, "acc-1", to, reason="x", **WHO)

    @invariant()
    def history_is_what_happened(self) -> None:
        if not hasattr(self, "expected"):
            return
        changes = account_history(self.control, "acc-1")
        assert [change.to_state for change in changes] == self.expected
        assert [change.number for change in changes] == list(range(1, len(changes) + 1))
        assert [change.from_state for change in changes[1:]] == [state.value for state in self.expected[:-1]]
        assert [data["number"] for _, data in told(self.control)] == [change.number for change in changes]

    @invariant()
    def no_amount_changes(self) -> None:
        if hasattr(self, "given_invoice"):
            assert show_invoice(self.control, "INV-000001") == self.given_invoice


def test_the_account_state_machine_follows_its_drawing(tmp_path_factory: pytest.TempPathFactory) -> None:
    machine = type("Machine", (AccountMachine,), {"path": tmp_path_factory.mktemp("accounts")}).TestCase
    machine.settings = hypothesis_settings(max_examples=15, stateful_step_count=12, deadline=None)
    machine("runTest").runTest()
