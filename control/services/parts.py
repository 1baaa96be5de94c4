"""Shows what belongs to accounts as pages of rows: accounts themselves, credits, budgets, payments, refunds.

Each list is in the order of its key and goes on after one, so that a page costs what it shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, Select, select

from control.bootstrap import Control
from control.domain.accounts import AccountRow, BudgetRow
from control.domain.lifecycle import AccountState, AccountType
from control.domain.money import Money
from control.services.lifecycle import AccountView
from control.store import paging
from control.store.lifecycle import BillingAccount
from control.store.tables import accounts, billing_accounts, budgets, credits_, invoices, payments, refunds

# Of the account that a list is about; empty: of all.
Place = tuple[datetime, str]


@dataclass(frozen=True, kw_only=True)
class AccountCredit:
    """A credit, and what issued documents used of it."""

    credit_id: str
    account_id: str
    amount: Money
    used: Money
    valid_from: datetime
    valid_to: datetime


@dataclass(frozen=True, kw_only=True)
class PaymentView:
    """An attempt to settle a document."""

    payment_id: str
    invoice_id: str
    invoice_number: str
    account_id: str
    attempt: int
    gateway: str
    status: str
    amount: Money
    charged: Money
    from_balance: Money
    gateway_payment_id: str
    reason_code: str
    message: str
    started_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class RefundView:
    """Money that goes back to who paid."""

    refund_id: str
    invoice_id: str
    invoice_number: str
    account_id: str
    payment_id: str
    gateway: str
    status: str
    amount: Money
    reason: str
    actor: str
    note_id: str
    message: str
    asked_at: datetime
    updated_at: datetime


def page_of_accounts(
    control: Control, *, account_id: str = "", state: AccountState | None = None, after: str = "", limit: int
) -> list[AccountView]:
    """Accounts by id."""
    found = select(accounts, *(column for column in billing_accounts.c if column.name not in ("account_id", "revision"))).join(
        billing_accounts, billing_accounts.c.account_id == accounts.c.account_id
    )
    if account_id:
        found = found.where(accounts.c.account_id == account_id)
    if state is not None:
        found = found.where(billing_accounts.c.state == state.value)
    with control.store.reading() as connection:
        rows = connection.execute(found.where(accounts.c.account_id > after).order_by(accounts.c.account_id).limit(limit)).mappings()
        return [_account(dict(row)) for row in rows]


def page_of_credits(control: Control, account_id: str, *, after: str = "", limit: int) -> list[AccountCredit]:
    """Credits of an account by id."""
    mine = select(credits_).where(credits_.c.account_id == account_id, credits_.c.credit_id > after)
    with control.store.reading() as connection:
        return [_credit(row) for row in connection.execute(mine.order_by(credits_.c.credit_id).limit(limit))]


def find_credit(control: Control, credit_id: str) -> AccountCredit | None:
    """One credit, whoever has it."""
    with control.store.reading() as connection:
        row = connection.execute(select(credits_).where(credits_.c.credit_id == credit_id)).one_or_none()
    return None if row is None else _credit(row)


def page_of_budgets(control: Control, account_id: str, *, after: str = "", limit: int) -> list[BudgetRow]:
    """Budgets of an account by id."""
    mine = select(budgets).where(budgets.c.account_id == account_id, budgets.c.budget_id > after)
    with control.store.reading() as connection:
        return [
            BudgetRow(
                budget_id=row.budget_id,
                account_id=row.account_id,
                scope_type=row.scope_type,
                scope_value=row.scope_value,
                amount=Money(row.amount_minor, row.currency_code).amount,
                currency_code=row.currency_code,
                thresholds=tuple(Decimal(each) for each in row.thresholds.split()),
            )
            for row in connection.execute(mine.order_by(budgets.c.budget_id).limit(limit))
        ]


def owner_of_budget(control: Control, budget_id: str) -> str:
    """The account of a budget; empty where there is none of that id."""
    with control.store.reading() as connection:
        found = connection.execute(select(budgets.c.account_id).where(budgets.c.budget_id == budget_id)).one_or_none()
    return "" if found is None else str(found.account_id)


def page_of_payments(
    control: Control, *, account_id: str = "", invoice_number: str = "", after: Place | None = None, limit: int
) -> list[PaymentView]:
    """Attempts, oldest first."""
    found = _payments()
    if account_id:
        found = found.where(invoices.c.account_id == account_id)
    if invoice_number:
        found = found.where(invoices.c.invoice_number == invoice_number)
    if after is not None:
        found = found.where(paging.after((payments.c.started_at, payments.c.payment_id), after))
    with control.store.reading() as connection:
        rows = connection.execute(found.order_by(payments.c.started_at, payments.c.payment_id).limit(limit))
        return [_payment(row) for row in rows]


def find_payment(control: Control, payment_id: str) -> PaymentView | None:
    """One attempt."""
    with control.store.reading() as connection:
        row = connection.execute(_payments().where(payments.c.payment_id == payment_id)).one_or_none()
    return None if row is None else _payment(row)


def page_of_refunds(control: Control, *, account_id: str = "", after: Place | None = None, limit: int) -> list[RefundView]:
    """Refunds, oldest first."""
    found = _refunds()
    if account_id:
        found = found.where(invoices.c.account_id == account_id)
    if after is not None:
        found = found.where(paging.after((refunds.c.asked_at, refunds.c.refund_id), after))
    with control.store.reading() as connection:
        rows = connection.execute(found.order_by(refunds.c.asked_at, refunds.c.refund_id).limit(limit))
        return [_refund(row) for row in rows]


def find_refund(control: Control, refund_id: str) -> RefundView | None:
    """One refund."""
    with control.store.reading() as connection:
        row = connection.execute(_refunds().where(refunds.c.refund_id == refund_id)).one_or_none()
    return None if row is None else _refund(row)


def _payments() -> Select[Any]:
    return select(payments, invoices.c.invoice_number, invoices.c.account_id).join(invoices, invoices.c.invoice_id == payments.c.invoice_id)


def _refunds() -> Select[Any]:
    return select(refunds, invoices.c.invoice_number, invoices.c.account_id).join(invoices, invoices.c.invoice_id == refunds.c.invoice_id)


def _account(row: dict[str, Any]) -> AccountView:
    names = {column.name for column in accounts.c} - {"revision"}
    standing = BillingAccount(
        account_id=row["account_id"],
        account_type=AccountType(row["account_type"]),
        state=AccountState(row["state"]),
        changes=row["changes"],
        changed_at=row["changed_at"],
    )
    return AccountView(account=AccountRow(**{name: row[name] for name in names}), standing=standing)


def _credit(row: Row[Any]) -> AccountCredit:
    return AccountCredit(
        credit_id=row.credit_id,
        account_id=row.account_id,
        amount=Money(row.amount_minor, row.currency_code),
        used=Money(row.used_minor, row.currency_code),
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )


def _payment(row: Row[Any]) -> PaymentView:
    same = (
        "payment_id", "invoice_id", "invoice_number", "account_id", "attempt", "gateway", "status", "gateway_payment_id", "reason_code",
        "message", "started_at", "updated_at",
    )  # fmt: skip
    return PaymentView(
        **{name: getattr(row, name) for name in same},
        amount=Money(row.amount_minor, row.currency_code),
        charged=Money(row.charged_minor, row.currency_code),
        from_balance=Money(row.balance_minor, row.currency_code),
    )


def _refund(row: Row[Any]) -> RefundView:
    same = (
        "refund_id", "invoice_id", "invoice_number", "account_id", "payment_id", "gateway", "status", "reason", "actor", "note_id",
        "message", "asked_at", "updated_at",
    )  # fmt: skip
    return RefundView(**{name: getattr(row, name) for name in same}, amount=Money(row.amount_minor, row.currency_code))
