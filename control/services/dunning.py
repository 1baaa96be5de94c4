"""Dunning: looks at accounts, takes the steps that the policy asks for, and lifts what it imposed when money arrives.

A look decides and acts in one transaction, on the ledger as it stands in it: a payment that was written before is always
seen, a step is recorded with its effect or not at all, and killed anywhere and repeated it is taken once. Before a step that
hurts, gateways are asked what they know, and money that waits on our bank account is looked through.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from control.bootstrap import Control
from control.domain.dunning import ENTER, Decision, Policy, Step, StepKind
from control.domain.lifecycle import AccountState, may_move
from control.domain.payments import PushOutcome, PushResult
from control.services.last_look import doubt
from control.services.looks import ABOUT_OVERDUE, DUNNING, Look, Taken, about_of, line_of, look_at
from control.services.mail import write_mail
from control.services.recovery import is_idle, lift_overdue
from control.services.restrictions import impose, letter
from control.services.retries import retry_cards
from control.services.write_off import give_up
from control.store import debt, lifecycle, mails, outbox, revisions
from control.store.agreements import OVERDUE
from control.store.outbox import Message


def run_dunning(control: Control, policy: Policy, *, now: datetime) -> list[Taken]:
    """One round over all accounts that may need it, by account. Repeating it changes nothing.

    Args:
        control: whose accounts they are.
        policy: what to do.
        now: the instant of the look.

    Raises:
        RefusedError: another push goes on, which would charge the same cards.
        StoreError: the store does not answer.
    """
    with control.store.reading() as connection:
        wanted = debt.accounts_to_look_at(connection, now.astimezone(UTC).date(), actor=DUNNING)
    return [line for account_id in wanted for line in dun(control, policy, account_id, now=now)]


def dun(control: Control, policy: Policy, account_id: str, *, now: datetime) -> list[Taken]:
    """Look at one account and act on it."""
    with control.store.reading() as connection:
        look = look_at(connection, policy, account_id, now=now)
        has_nothing_to_write = is_idle(connection, look)
    if has_nothing_to_write:
        return _retry(control, policy, look, now=now)
    if look.decision.is_hard and (why := doubt(control, look.debt, look.decision, now=now)):
        return [line_of(look, account_id, str(step), result=f"kept back: {why}") for step in look.decision.steps]
    lines = control.store.transact(
        lambda connection: _act(connection, control, policy, account_id, may_be_hard=look.decision.is_hard, now=now)
    )
    control.reached("dunning.act")
    with control.store.reading() as connection:
        after = look_at(connection, policy, account_id, now=now)
    return [*lines, *_retry(control, policy, after, now=now)]


def _act(connection: Connection, control: Control, policy: Policy, account_id: str, *, may_be_hard: bool, now: datetime) -> list[Taken]:
    """Take what is to be taken, on what is true in this transaction."""
    revisions.take(connection, 0)
    look = look_at(connection, policy, account_id, now=now)
    decision = look.decision
    lines = lift_overdue(connection, control, look, now=now)
    mails.withdraw(connection, account_id, kind=ABOUT_OVERDUE, keep=about_of(decision))
    if decision.state is None or (decision.is_hard and not may_be_hard):
        return lines  # it became hard since nothing was asked about it: the next look does
    taken = [step for step in decision.steps if _take(connection, control, look, step, now=now)]
    recorded = [*([ENTER] if decision.is_entering else []), *(str(step) for step in taken)]
    debt.record_steps(connection, account_id, policy, decision, recorded, now=now)
    return [*lines, *(line_of(look, account_id, step) for step in recorded)]


def _take(connection: Connection, control: Control, look: Look, step: Step, *, now: datetime) -> bool:
    """The effect of one step; False where it cannot be taken now, and stays due."""
    decision, account_id = look.decision, look.debt.account_id
    assert decision.state is not None  # noqa: S101 - only a decision with a state has steps
    reason = f"{decision.amount} unpaid since {decision.anchor}"
    match step.kind:
        case StepKind.MAIL:
            about = f"{about_of(decision)}:{decision.round}:{decision.state.name}"
            values = letter(connection, control, account_id, decision.claims, decision.amount) | {
                "due_date": str(decision.anchor),
                "days_overdue": (decision.today - decision.anchor).days if decision.anchor else 0,
            }
            write_mail(connection, account_id, step.template, language=look.terms.language, about=about, values=values, now=now)
        case StepKind.RESTRICT:
            impose(connection, account_id, OVERDUE, reason=reason, now=now)
        case StepKind.SUSPEND:
            state = lifecycle.load(connection, account_id).state
            if not may_move(state, AccountState.SUSPENDED):
                return False
            lifecycle.move(connection, account_id, AccountState.SUSPENDED, reason=reason, actor=DUNNING, now=now)
        case StepKind.HAND_OVER:
            outbox.publish(
                connection, [Message(event_type="debt.handed_over", subject=account_id, data=_claim_data(account_id, decision))], now=now
            )
        case StepKind.WRITE_OFF:
            for claim in decision.claims:
                give_up(connection, claim.invoice_number, now=now)
        case StepKind.RETRY:
            return False
    return True


def _retry(control: Control, policy: Policy, look: Look, *, now: datetime) -> list[Taken]:
    """Charge declined cards again whose time has come."""
    account_id = look.debt.account_id
    if not look.decision.retries:
        return []
    outcomes = retry_cards(control, policy.retry, account_id, look.decision.claims, now=now)
    control.reached("dunning.retry")
    return [_retry_line(look, account_id, outcome) for outcome in outcomes]


def _retry_line(look: Look, account_id: str, outcome: PushOutcome) -> Taken:
    result = "taken" if outcome.result is PushResult.PAID else f"{outcome.result}: {outcome.reason_code}"
    return replace(line_of(look, account_id, StepKind.RETRY.value), amount=outcome.amount, result=result)


def _claim_data(account_id: str, decision: Decision) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "currency_code": decision.amount.currency_code,
        "amount": format(decision.amount.amount, "f"),
        "claims": [
            {"invoice_number": claim.invoice_number, "due_date": claim.due_date.isoformat(), "amount": format(claim.open.amount, "f")}
            for claim in decision.claims
        ],
    }
