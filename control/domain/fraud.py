"""What the antifraud decides, as a pure function: findings of rules, what is known of an account, and the policy's thresholds.

    allow < challenge (3-D Secure) < review (a person looks) < limit (nothing new may be started) < suspend

More evidence never gives a milder action. A trusted account is never held; one that paid its invoices is never held by more than
a review; and nobody is suspended on one kind of evidence alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """What happens to an account, mildest first."""

    ALLOW = "allow"
    CHALLENGE = "challenge"  # its next charges ask for 3-D Secure
    REVIEW = "review"  # it waits in the queue; nothing is held back
    LIMIT = "limit"  # it waits in the queue; the cloud's services let it start nothing new
    SUSPEND = "suspend"  # it waits in the queue; the account is suspended

    @property
    def severity(self) -> int:
        """Place in the order; a greater one is harder."""
        return list(Action).index(self)


class Verdict(StrEnum):
    """What a person says of a decision."""

    RELEASED = "released"
    CONFIRMED = "confirmed"


class Cause(StrEnum):
    """What made the antifraud look."""

    SCAN = "scan"
    CARD = "card"  # somebody tried to bind one


class Field(StrEnum):
    """What kind of evidence a rule looks at. Rules of one field tend to be wrong together."""

    CARD = "card"
    IDENTITY = "identity"
    PAYMENT = "payment"
    USAGE = "usage"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one rule says of one account: `score` 0 to 100, before the policy's weight.

    `evidence` names what the finding stands on: once a person released an account, the same rule with the same evidence counts
    no more. `inputs` are the figures the rule saw.
    """

    account_id: str
    rule: str
    version: str
    field: Field
    score: int
    reason: str
    evidence: str
    inputs: dict[str, Any]

    @property
    def key(self) -> tuple[str, str]:
        """What a release remembers."""
        return self.rule, self.evidence


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where actions begin, as sums of weighted scores, and what holds them back."""

    challenge: Decimal
    review: Decimal
    limit: Decimal
    suspend: Decimal
    strong_score: Decimal  # a weighted score from which a finding is strong
    strong_fields: int  # a suspension needs strong findings of so many fields
    paid_invoices: int  # whoever paid so many invoices, without a dispute, is held by no more than a review


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of an account beside the findings."""

    account_id: str
    is_trusted: bool = False
    paid_invoices: int = 0
    has_dispute: bool = False


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What follows for an account, and from what. `findings` are those that counted."""

    account_id: str
    score: Decimal
    action: Action
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class Review:
    """What a person said of a decision."""

    verdict: Verdict
    reason: str
    actor: str
    given_at: datetime


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What was decided about an account, kept for ever. `number` counts from 1 within the account; no review: it is open."""

    account_id: str
    number: int
    as_of: datetime
    decided_at: datetime
    cause: Cause
    policy_version: str
    score: Decimal
    action: Action
    findings: tuple[Finding, ...]
    review: Review | None = None

    def stands_as(self, now: datetime, *, challenge_days: int) -> Action:
        """What the decision does to the account now."""
        if self.review is not None:
            return Action.SUSPEND if self.review.verdict is Verdict.CONFIRMED else Action.ALLOW
        if self.action is Action.CHALLENGE and now >= self.decided_at + timedelta(days=challenge_days):
            return Action.ALLOW
        return self.action


def standing(decisions: Iterable[Decision], now: datetime, *, challenge_days: int) -> Action:
    """What all decisions about an account do to it now: the hardest of them."""
    found = [decision.stands_as(now, challenge_days=challenge_days) for decision in decisions]
    return max(found, key=lambda action: action.severity, default=Action.ALLOW)


def released_keys(decisions: Iterable[Decision]) -> set[tuple[str, str]]:
    """The evidence that a person has looked at and released."""
    released = [decision for decision in decisions if decision.review is not None and decision.review.verdict is Verdict.RELEASED]
    return {finding.key for decision in released for finding in decision.findings}


def assess(
    known: Known,
    findings: Sequence[Finding],
    *,
    thresholds: Thresholds,
    weights: dict[str, Decimal],
    released: Iterable[tuple[str, str]] = (),
) -> Assessment:
    """Decide about one account.

    Args:
        known: the account.
        findings: of this account; a rule counts once, by its highest score.
        thresholds: of the policy.
        weights: of each rule, by name.
        released: (rule, evidence) that a person has looked at and released.
    """
    counted = _counted(findings, set(released))
    scores = {finding.rule: finding.score * weights[finding.rule] for finding in counted}
    total = sum(scores.values(), Decimal(0))
    strong = {finding.field for finding in counted if scores[finding.rule] >= thresholds.strong_score}
    action = _by_score(total, thresholds)
    if action is Action.SUSPEND and len(strong) < thresholds.strong_fields:
        action = Action.LIMIT
    if known.paid_invoices >= thresholds.paid_invoices and not known.has_dispute:
        action = milder(action, Action.REVIEW)
    if known.is_trusted:
        action = Action.ALLOW
    return Assessment(account_id=known.account_id, score=total, action=action, findings=counted)


def milder(one: Action, other: Action) -> Action:
    """The milder of two actions."""
    return min(one, other, key=lambda action: action.severity)


def _by_score(total: Decimal, thresholds: Thresholds) -> Action:
    for action, begins in (
        (Action.SUSPEND, thresholds.suspend),
        (Action.LIMIT, thresholds.limit),
        (Action.REVIEW, thresholds.review),
        (Action.CHALLENGE, thresholds.challenge),
    ):
        if total >= begins:
            return action
    return Action.ALLOW


def _counted(findings: Sequence[Finding], released: set[tuple[str, str]]) -> tuple[Finding, ...]:
    highest: dict[str, Finding] = {}
    for finding in findings:
        known = highest.get(finding.rule)
        if finding.key not in released and (known is None or finding.score > known.score):
            highest[finding.rule] = finding
    return tuple(highest[rule] for rule in sorted(highest))
