"""Accounts, credits and budgets: upserts that change only what differs, and refuse what would rewrite history."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select, update

from control.bootstrap import Control
from control.services.accounts import upsert_accounts, upsert_budgets, upsert_credits
from control.store import revisions
from control.store.tables import accounts, budgets, credits_
from tests.control_bench.builders import a_budget, a_credit, an_account
from warehouse.errors import InputError, RefusedError


def revision(control: Control) -> int:
    with control.store.reading() as connection:
        return revisions.current(connection)


def test_equal_rows_change_nothing_and_take_no_revision(control: Control) -> None:
    upsert_accounts(control, [an_account("acc-1"), an_account("acc-2")])
    upsert_credits(control, [a_credit()])
    upsert_budgets(control, [a_budget(thresholds=(Decimal("50.0"), Decimal(100)))])
    before = revision(control)
    assert before > 4
    assert upsert_accounts(control, [an_account("acc-2"), an_account("acc-1")]) == 0
    assert upsert_credits(control, [a_credit(amount="10")]) == 0
    assert upsert_budgets(control, [a_budget(thresholds=(Decimal(50), Decimal("100.00")))]) == 0
    assert revision(control) == before


def test_only_a_changed_row_takes_a_revision(control: Control) -> None:
    upsert_accounts(control, [an_account("acc-1"), an_account("acc-2")])
    assert upsert_accounts(control, [an_account("acc-1"), an_account("acc-2", city="Bonn")]) == 1
    with control.store.reading() as connection:
        found = {row.account_id: (row.city, row.revision) for row in connection.execute(select(accounts))}
    assert found == {"acc-1": ("", 1), "acc-2": ("Bonn", revision(control))}


def test_rows_that_a_catalog_no_longer_names_stay(control: Control) -> None:
    upsert_accounts(control, [an_account("acc-1"), an_account("acc-2")])
    upsert_accounts(control, [an_account("acc-1")])
    with control.store.reading() as connection:
        assert len(connection.execute(select(accounts)).all()) == 2


def test_an_account_never_changes_its_currency_and_nothing_of_the_request_is_kept(control: Control) -> None:
    upsert_accounts(control, [an_account("acc-1")])
    with pytest.raises(RefusedError, match="acc-1 is billed in USD and cannot change to EUR"):
        upsert_accounts(control, [an_account("acc-0"), an_account("acc-1", currency_code="EUR")])
    with control.store.reading() as connection:
        assert connection.execute(select(accounts.c.account_id)).scalars().all() == ["acc-1"]


def test_a_currency_that_does_not_exist_is_an_input_error(control: Control) -> None:
    with pytest.raises(InputError, match="XXX"):
        upsert_accounts(control, [an_account(currency_code="XXX")])


def test_the_same_account_in_two_rows_is_an_input_error(control: Control) -> None:
    with pytest.raises(InputError, match="account_id stands in two rows"):
        upsert_accounts(control, [an_account(), an_account(city="Bonn")])


def test_a_credit_needs_an_account_in_its_currency(control: Control) -> None:
    upsert_accounts(control, [an_account()])
    with pytest.raises(RefusedError, match="'acc-9', which does not exist"):
        upsert_credits(control, [a_credit(account_id="acc-9")])
    with pytest.raises(RefusedError, match="credit-1 is in EUR, its account acc-1 is billed in USD"):
        upsert_credits(control, [a_credit(currency_code="EUR")])


@pytest.mark.parametrize("amount", ["10.001", "-1", "NaN"])
def test_an_amount_that_is_no_money_is_an_input_error(control: Control, amount: str) -> None:
    upsert_accounts(control, [an_account()])
    with pytest.raises(InputError, match="credit credit-1"):
        upsert_credits(control, [a_credit(amount=amount)])
    with pytest.raises(InputError, match="budget budget-1"):
        upsert_budgets(control, [a_budget(amount=amount)])


def test_an_amount_beyond_64_bits_is_kept_exactly(control: Control) -> None:
    upsert_accounts(control, [an_account()])
    upsert_credits(control, [a_credit(amount="123456789012345678901234567890.12")])
    with control.store.reading() as connection:
        assert connection.execute(select(credits_.c.amount_minor)).scalar_one() == 12345678901234567890123456789012


def test_a_used_credit_is_not_lowered_below_its_use_nor_moved(control: Control) -> None:
    upsert_accounts(control, [an_account("acc-1"), an_account("acc-2")])
    upsert_credits(control, [a_credit()])
    control.store.transact(lambda connection: connection.execute(update(credits_).values(used_minor=400)))
    with pytest.raises(RefusedError, match=r"cannot be lowered to 3\.99 USD: issued invoices used 4\.00 USD"):
        upsert_credits(control, [a_credit(amount="3.99")])
    with pytest.raises(RefusedError, match="used by invoices of acc-1"):
        upsert_credits(control, [a_credit(account_id="acc-2")])
    assert upsert_credits(control, [a_credit(amount="4.00")]) == 1
    with control.store.reading() as connection:
        assert connection.execute(select(credits_.c.used_minor)).scalar_one() == 400


def test_a_budget_of_an_unknown_account_is_refused(control: Control) -> None:
    with pytest.raises(RefusedError, match="budget budget-1 names account 'acc-1', which does not exist"):
        upsert_budgets(control, [a_budget()])


def test_thresholds_are_kept_in_their_order(control: Control) -> None:
    upsert_accounts(control, [an_account()])
    upsert_budgets(control, [a_budget(thresholds=(Decimal(80), Decimal("99.5")))])
    with control.store.reading() as connection:
        assert connection.execute(select(budgets.c.thresholds)).scalar_one() == "80 99.5"
