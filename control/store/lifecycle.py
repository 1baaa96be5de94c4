"""Where accounts stand in their lives, and the history that led there. Which change makes sense is said in domain/lifecycle.py.

Each change writes three things in one transaction: the state, a line of history, and the message that tells others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from control.domain.lifecycle import AccountChange, AccountState, AccountType, check_move
from control.store import outbox, revisions
from control.store.outbox import Message
from control.store.tables import account_changes, billing_accounts
from warehouse.errors import InputError, RefusedError


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """An account that has no state yet."""

    account_id: str
    account_type: AccountType
    state: AccountState


@dataclass(frozen=True, kw_only=True)
class BillingAccount:
    """Where an account stands; `changes` counts how often it moved."""

    account_id: str
    account_type: AccountType
    state: AccountState
    changes: int
    changed_at: datetime


def begin(connection: Connection, accounts: Sequence[Beginning], *, reason: str, actor: str, now: datetime) -> None:
    """Give accounts their first state."""
    if not accounts:
        return
    changes = [
        AccountChange(
            account_id=account.account_id, number=1, from_state="", to_state=account.state, reason=reason, actor=actor, changed_at=now
        )
        for account in accounts
    ]
    states: list[dict[str, Any]] = [
        {
            "account_id": account.account_id,
            "account_type": account.account_type.value,
            "state": account.state.value,
            "changes": 1,
            "changed_at": now,
        }
        for account in accounts
    ]
    for row, revision in zip(states, revisions.take(connection, len(states)), strict=True):
        row["revision"] = revision
    connection.execute(insert(billing_accounts), states)
    _append(connection, changes, now=now)


def load(connection: Connection, account_id: str) -> BillingAccount:
    """Where one account stands.

    Raises:
        InputError: there is no such account.
    """
    row = connection.execute(select(billing_accounts).where(billing_accounts.c.account_id == account_id)).one_or_none()
    if row is None:
        raise InputError(f"account {account_id!r} does not exist; `meterhouse account list` names those that do")
    return BillingAccount(
        account_id=row.account_id,
        account_type=AccountType(row.account_type),
        state=AccountState(row.state),
        changes=row.changes,
        changed_at=row.changed_at,
    )


def move(connection: Connection, account_id: str, to: AccountState, *, reason: str, actor: str, now: datetime) -> AccountChange | None:
    """Move an account; None where it is there already.

    Raises:
        InputError: there is no such account.
        RefusedError: it may not go there from where it is, or somebody moved it meanwhile.
    """
    account = load(connection, account_id)
    if account.state is to:
        return None
    check_move(account_id, account.state, to)
    change = AccountChange(
        account_id=account_id,
        number=account.changes + 1,
        from_state=account.state.value,
        to_state=to,
        reason=reason,
        actor=actor,
        changed_at=now,
    )
    (revision,) = revisions.take(connection, 1)
    # Compare and set: even without a serializable transaction, of two that move it one finds that it was not there any more.
    mine = update(billing_accounts).where(billing_accounts.c.account_id == account_id, billing_accounts.c.changes == account.changes)
    moved = connection.execute(mine.values(state=to.value, changes=change.number, changed_at=now, revision=revision))
    if moved.rowcount != 1:
        raise RefusedError(f"account {account_id} was moved by somebody else meanwhile; look at it and repeat")
    _append(connection, [change], now=now)
    return change


def history(connection: Connection, account_id: str) -> list[AccountChange]:
    """All changes of an account, oldest first."""
    rows = select(account_changes).where(account_changes.c.account_id == account_id).order_by(account_changes.c.number)
    return [
        AccountChange(
            account_id=row.account_id,
            number=row.number,
            from_state=row.from_state,
            to_state=AccountState(row.to_state),
            reason=row.reason,
            actor=row.actor,
            changed_at=row.changed_at,
        )
        for row in connection.execute(rows)
    ]


def _append(connection: Connection, changes: Sequence[AccountChange], *, now: datetime) -> None:
    rows = [asdict(change) | {"to_state": change.to_state.value} for change in changes]
    for row, revision in zip(rows, revisions.take(connection, len(rows)), strict=True):
        row["revision"] = revision
    connection.execute(insert(account_changes), rows)
    messages = [
        Message(
            event_type=change.event_type,
            subject=change.account_id,
            data={
                "account_id": change.account_id,
                "number": change.number,
                "from_state": change.from_state,
                "to_state": change.to_state.value,
                "reason": change.reason,
            },
        )
        for change in changes
    ]
    outbox.publish(connection, messages, now=now)
