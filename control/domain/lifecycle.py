"""The life of a billing account as a state machine. Every change of state goes through here.

    new ──► trial ──► active ◄──► past_due
     │        ▲        │ ▲          │
     │        ▼        ▼ │          ▼
     │     suspended ◄───┴──── suspended
     ▼        ▼        ▼            ▼
    closing ◄─┴────────┴────────────┘
     │  └──► active            (the customer stays)
     ▼
    closed                     (final: who comes back gets a new account)

A state says what a customer may do, never what anything costs: the same usage makes the same invoice in each of them, and
what a trial gives is a credit.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from warehouse.errors import RefusedError


class AccountType(StrEnum):
    """Who the customer is before the law."""

    INDIVIDUAL = "individual"
    COMPANY = "company"


class AccountState(StrEnum):
    """Where a billing account stands."""

    NEW = "new"  # registered; nothing may be used yet
    TRIAL = "trial"  # lives on a credit; no payment method is needed
    ACTIVE = "active"
    PAST_DUE = "past_due"  # an invoice is unpaid after its due date
    SUSPENDED = "suspended"  # the cloud's services stop what the account runs
    CLOSING = "closing"  # nothing new; the last documents are issued and settled
    CLOSED = "closed"


_S = AccountState
ACCOUNT_TRANSITIONS: dict[AccountState, frozenset[AccountState]] = {
    _S.NEW: frozenset({_S.TRIAL, _S.ACTIVE, _S.CLOSING}),
    _S.TRIAL: frozenset({_S.ACTIVE, _S.SUSPENDED, _S.CLOSING}),
    _S.ACTIVE: frozenset({_S.PAST_DUE, _S.SUSPENDED, _S.CLOSING}),
    _S.PAST_DUE: frozenset({_S.ACTIVE, _S.SUSPENDED, _S.CLOSING}),
    _S.SUSPENDED: frozenset({_S.TRIAL, _S.ACTIVE, _S.PAST_DUE, _S.CLOSING}),
    _S.CLOSING: frozenset({_S.ACTIVE, _S.CLOSED}),
    _S.CLOSED: frozenset(),
}

# What services follow; a change that is neither is `account.<state>`.
_RESUMED = (_S.TRIAL, _S.ACTIVE, _S.PAST_DUE)


@dataclass(frozen=True, kw_only=True)
class AccountChange:
    """One entry of an account's history. `number` counts from 1 within the account; `from_state` is empty on the first."""

    account_id: str
    number: int
    from_state: str
    to_state: AccountState
    reason: str
    actor: str
    changed_at: datetime

    @property
    def event_type(self) -> str:
        """The word under which the change is published."""
        if not self.from_state:
            return "account.registered"
        if self.from_state == AccountState.SUSPENDED and self.to_state in _RESUMED:
            return "account.resumed"
        return f"account.{self.to_state}"


def may_move(state: AccountState, to: AccountState) -> bool:
    """Whether an account may go from one state to the other."""
    return to in ACCOUNT_TRANSITIONS[state]


def check_move(account_id: str, state: AccountState, to: AccountState) -> None:
    """Do nothing where the account may go there.

    Raises:
        RefusedError: it may not; the message names where it may go.
    """
    if may_move(state, to):
        return
    ways = ", ".join(sorted(ACCOUNT_TRANSITIONS[state])) or "nowhere: it is final"
    raise RefusedError(f"account {account_id} is {state} and cannot become {to}; from here it may become {ways}")
