"""Shows debt: positions, ageing, what was done, and what another policy would have done on the same history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from control.bootstrap import Control
from control.domain.ageing import Ageing, ageing
from control.domain.debt import Claim
from control.domain.dunning import Policy
from control.domain.dunning_replay import Difference, ReplayedStep, compare, replay
from control.domain.money import Money
from control.services.looks import Look, look_at
from control.store import agreements, debt, lifecycle, mails
from control.store.tables import billing_accounts


@dataclass(frozen=True, kw_only=True)
class DebtView:
    """An account that owes something, or on which something is in force."""

    account_id: str
    account_state: str
    look: Look
    restricted_for: str  # causes, separated by spaces

    @property
    def open(self) -> Money:
        """All claims, due or not, less what the account has in its favour."""
        return Money(sum(claim.open.minor for claim in self.claims), self.look.debt.currency_code)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Claims as the look saw them."""
        return self.look.position.claims


def list_debts(control: Control, policy: Policy, account_id: str | None = None, *, now: datetime) -> list[DebtView]:
    """Accounts with open claims, by id, or one account whatever it owes.

    Raises:
        InputError: there is no account of that id.
    """
    with control.store.reading() as connection:
        if account_id is not None:
            lifecycle.load(connection, account_id)
        states = {str(row.account_id): str(row.state) for row in connection.execute(select(billing_accounts))}
        restricted = agreements.active_restrictions(connection)
        wanted = [account_id] if account_id else sorted(debt.accounts_with_claims(connection) | set(restricted))
        return [
            DebtView(
                account_id=one,
                account_state=states.get(one, ""),
                look=look_at(connection, policy, one, now=now),
                restricted_for=" ".join(sorted(restricted.get(one, {}))),
            )
            for one in wanted
        ]


def read_ageing(control: Control, *, until: datetime) -> list[Ageing]:
    """The ageing by the ledger lines posted before an instant, on that instant's UTC day; sums equal the ledger's receivable."""
    with control.store.reading() as connection:
        debts = debt.load_debts(connection)
    documents = {invoice_id: document for one in debts.values() for invoice_id, document in one.documents.items()}
    lines = [line for one in debts.values() for line in one.lines if line.posted_at < until]
    return ageing(documents, lines, today=until.astimezone(UTC).date())


def list_steps(control: Control, account_id: str | None = None) -> list[dict[str, Any]]:
    """Steps that were taken, oldest first."""
    with control.store.reading() as connection:
        return debt.steps_taken(connection, account_id)


def list_mails(control: Control, account_id: str | None = None) -> list[dict[str, Any]]:
    """Mails that were written, oldest first."""
    with control.store.reading() as connection:
        return mails.list_mails(connection, account_id)


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """Two policies on one history."""

    first: date
    last: date
    accounts: int
    active: list[ReplayedStep]
    candidate: list[ReplayedStep]

    @property
    def differences(self) -> list[Difference]:
        """Both side by side, equal steps too."""
        return compare(self.active, self.candidate)


def what_if(control: Control, *, active: Policy, candidate: Policy, first: date | None, last: date) -> WhatIf:
    """Replay two policies on the recorded documents and payments, looked at once a day; changes nothing.

    Args:
        control: whose history it is.
        active: the one to compare with.
        candidate: the one that might be switched on.
        first: default: the day after the earliest due date.
        last: the last day.
    """
    with control.store.reading() as connection:
        debts = debt.load_debts(connection)
        terms = agreements.all_terms(connection)
    grace: Mapping[str, int] = {account_id: one.grace_days for account_id, one in terms.items()}
    due_dates = [document.due_date for one in debts.values() for document in one.documents.values() if document.is_claim]
    start = first or (min(due_dates) + timedelta(days=1) if due_dates else last)

    def steps(policy: Policy) -> list[ReplayedStep]:
        return [
            step
            for account_id, one in debts.items()
            for step in replay(policy, one, first=start, last=last, grace_days=grace.get(account_id, 0))
        ]

    return WhatIf(first=start, last=last, accounts=len(debts), active=steps(active), candidate=steps(candidate))
