"""Moves billing accounts through their lives: suspend, resume, and what follows from what is paid and what is not.

A state never changes an amount. What a move tells others goes out with `deliver`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, literal, select

from control.bootstrap import Control
from control.domain.accounts import AccountRow
from control.domain.documents import Kind
from control.domain.lifecycle import AccountChange, AccountState, AccountType, may_move
from control.domain.status import PUSHABLE
from control.services.customers import load_account
from control.services.fraud import check_may_go_on
from control.store import lifecycle
from control.store.lifecycle import BillingAccount
from control.store.payments import find_customer
from control.store.tables import accounts, billing_accounts, credits_, invoices
from warehouse.errors import RefusedError

# Who acts where no person does.
SYSTEM = "meterhouse"


@dataclass(frozen=True, kw_only=True)
class AccountView:
    """An account as people see it."""

    account: AccountRow
    standing: BillingAccount


def list_accounts(control: Control, state: AccountState | None = None) -> list[AccountView]:
    """All accounts by id, or those in one state."""
    columns = [column for column in accounts.c if column.name != "revision"]
    with control.store.reading() as connection:
        rows = {row["account_id"]: AccountRow(**row) for row in connection.execute(select(*columns)).mappings()}
        found = connection.execute(select(billing_accounts).order_by(billing_accounts.c.account_id)).all()
    views = [
        AccountView(
            account=rows[row.account_id],
            standing=BillingAccount(
                account_id=row.account_id,
                account_type=AccountType(row.account_type),
                state=AccountState(row.state),
                changes=row.changes,
                changed_at=row.changed_at,
            ),
        )
        for row in found
    ]
    return [view for view in views if state is None or view.standing.state is state]


def show_account(control: Control, account_id: str) -> AccountView:
    """One account.

    Raises:
        InputError: there is none of that id.
    """
    with control.store.reading() as connection:
        return AccountView(account=load_account(connection, account_id), standing=lifecycle.load(connection, account_id))


def account_history(control: Control, account_id: str) -> list[AccountChange]:
    """All changes of an account, oldest first.

    Raises:
        InputError: there is none of that id.
    """
    with control.store.reading() as connection:
        lifecycle.load(connection, account_id)
        return lifecycle.history(connection, account_id)


def move_account(control: Control, account_id: str, to: AccountState, *, reason: str, actor: str, now: datetime) -> AccountChange | None:
    """Move an account; None where it is there already.

    Raises:
        InputError: there is none of that id.
        RefusedError: no reason is given, or it may not go there.
    """
    if not reason.strip():
        raise RefusedError("a change of an account's state needs a reason; its history keeps it for ever")
    return control.store.transact(
        lambda connection: lifecycle.move(connection, account_id, to, reason=reason.strip(), actor=actor, now=now)
    )


def suspend(control: Control, account_id: str, *, reason: str, actor: str, now: datetime) -> AccountChange | None:
    """Suspend an account: the cloud's services stop what it runs when they hear of it. Raises as move_account."""
    return move_account(control, account_id, AccountState.SUSPENDED, reason=reason, actor=actor, now=now)


def resume(control: Control, account_id: str, *, reason: str, actor: str, now: datetime) -> AccountChange | None:
    """Let a suspended account go on: active, or past due while an invoice is. Also takes back a closing.

    Raises:
        InputError: there is none of that id.
        RefusedError: no reason is given, it is neither suspended nor closing, or it is held for fraud.
    """

    def work(connection: Connection) -> AccountChange | None:
        state = lifecycle.load(connection, account_id).state
        if state not in (AccountState.SUSPENDED, AccountState.CLOSING):
            raise RefusedError(f"account {account_id} is {state}; only a suspended or closing one can be resumed")
        check_may_go_on(connection, account_id)
        is_overdue = account_id in _overdue(connection, now.date()) and state is AccountState.SUSPENDED
        to = AccountState.PAST_DUE if is_overdue else AccountState.ACTIVE
        return lifecycle.move(connection, account_id, to, reason=reason.strip(), actor=actor, now=now)

    if not reason.strip():
        raise RefusedError("a change of an account's state needs a reason; its history keeps it for ever")
    return control.store.transact(work)


def review(control: Control, *, now: datetime) -> list[AccountChange]:
    """Bring accounts in line with what they owe (active ↔ past_due) and end trials. Repeating it changes nothing.

    The clock is the due date of the earliest unpaid document, so a partial payment neither starts nor stops it.
    """

    def work(connection: Connection) -> list[AccountChange]:
        overdue = _overdue(connection, now.date())
        known = connection.execute(
            select(billing_accounts.c.account_id, billing_accounts.c.state).where(
                billing_accounts.c.state.in_([AccountState.ACTIVE.value, AccountState.PAST_DUE.value])
            )
        )
        changes = []
        states = {str(row.account_id): AccountState(row.state) for row in known}
        for account_id, state in sorted(states.items()):
            to = AccountState.PAST_DUE if account_id in overdue else AccountState.ACTIVE
            if state is not to and may_move(state, to):
                reason = f"{overdue[account_id]} is unpaid after its due date" if account_id in overdue else "nothing is overdue any more"
                changes.append(lifecycle.move(connection, account_id, to, reason=reason, actor=SYSTEM, now=now))
        for account_id, has_means in _ended_trials(connection, now):
            to = AccountState.ACTIVE if has_means else AccountState.SUSPENDED
            reason = "the trial ended" if has_means else "the trial ended and there is no way to pay"
            changes.append(lifecycle.move(connection, account_id, to, reason=reason, actor=SYSTEM, now=now))
        return [change for change in changes if change is not None]

    return control.store.transact(work)


def unpaid_numbers(connection: Connection, account_id: str) -> Sequence[str]:
    """Numbers of the documents of an account that are not settled."""
    is_open = invoices.c.status.in_([status.value for status in PUSHABLE])
    found = select(invoices.c.invoice_number).where(invoices.c.account_id == account_id, is_open).order_by(invoices.c.invoice_number)
    return connection.execute(found).scalars().all()


def _ended_trials(connection: Connection, now: datetime) -> list[tuple[str, bool]]:
    """Accounts whose trial's credit ended, and whether they have a way to pay: a card, or no gateway to charge."""
    in_trial = select(accounts.c.account_id, accounts.c.gateway, credits_.c.valid_to).join(
        billing_accounts, billing_accounts.c.account_id == accounts.c.account_id
    )
    credit = credits_.c.credit_id == literal("trial-") + accounts.c.account_id
    rows = connection.execute(in_trial.join(credits_, credit).where(billing_accounts.c.state == AccountState.TRIAL.value)).all()
    ended = []
    for row in sorted(rows, key=lambda row: str(row.account_id)):
        if row.valid_to > now:
            continue
        customer = find_customer(connection, row.account_id, row.gateway) if row.gateway else None
        ended.append((str(row.account_id), not row.gateway or bool(customer and customer.payment_method_id)))
    return ended


def _overdue(connection: Connection, today: date) -> dict[str, str]:
    """Account to the number of its earliest document that is unpaid after its due date."""
    is_open = invoices.c.status.in_([status.value for status in PUSHABLE])
    asks = invoices.c.kind.in_([Kind.INVOICE.value, Kind.DEBIT_NOTE.value])
    found = select(invoices).where(is_open, asks, invoices.c.due_date < today).order_by(invoices.c.due_date, invoices.c.invoice_number)
    earliest: dict[str, str] = {}
    for row in connection.execute(found):
        if row.total_minor > row.paid_minor:
            earliest.setdefault(row.account_id, row.invoice_number)
    return earliest
