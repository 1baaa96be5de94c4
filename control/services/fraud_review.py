"""What people do with the antifraud's decisions: see the queue, release an account or confirm the fraud."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from control.bootstrap import Control
from control.domain.fraud import Action, Decision, Review, Verdict, standing
from control.domain.lifecycle import AccountState
from control.services.fraud import ACTOR, policy_of, reasons, suspend, tell
from control.services.restrictions import lift
from control.store import fraud, lifecycle
from control.store.agreements import FRAUD
from warehouse.errors import RefusedError

# What waits for a person. A challenge ends by itself.
_WAITS = (Action.REVIEW, Action.LIMIT, Action.SUSPEND)


@dataclass(frozen=True, kw_only=True)
class QueueItem:
    """An account that waits for a person, with its open decisions, oldest first."""

    account_id: str
    state: AccountState
    action: Action
    score: Decimal  # the highest
    since: datetime
    decisions: tuple[Decision, ...]

    @property
    def reason(self) -> str:
        """What the latest decision saw."""
        return reasons(self.decisions[-1].findings)


def queue(control: Control) -> list[QueueItem]:
    """The accounts that wait for a person: the hardest action first, then who waits longest."""
    with control.store.reading() as connection:
        waiting: dict[str, list[Decision]] = {}
        for decision in fraud.decisions(connection, only_open=True):
            if decision.action in _WAITS:
                waiting.setdefault(decision.account_id, []).append(decision)
        states = {account_id: lifecycle.load(connection, account_id).state for account_id in waiting}
    items = [
        QueueItem(
            account_id=account_id,
            state=states[account_id],
            action=max((decision.action for decision in found), key=lambda action: action.severity),
            score=max(decision.score for decision in found),
            since=found[0].decided_at,
            decisions=tuple(found),
        )
        for account_id, found in waiting.items()
    ]
    return sorted(items, key=lambda item: (-item.action.severity, item.since, item.account_id))


def show(control: Control, account_id: str) -> tuple[Action, list[Decision]]:
    """What the antifraud does to an account by its open decisions, and all decisions about it, oldest first.

    Raises:
        InputError: there is no such account.
    """
    with control.store.reading() as connection:
        lifecycle.load(connection, account_id)
        found = fraud.decisions(connection, [account_id])
    latest = max((decision.decided_at for decision in found), default=None)
    action = standing(found, latest, challenge_days=policy_of(control).challenge_days) if latest else Action.ALLOW
    return action, found


def release(control: Control, account_id: str, *, reason: str, actor: str, now: datetime) -> list[Decision]:
    """Say that an account is honest: its open decisions end, and it goes on where the antifraud stopped it.

    The same evidence does not hold it again. Returns the decisions that ended; none where none was open.

    Raises:
        InputError: there is no such account.
        RefusedError: no reason is given.
    """
    _check_reason(reason)

    def work(connection: Connection) -> list[Decision]:
        ended = _review(connection, account_id, Verdict.RELEASED, reason=reason.strip(), actor=actor, now=now)
        if ended:
            lift(connection, account_id, FRAUD, reason=reason.strip(), now=now)
            _let_go_on(connection, account_id, reason=reason.strip(), actor=actor, now=now)
            tell(connection, ended[-1], "fraud.released", now=now)
        return ended

    return control.store.transact(work)


def confirm(control: Control, account_id: str, *, reason: str, actor: str, now: datetime) -> list[Decision]:
    """Say that it is fraud: the account is suspended, whatever was decided. Raises as release.

    Returns the decisions that ended; none where none was open. `meterhouse account close` ends the account.
    """
    _check_reason(reason)

    def work(connection: Connection) -> list[Decision]:
        ended = _review(connection, account_id, Verdict.CONFIRMED, reason=reason.strip(), actor=actor, now=now)
        if ended:
            suspend(connection, account_id, reason=f"confirmed fraud: {reason.strip()}", now=now)
            tell(connection, ended[-1], "fraud.confirmed", now=now)
        return ended

    return control.store.transact(work)


def _review(connection: Connection, account_id: str, verdict: Verdict, *, reason: str, actor: str, now: datetime) -> list[Decision]:
    lifecycle.load(connection, account_id)
    ended = [decision for decision in fraud.decisions(connection, [account_id]) if decision.review is None]
    for decision in ended:
        fraud.add_verdict(connection, decision, Review(verdict=verdict, reason=reason, actor=actor, given_at=now))
    return ended


def _let_go_on(connection: Connection, account_id: str, *, reason: str, actor: str, now: datetime) -> None:
    """Back to where the account was, where it was the antifraud that suspended it and nobody moved it since."""
    last = lifecycle.history(connection, account_id)[-1]
    if last.to_state is AccountState.SUSPENDED and last.actor == ACTOR:
        lifecycle.move(connection, account_id, AccountState(last.from_state), reason=f"released: {reason}", actor=actor, now=now)


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise RefusedError("a verdict needs a reason; it is kept for ever")
