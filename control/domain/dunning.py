"""Dunning: which steps a policy takes on what an account owes. Pure; carrying them out is services/dunning.py's.

A policy's states stand worst first; an account is in the first one whose conditions hold. The clock is the earliest unpaid
due date, the anchor: paying a part neither stops nor restarts it, paying the oldest document moves it. A step is taken once
for each anchor and round (a promise that ended begins a new round).

Steps follow from the position at the start of the UTC day, as long as it still holds at the look: looking hourly or daily
takes the same ones, and money that arrived since then only ever stops something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from control.domain.debt import Claim, Position
from control.domain.money import Money
from control.domain.retries import RetryPolicy


class StepKind(StrEnum):
    """What a policy can do."""

    MAIL = "mail"
    RETRY = "retry"  # while the state lasts, declined cards are charged again on the policy's days
    RESTRICT = "restrict"  # nothing new may be started
    SUSPEND = "suspend"
    HAND_OVER = "hand_over"  # to who collects debts for us
    WRITE_OFF = "write_off"


# What cannot be taken back by an apology: taken only where nothing speaks for a payment that we do not see yet.
HARD = frozenset({StepKind.RESTRICT, StepKind.SUSPEND, StepKind.HAND_OVER, StepKind.WRITE_OFF})
# Stands beside a state's own steps in the record: the account came into the state.
ENTER = "enter"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step. `template` names the mail."""

    kind: StepKind
    template: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.template}" if self.template else self.kind.value


@dataclass(frozen=True, kw_only=True)
class State:
    """A state of a policy and when it holds: all conditions together."""

    name: str
    days: int  # since the earliest unpaid due date, grace taken off
    amount: Mapping[str, Money] = field(default_factory=dict)  # by currency; one that is missing has no threshold
    count: int = 1  # of overdue documents
    notice_days: int = 0  # since the next milder state that holds too was entered
    steps: tuple[Step, ...] = ()

    def does(self, kind: StepKind) -> bool:
        """Whether it has a step of this kind."""
        return any(step.kind is kind for step in self.steps)


@dataclass(frozen=True, kw_only=True)
class PromiseTerms:
    """Which promises to pay are taken, and what an open one does beside stopping the steps."""

    max_days: int
    max_ended: int  # with debt of the same anchor still there
    resumes: bool  # it also lifts a suspension for overdue debt


@dataclass(frozen=True, kw_only=True)
class LimitTerms:
    """Mails of credit limits and prepayment; empty: none."""

    limit_template: str = ""
    prepaid_low_template: str = ""
    prepaid_empty_template: str = ""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A dunning policy. `content_hash` tells its version; each decision records it."""

    name: str
    content_hash: str
    states: tuple[State, ...]
    retry: RetryPolicy
    promises: PromiseTerms
    limits: LimitTerms

    def reaches(self, state: State | None, kind: StepKind) -> bool:
        """Whether a state, or a milder one, has a step of this kind: its effect lasts in all worse states."""
        if state is None:
            return False
        return any(one.does(kind) for one in self.states[self.states.index(state) :])


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What was done for an anchor: (round, state, step), and when each state was first entered, in whatever round."""

    done: frozenset[tuple[int, str, str]] = frozenset()
    entered: Mapping[str, date] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What one look comes to. Without steps, `reason` says why."""

    today: date
    anchor: date | None
    days_overdue: int  # grace taken off; 0 where nothing is overdue
    amount: Money
    claims: tuple[Claim, ...] = ()
    round: int = 0
    state: State | None = None
    steps: tuple[Step, ...] = ()  # not taken yet, in the policy's order
    is_entering: bool = False
    retries: bool = False
    lifts_suspension: bool = False
    lifts_restriction: bool = False
    reason: str = ""

    @property
    def is_hard(self) -> bool:
        """Whether it takes a step that hurts."""
        return any(step.kind in HARD for step in self.steps)


def decide(
    policy: Policy, *, start: Position, now: Position, progress: Mapping[date, Progress], today: date, grace_days: int = 0
) -> Decision:
    """What to do about an account on a day.

    Args:
        policy: the policy.
        start: the position at the start of the day.
        now: the position at the look.
        progress: what was done, by anchor.
        today: the UTC day of the look.
        grace_days: of this account; they are taken off the days since the anchor.
    """
    anchor = now.anchor(today)
    state_now = None if anchor is None else _worst(policy, now, today, grace_days)
    is_free = now.promise is not None and policy.promises.resumes
    # Who had a debt written off stays where he is until it is paid after all.
    may_lift = not now.written_off
    base = Decision(
        today=today,
        anchor=anchor,
        days_overdue=0 if anchor is None else max(_days(anchor, today, grace_days), 0),
        amount=now.overdue_amount(today),
        claims=now.overdue(today),
        lifts_suspension=may_lift and (is_free or not policy.reaches(state_now, StepKind.SUSPEND)),
        lifts_restriction=may_lift and (is_free or not policy.reaches(state_now, StepKind.RESTRICT)),
    )
    if anchor is None:
        return replace(base, reason="nothing is overdue")
    if now.promise is not None:
        return replace(base, reason=f"promised for {now.promise.promised_for.isoformat()}")
    if start.anchor(today) != anchor or start.promise is not None:
        return replace(base, reason="changed today; looked at again tomorrow")
    known = progress.get(anchor, Progress())
    state = _worst(policy, start, today, grace_days, known)
    if state is None or not _holds(state, now, today, grace_days):
        return replace(base, reason="no state of the policy holds")
    number = start.round(anchor)
    steps = tuple(step for step in state.steps if step.kind is not StepKind.RETRY and (number, state.name, str(step)) not in known.done)
    is_entering = (number, state.name, ENTER) not in known.done
    claims = base.claims
    if state.does(StepKind.WRITE_OFF):
        claims = tuple(claim for claim in claims if _days(claim.due_date, today, grace_days) >= state.days)
    return replace(
        base,
        claims=claims,
        round=number,
        state=state,
        steps=steps,
        is_entering=is_entering,
        retries=state.does(StepKind.RETRY),
        reason="" if steps or is_entering else "all steps of the state are taken",
    )


def _worst(policy: Policy, position: Position, today: date, grace_days: int, progress: Progress | None = None) -> State | None:
    """The worst state whose conditions hold; where `progress` is given, also its notice."""
    for place, state in enumerate(policy.states):
        if not _holds(state, position, today, grace_days):
            continue
        milder = next((one for one in policy.states[place + 1 :] if _holds(one, position, today, grace_days)), None)
        if progress is None or _is_noticed(state, milder, progress, today):
            return state
    return None


def _holds(state: State, position: Position, today: date, grace_days: int) -> bool:
    anchor = position.anchor(today)
    if anchor is None or _days(anchor, today, grace_days) < state.days:
        return False
    threshold = state.amount.get(position.currency_code)
    if threshold is not None and position.overdue_amount(today).minor < threshold.minor:
        return False
    return len(position.overdue(today)) >= state.count


def _is_noticed(state: State, milder: State | None, progress: Progress, today: date) -> bool:
    if not state.notice_days:
        return True
    since = None if milder is None else progress.entered.get(milder.name)
    return since is not None and (today - since).days >= state.notice_days


def _days(anchor: date, today: date, grace_days: int) -> int:
    return (today - anchor).days - grace_days
