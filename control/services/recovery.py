"""Takes back what overdue debt brought: with a look of dunning, and with each round of work as soon as nothing is overdue."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection

from control.bootstrap import Control
from control.domain.dunning import Decision
from control.domain.lifecycle import AccountState
from control.services import fraud
from control.services.looks import ABOUT_RECOVERY, DUNNING, RESOLUTION, Look, Taken, about_of, line_of
from control.services.mail import write_mail
from control.services.restrictions import letter, lift
from control.store import agreements, debt, lifecycle, mails, revisions
from control.store.agreements import OVERDUE
from control.store.mails import ABOUT_OVERDUE


def recover(control: Control, *, now: datetime) -> int:
    """Lift what overdue debt brought from accounts that owe nothing overdue any more; of how many.

    It needs no policy, takes no step, and is cheap where nothing changed: money has its effect long before the next look.
    """
    with control.store.reading() as connection:
        wanted = [
            account_id
            for account_id in debt.accounts_in_force(connection, actor=DUNNING)
            if (look := _look_for_recovery(connection, account_id, now=now)) is not None and not is_idle(connection, look)
        ]
    return sum(control.store.transact(partial(_recover, control=control, account_id=account_id, now=now)) for account_id in wanted)


def _look_for_recovery(connection: Connection, account_id: str, *, now: datetime) -> Look | None:
    """The look of an account that is free of overdue debt; None where it is not."""
    found = debt.load_debts(connection, account_id)[account_id]
    today = now.astimezone(UTC).date()
    position = found.position(before=now + RESOLUTION, today=today)
    # What is held by a payment under way or a dispute is not paid, and lifted by the policy only.
    if position.written_off or any(claim.due_date < today for claim in position.claims):
        return None
    decision = Decision(
        today=today,
        anchor=None,
        days_overdue=0,
        amount=position.overdue_amount(today),
        lifts_suspension=True,
        lifts_restriction=True,
        reason="nothing is overdue",
    )
    return Look(debt=found, terms=agreements.load_terms(connection, account_id), position=position, decision=decision)


def _recover(connection: Connection, *, control: Control, account_id: str, now: datetime) -> bool:
    revisions.take(connection, 0)
    look = _look_for_recovery(connection, account_id, now=now)
    if look is None:
        return False
    mails.withdraw(connection, account_id, kind=ABOUT_OVERDUE)
    return bool(lift_overdue(connection, control, look, now=now))


def lift_overdue(connection: Connection, control: Control, look: Look, *, now: datetime) -> list[Taken]:
    """Take back what overdue debt brought, as far as it does not hold any more."""
    decision, account_id = look.decision, look.debt.account_id
    why = decision.reason if decision.anchor is None or decision.reason.startswith("promised") else "what is overdue is less or younger"
    lines = []
    was_suspended = decision.lifts_suspension and _is_ours(connection, account_id)
    if was_suspended:
        to = AccountState.PAST_DUE if decision.anchor else AccountState.ACTIVE
        lifecycle.move(connection, account_id, to, reason=why, actor=DUNNING, now=now)
        lines.append(line_of(look, account_id, "resume"))
    was_restricted = decision.lifts_restriction and lift(connection, account_id, OVERDUE, reason=why, now=now)
    if was_restricted:
        lines.append(line_of(look, account_id, "unrestrict"))
    if (was_suspended or was_restricted) and decision.anchor is None:
        number = lifecycle.load(connection, account_id).changes
        values = letter(connection, control, account_id, (), decision.amount) | {"was_suspended": was_suspended}
        about = f"{ABOUT_RECOVERY}{decision.today}:{number}"
        write_mail(connection, account_id, "recovered", language=look.terms.language, about=about, values=values, now=now)
    return lines


def is_idle(connection: Connection, look: Look) -> bool:
    """Whether there is nothing to write about an account."""
    decision, account_id = look.decision, look.debt.account_id
    if decision.state is not None and (decision.steps or decision.is_entering):
        return False
    if decision.lifts_suspension and _is_ours(connection, account_id):
        return False
    if decision.lifts_restriction and OVERDUE in agreements.active_restrictions(connection, account_id).get(account_id, {}):
        return False
    return not mails.are_waiting(connection, account_id, kind=ABOUT_OVERDUE, keep=about_of(decision))


def _is_ours(connection: Connection, account_id: str) -> bool:
    """Whether dunning alone keeps an account suspended; what the antifraud wants suspended stays so, whoever was first."""
    return debt.suspended_by(connection, account_id) == DUNNING and not fraud.is_suspended(connection, account_id)
