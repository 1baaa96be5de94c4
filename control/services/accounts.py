"""Upserts accounts, credits and budgets: the control store is their master, catalog files propose.

Rows that equal what is stored change nothing and take no revision. A row that a file no longer names stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from control.bootstrap import Control
from control.domain.accounts import AccountRow, BudgetRow, CreditRow
from control.domain.lifecycle import AccountState, AccountType
from control.domain.money import Money, plain
from control.store import lifecycle, revisions
from control.store.lifecycle import Beginning
from control.store.tables import accounts, budgets, credits_
from warehouse.currencies import minor_units
from warehouse.errors import InputError, RefusedError

Values = dict[str, Any]


def upsert_accounts(control: Control, rows: Sequence[AccountRow], *, now: datetime | None = None) -> int:
    """Insert or change accounts; returns how many rows changed. All or nothing.

    A new one is active at once: who stands in a catalog is a customer already. Others register (register.py).

    Args:
        control: whose store is their master.
        rows: what is proposed.
        now: when a new account's history begins; default: the wall clock.

    Raises:
        RefusedError: a row would change an account's currency, which its invoices are in.
        InputError: no such currency, or an account_id twice.
    """
    for row in rows:
        minor_units(row.currency_code)
    wanted = {row.account_id: asdict(row) for row in rows}
    _check_unique("account_id", len(rows), wanted)

    def work(connection: Connection) -> int:
        stored = _stored(connection, accounts, "account_id")
        for account_id, values in wanted.items():
            before = stored.get(account_id)
            if before is not None and before["currency_code"] != values["currency_code"]:
                raise RefusedError(
                    f"account {account_id} is billed in {before['currency_code']} and cannot change to {values['currency_code']};"
                    " make a new account for another currency"
                )
        changed = _write(connection, accounts, "account_id", wanted, stored)
        beginnings = [
            Beginning(account_id=row.account_id, account_type=type_of(row), state=AccountState.ACTIVE)
            for row in rows
            if row.account_id not in stored
        ]
        lifecycle.begin(connection, beginnings, reason="stands in the catalog", actor="catalog", now=now or datetime.now(UTC))
        return changed

    return control.store.transact(work)


def type_of(row: AccountRow) -> AccountType:
    """A catalog does not say it: a tax id or a legal name makes a company."""
    return AccountType.COMPANY if row.tax_id or row.legal_name else AccountType.INDIVIDUAL


def upsert_credits(control: Control, rows: Sequence[CreditRow]) -> int:
    """Insert or change credits; returns how many rows changed. All or nothing.

    Raises:
        RefusedError: an unknown account, another currency than the account's, less than issued invoices used already, or a
            used credit moved to another account.
        InputError: an amount that the currency's minor unit cannot hold, or below zero, or a credit_id twice.
    """
    wanted = _wanted_credits(rows)

    def work(connection: Connection) -> int:
        _check_accounts(connection, "credit", wanted, is_currency_bound=True)
        stored = _stored(connection, credits_, "credit_id")
        _check_uses(wanted, stored)
        for credit_id, values in wanted.items():
            values["used_minor"] = stored[credit_id]["used_minor"] if credit_id in stored else 0
        return _write(connection, credits_, "credit_id", wanted, stored)

    return control.store.transact(work)


def check_credits(control: Control, rows: Sequence[CreditRow]) -> None:
    """Refuse what `upsert_credits` would refuse for what issued invoices used, without writing: before anything else is written.

    Raises:
        RefusedError: less than issued invoices used already, or a used credit moved to another account.
    """
    with control.store.reading() as connection:
        _check_uses(_wanted_credits(rows), _stored(connection, credits_, "credit_id"))


def upsert_budgets(control: Control, rows: Sequence[BudgetRow]) -> int:
    """Insert or change budgets; returns how many rows changed. All or nothing.

    Raises:
        RefusedError: an unknown account.
        InputError: an amount that the currency's minor unit cannot hold, or below zero, or a budget_id twice.
    """
    wanted: dict[str, Values] = {
        row.budget_id: {
            "budget_id": row.budget_id,
            "account_id": row.account_id,
            "scope_type": row.scope_type,
            "scope_value": row.scope_value,
            "amount_minor": _minor(row.amount, row.currency_code, f"budget {row.budget_id}"),
            "currency_code": row.currency_code,
            "thresholds": " ".join(plain(threshold) for threshold in row.thresholds),
        }
        for row in rows
    }
    _check_unique("budget_id", len(rows), wanted)

    def work(connection: Connection) -> int:
        _check_accounts(connection, "budget", wanted, is_currency_bound=False)
        return _write(connection, budgets, "budget_id", wanted, _stored(connection, budgets, "budget_id"))

    return control.store.transact(work)


def _wanted_credits(rows: Sequence[CreditRow]) -> dict[str, Values]:
    wanted: dict[str, Values] = {
        row.credit_id: {
            "credit_id": row.credit_id,
            "account_id": row.account_id,
            "amount_minor": _minor(row.amount, row.currency_code, f"credit {row.credit_id}"),
            "currency_code": row.currency_code,
            "valid_from": row.valid_from,
            "valid_to": row.valid_to,
        }
        for row in rows
    }
    _check_unique("credit_id", len(rows), wanted)
    return wanted


def _check_uses(wanted: Mapping[str, Values], stored: Mapping[str, Values]) -> None:
    for credit_id, values in wanted.items():
        before = stored.get(credit_id)
        if before is None:
            continue
        used = before["used_minor"]
        if used and values["account_id"] != before["account_id"]:
            raise RefusedError(f"credit {credit_id} was used by invoices of {before['account_id']} and cannot move to another account")
        if values["amount_minor"] < used:
            raise RefusedError(
                f"credit {credit_id} cannot be lowered to {Money(values['amount_minor'], values['currency_code'])}:"
                f" issued invoices used {Money(used, before['currency_code'])} of it"
            )


def _minor(amount: Decimal, currency_code: str, what: str) -> int:
    try:
        money = Money.from_decimal(amount, currency_code)
    except ValueError as error:
        raise InputError(f"{what}: {error}") from None
    if money.minor < 0:
        raise InputError(f"{what}: {money} is below zero")
    return money.minor


def _check_unique(key: str, count: int, wanted: Mapping[str, Values]) -> None:
    if count != len(wanted):
        raise InputError(f"the same {key} stands in two rows")


def _check_accounts(connection: Connection, what: str, wanted: Mapping[str, Values], *, is_currency_bound: bool) -> None:
    currencies: dict[str, str] = {row.account_id: row.currency_code for row in connection.execute(select(accounts))}
    for key, values in wanted.items():
        account_id = values["account_id"]
        if account_id not in currencies:
            raise RefusedError(f"{what} {key} names account {account_id!r}, which does not exist")
        if is_currency_bound and currencies[account_id] != values["currency_code"]:
            raise RefusedError(
                f"{what} {key} is in {values['currency_code']}, its account {account_id} is billed in {currencies[account_id]}"
            )


def _stored(connection: Connection, table: Table, key: str) -> dict[str, Values]:
    return {row[key]: dict(row) for row in connection.execute(select(table)).mappings()}


def _write(connection: Connection, table: Table, key: str, wanted: Mapping[str, Values], stored: Mapping[str, Values]) -> int:
    changed = [values for name, values in wanted.items() if name not in stored or _differs(values, stored[name])]
    if not changed:
        return 0
    for values, revision in zip(changed, revisions.take(connection, len(changed)), strict=True):
        values["revision"] = revision
    new = [values for values in changed if values[key] not in stored]
    if new:
        connection.execute(insert(table), new)
    for values in changed:
        if values[key] in stored:
            connection.execute(update(table).where(table.c[key] == values[key]).values(values))
    return len(changed)


def _differs(values: Values, before: Mapping[str, Any]) -> bool:
    return any(before[name] != value for name, value in values.items() if name != "revision")
