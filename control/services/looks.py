"""Looks at an account: what it owes now, what a policy decides about it, and how a look is reported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection

from control.domain.debt import AccountDebt, Position, start_of
from control.domain.dunning import Decision, Policy, decide
from control.domain.money import Money
from control.store import agreements, debt
from control.store.agreements import DebtTerms

# Who acts, in histories of accounts: only what it suspended itself is resumed by itself.
DUNNING = "dunning"
# What instants in the store are cut to.
RESOLUTION = timedelta(milliseconds=1)
# Kinds of `about` of mails.
ABOUT_OVERDUE, ABOUT_RECOVERY = "overdue:", "recovered:"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One line of a run's report. `result` is `taken`, or why not."""

    account_id: str
    anchor_date: date | None
    days_overdue: int
    state: str
    step: str
    amount: Money
    result: str = "taken"


@dataclass(frozen=True, kw_only=True)
class Look:
    """A decision with what it was made on."""

    debt: AccountDebt
    terms: DebtTerms
    position: Position  # at the look
    decision: Decision


def look_at(connection: Connection, policy: Policy, account_id: str, *, now: datetime) -> Look:
    """Decide about one account; changes nothing."""
    found = debt.load_debts(connection, account_id)[account_id]
    terms = agreements.load_terms(connection, account_id)
    today = now.astimezone(UTC).date()
    midnight = start_of(today)
    # Bounds are exclusive, and instants cut to milliseconds: what was written at `now` counts.
    position = found.position(before=now + RESOLUTION, today=today)
    decision = decide(
        policy,
        start=found.position(before=midnight, today=today, counts_under_way=False),
        now=position,
        progress=debt.load_progress(connection, account_id),
        today=today,
        grace_days=terms.grace_days,
    )
    return Look(debt=found, terms=terms, position=position, decision=decision)


def line_of(look: Look, account_id: str, step: str, *, result: str = "taken") -> Taken:
    """The line of a step in a report."""
    decision = look.decision
    return Taken(
        account_id=account_id,
        anchor_date=decision.anchor,
        days_overdue=decision.days_overdue,
        state=decision.state.name if decision.state else "",
        step=step,
        amount=decision.amount,
        result=result,
    )


def about_of(decision: Decision) -> str:
    """What mails begin with that a decision does not make obsolete; empty where it makes all of them so."""
    return f"{ABOUT_OVERDUE}{decision.anchor}" if decision.anchor else ""
