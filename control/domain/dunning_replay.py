"""Replays a policy on what was recorded: which steps it would have taken, day by day, on the very ledger lines of the time.

What customers did is taken as it was: somebody who paid because he was suspended still pays on that day. So a replay says
whom a policy would have hit and when, not how they would have answered; that is guessed by the simulation.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from control.domain.debt import AccountDebt, Position, start_of
from control.domain.dunning import ENTER, Decision, Policy, Progress, StepKind, decide
from control.domain.money import Money

RESUME, UNRESTRICT = "resume", "unrestrict"


@dataclass(frozen=True, kw_only=True)
class ReplayedStep:
    """A step that a policy would have taken; `enter` is the step by which an account comes into a state."""

    account_id: str
    day: date
    anchor: date | None
    round: int
    state: str
    step: str
    days_overdue: int
    amount: Money


@dataclass(kw_only=True)
class Standing:
    """Where a replayed account stands between two days."""

    progress: dict[date, Progress]
    is_suspended: bool = False
    is_restricted: bool = False

    def take(self, account_id: str, decision: Decision) -> list[ReplayedStep]:
        """Take a decision's steps and lift what it lifts, on the books of the replay."""
        steps = []
        if self.is_suspended and decision.lifts_suspension:
            self.is_suspended = False
            steps.append(RESUME)
        if self.is_restricted and decision.lifts_restriction:
            self.is_restricted = False
            steps.append(UNRESTRICT)
        state = decision.state
        if state is not None and decision.anchor is not None and (decision.steps or decision.is_entering):
            taken = [*([ENTER] if decision.is_entering else []), *(str(step) for step in decision.steps)]
            before = self.progress.get(decision.anchor, Progress())
            self.progress[decision.anchor] = Progress(
                done=before.done | {(decision.round, state.name, step) for step in taken},
                entered={state.name: decision.today, **before.entered},
            )
            self.is_suspended |= any(step.kind is StepKind.SUSPEND for step in decision.steps)
            self.is_restricted |= any(step.kind is StepKind.RESTRICT for step in decision.steps)
            steps += taken
        return [
            ReplayedStep(
                account_id=account_id,
                day=decision.today,
                anchor=decision.anchor,
                round=decision.round,
                state=state.name if state else "",
                step=step,
                days_overdue=decision.days_overdue,
                amount=decision.amount,
            )
            for step in steps
        ]


def replay(policy: Policy, debt: AccountDebt, *, first: date, last: date, grace_days: int = 0) -> list[ReplayedStep]:
    """The steps that a policy would have taken on one account from `first` to `last`, looked at once a day."""
    standing = Standing(progress={})
    steps = []
    for day, position in _positions(debt, first, last):
        if position.claims or standing.is_suspended or standing.is_restricted:
            decision = decide(policy, start=position, now=position, progress=standing.progress, today=day, grace_days=grace_days)
            steps += standing.take(debt.account_id, decision)
    return steps


def _positions(debt: AccountDebt, first: date, last: date) -> Iterator[tuple[date, Position]]:
    """The position at the start of each day. Where only money moves it, it is computed once for each line."""
    instants = sorted(line.posted_at for line in debt.lines)
    is_plain = not (debt.promises or debt.holds)
    known: tuple[int, Position] | None = None
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        count = bisect_left(instants, start_of(day))
        if known is None or known[0] != count or not is_plain:
            known = (count, debt.position(before=start_of(day), today=day, counts_under_way=False))
        yield day, known[1]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One step of one account under two policies; a day is None where the policy does not take it."""

    account_id: str
    anchor: date | None
    step: str
    amount: Money
    active_day: date | None
    candidate_day: date | None

    @property
    def change(self) -> str:
        """What the candidate changes."""
        if self.active_day is None or self.candidate_day is None:
            return "only_active" if self.candidate_day is None else "only_candidate"
        if self.active_day == self.candidate_day:
            return "same"
        return "earlier" if self.candidate_day < self.active_day else "later"


def compare(active: Sequence[ReplayedStep], candidate: Sequence[ReplayedStep]) -> list[Difference]:
    """Steps of two replays side by side, by account, anchor and step; states' names do not matter, what is done does."""
    first: dict[tuple[str, date | None, str], tuple[ReplayedStep | None, ReplayedStep | None]] = {}
    for place, steps in enumerate((active, candidate)):
        for step in steps:
            key = (step.account_id, step.anchor, step.step)
            pair = first.get(key, (None, None))
            if step.step != ENTER and pair[place] is None:
                first[key] = (step, pair[1]) if place == 0 else (pair[0], step)
    differences = []
    for (account_id, anchor, name), (old, new) in sorted(first.items(), key=lambda item: (item[0][0], str(item[0][1]), item[0][2])):
        known = new or old
        if known is not None:
            differences.append(
                Difference(
                    account_id=account_id,
                    anchor=anchor,
                    step=name,
                    amount=known.amount,
                    active_day=old.day if old else None,
                    candidate_day=new.day if new else None,
                )
            )
    return differences
