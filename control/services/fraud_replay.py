"""Runs the rules over history without acting: how often each would have hit, and how often it was right.

Right is what people said, and what money did: an account that was confirmed, or whose payments were disputed, was fraud; one that
was released, or paid by itself since and disputed nothing, was not. Of any other nobody knows yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from clickhouse_connect.driver.client import Client
from sqlalchemy import Connection, func, select

from control.bootstrap import Control
from control.domain.fraud import Action, Finding, Verdict, assess
from control.fraud.policy import FraudPolicy
from control.fraud.rules import by_account, run_all
from control.services.fraud import known_accounts, policy_of
from control.store import fraud
from control.store.tables import disputes, invoices, payments
from warehouse.errors import InputError
from warehouse.settings import Settings


class Truth(StrEnum):
    """What became of an account."""

    FRAUD = "fraud"
    HONEST = "honest"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class RuleRecord:
    """How one rule did. Counts are of accounts that it named at least once."""

    rule: str
    version: str
    is_on: bool
    hits: int
    true_positives: int
    false_positives: int
    unknown: int


@dataclass(frozen=True, kw_only=True)
class AccountRecord:
    """What the rules that are on would have done to one account: the hardest action, and when it came first."""

    account_id: str
    action: Action
    first_at: datetime
    truth: Truth
    rules: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """A replay. `missed` are accounts known as fraud that no rule named."""

    days: int
    policy_version: str
    rules: tuple[RuleRecord, ...]
    accounts: tuple[AccountRecord, ...]
    missed: tuple[str, ...]


def replay(
    control: Control, client: Client, settings: Settings, *, start: datetime, end: datetime, policy: FraudPolicy | None = None
) -> Replayed:
    """Run every rule, those that are off too, as of each day in [start, end].

    Args:
        control: whose history it is; nothing is written.
        client: of the warehouse.
        settings: name its databases.
        start: as-of of the first day.
        end: the last as-of is not after it.
        policy: default: the deployment's.

    Raises:
        InputError: the end is before the start, or the policy is wrong.
    """
    if end < start:
        raise InputError("a replay ends after it begins; exchange --from and --to")
    used = policy or policy_of(control)
    everything = [(rule.rule, rule.values) for rule in used.rules]
    on = {rule.rule.name for rule in used.rules if rule.is_on}
    first_hit: dict[str, dict[str, datetime]] = {rule.name: {} for rule, _ in everything}
    actions: dict[str, tuple[Action, datetime, tuple[str, ...]]] = {}
    days = 0
    with control.store.reading() as connection:
        as_of = start
        while as_of <= end:
            findings = run_all(connection, client, settings, everything, as_of=as_of)
            for finding in findings:
                first_hit[finding.rule].setdefault(finding.account_id, as_of)
            _note_actions(connection, used, [finding for finding in findings if finding.rule in on], as_of, actions)
            days += 1
            as_of += timedelta(days=1)
        truths = _truths(connection, first_hit)
        missed = sorted(_confirmed(connection) - {account for hits in first_hit.values() for account in hits})
    return Replayed(
        days=days,
        policy_version=used.version,
        rules=tuple(_record(rule.rule.name, rule.rule.version, rule.is_on, first_hit, truths) for rule in used.rules),
        accounts=tuple(
            AccountRecord(account_id=account_id, action=action, first_at=at, truth=truths[account_id], rules=rules)
            for account_id, (action, at, rules) in sorted(actions.items())
        ),
        missed=tuple(missed),
    )


def _note_actions(
    connection: Connection,
    policy: FraudPolicy,
    findings: Sequence[Finding],
    as_of: datetime,
    actions: dict[str, tuple[Action, datetime, tuple[str, ...]]],
) -> None:
    grouped = by_account(findings)
    known = known_accounts(connection, policy, list(grouped), as_of=as_of, now=as_of)
    for account_id, found in grouped.items():
        assessment = assess(known[account_id], found, thresholds=policy.thresholds, weights=policy.weights)
        before = actions[account_id][0] if account_id in actions else Action.ALLOW
        if assessment.action.severity > before.severity:
            actions[account_id] = (assessment.action, as_of, tuple(finding.rule for finding in assessment.findings))


def _record(rule: str, version: str, is_on: bool, first_hit: dict[str, dict[str, datetime]], truths: dict[str, Truth]) -> RuleRecord:
    found = [truths[account_id] for account_id in first_hit[rule]]
    return RuleRecord(
        rule=rule,
        version=version,
        is_on=is_on,
        hits=len(found),
        true_positives=found.count(Truth.FRAUD),
        false_positives=found.count(Truth.HONEST),
        unknown=found.count(Truth.UNKNOWN),
    )


def _truths(connection: Connection, first_hit: dict[str, dict[str, datetime]]) -> dict[str, Truth]:
    earliest: dict[str, datetime] = {}
    for hits in first_hit.values():
        for account_id, at in hits.items():
            earliest[account_id] = min(at, earliest.get(account_id, at))
    verdicts: dict[str, Verdict] = {}
    for decision in fraud.decisions(connection, earliest):
        if decision.review is not None:
            verdicts[decision.account_id] = decision.review.verdict
    disputed = select(invoices.c.account_id).join(disputes, disputes.c.invoice_id == invoices.c.invoice_id)
    in_dispute: set[str] = set(connection.execute(disputed.where(disputes.c.status.in_(["open", "lost"]))).scalars())
    paid = (
        select(invoices.c.account_id, func.max(payments.c.updated_at, type_=payments.c.updated_at.type).label("paid_at"))
        .join(payments, payments.c.invoice_id == invoices.c.invoice_id)
        .where(payments.c.status == "paid", payments.c.charged_minor != 0, invoices.c.account_id.in_(list(earliest)))
        .group_by(invoices.c.account_id)
    )
    paid_at = {row.account_id: row.paid_at for row in connection.execute(paid)}
    return {
        account_id: _truth(verdicts.get(account_id), is_disputed=account_id in in_dispute, paid_since=paid_at.get(account_id, at) > at)
        for account_id, at in earliest.items()
    }


def _truth(verdict: Verdict | None, *, is_disputed: bool, paid_since: bool) -> Truth:
    if verdict is Verdict.CONFIRMED:
        return Truth.FRAUD
    if verdict is Verdict.RELEASED:
        return Truth.HONEST
    if is_disputed:
        return Truth.FRAUD
    return Truth.HONEST if paid_since else Truth.UNKNOWN


def _confirmed(connection: Connection) -> set[str]:
    return {
        decision.account_id
        for decision in fraud.decisions(connection)
        if decision.review is not None and decision.review.verdict is Verdict.CONFIRMED
    }
