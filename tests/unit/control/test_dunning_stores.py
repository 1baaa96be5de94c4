"""Dunning on each database: the whole story, what the database refuses, and a process that dies in between."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from control.bootstrap import Control
from control.domain.lifecycle import AccountState
from control.services.dunning import run_dunning
from control.services.lifecycle import account_history
from control.services.looks import DUNNING
from control.services.show import show_invoice
from control.services.verify import verify_ledger
from control.store import debt
from tests.control_bench.dunning import DUE, POLICY, STORY, at, events, given_debtor, look_daily, mailed, state


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


@pytest.fixture
def killing(control: Control) -> list[str]:
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
