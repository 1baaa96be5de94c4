"""The antifraud's memory as rows: tries to bind cards, decisions, and what people said of them. Nothing here is ever changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from control.domain.fraud import Action, Assessment, Cause, Decision, Field, Finding, Known, Review, Verdict
from control.ports import SavedCard
from control.store import revisions
from control.store.tables import card_attempts, disputes, fraud_decisions, fraud_verdicts, invoices, payments

SAVED, DECLINED = "saved", "declined"
_KEY = (fraud_verdicts.c.account_id == fraud_decisions.c.account_id) & (fraud_verdicts.c.number == fraud_decisions.c.number)


@dataclass(frozen=True, kw_only=True)
class CardAttempt:
    """A try to bind a card. The same id is the same try. `card` None: it was declined, for the reason `code`."""

    attempt_id: str
    account_id: str
    gateway: str
    tried_at: datetime
    code: str = ""
    card: SavedCard | None = None


def add_attempt(connection: Connection, attempt: CardAttempt) -> None:
    """Write down a try to bind a card. Repeating it changes nothing."""
    known = select(card_attempts.c.attempt_id).where(card_attempts.c.attempt_id == attempt.attempt_id)
    if connection.execute(known).first() is not None:
        return
    card = attempt.card or SavedCard(payment_method_id="", brand="", last4="", expires="")
    row = {
        "attempt_id": attempt.attempt_id,
        "account_id": attempt.account_id,
        "gateway": attempt.gateway,
        "outcome": SAVED if attempt.card else DECLINED,
        "code": attempt.code,
        "payment_method_id": card.payment_method_id,
        "brand": card.brand,
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "country_code": card.country_code,
        "tried_at": attempt.tried_at,
    }
    connection.execute(insert(card_attempts), row)


def append(
    connection: Connection, assessment: Assessment, *, cause: Cause, as_of: datetime, policy_version: str, now: datetime
) -> Decision:
    """Write down a decision. Two that decide about one account at once write one after the other."""
    (revision,) = revisions.take(connection, 1)
    last = select(func.max(fraud_decisions.c.number)).where(fraud_decisions.c.account_id == assessment.account_id)
    decision = Decision(
        account_id=assessment.account_id,
        number=(connection.execute(last).scalar() or 0) + 1,
        as_of=as_of,
        decided_at=now,
        cause=cause,
        policy_version=policy_version,
        score=assessment.score,
        action=assessment.action,
        findings=assessment.findings,
    )
    row = {
        "account_id": decision.account_id,
        "number": decision.number,
        "as_of": as_of,
        "decided_at": now,
        "cause": cause.value,
        "policy_version": policy_version,
        "score": decision.score,
        "action": decision.action.value,
        "findings": json.dumps([_written(finding) for finding in decision.findings], ensure_ascii=False),
        "revision": revision,
    }
    connection.execute(insert(fraud_decisions), row)
    return decision


def add_verdict(connection: Connection, decision: Decision, review: Review) -> None:
    """Write down what a person said of a decision; a decision has one verdict."""
    (revision,) = revisions.take(connection, 1)
    row = {
        "account_id": decision.account_id,
        "number": decision.number,
        "verdict": review.verdict.value,
        "reason": review.reason,
        "actor": review.actor,
        "given_at": review.given_at,
        "revision": revision,
    }
    connection.execute(insert(fraud_verdicts), row)


def decisions(connection: Connection, account_ids: Iterable[str] | None = None, *, only_open: bool = False) -> list[Decision]:
    """Decisions of some accounts, or of all, each account's oldest first; if asked, only those without a verdict."""
    wanted = select(
        fraud_decisions, fraud_verdicts.c.verdict, fraud_verdicts.c.reason, fraud_verdicts.c.actor, fraud_verdicts.c.given_at
    ).outerjoin(fraud_verdicts, _KEY)
    if account_ids is not None:
        wanted = wanted.where(fraud_decisions.c.account_id.in_(list(account_ids)))
    if only_open:
        wanted = wanted.where(fraud_verdicts.c.verdict.is_(None))
    rows = connection.execute(wanted.order_by(fraud_decisions.c.account_id, fraud_decisions.c.number))
    return [_decision(row) for row in rows]


def known(connection: Connection, account_ids: Sequence[str], *, as_of: datetime) -> dict[str, Known]:
    """What was known of accounts at an instant, beside what rules find. Who is trusted, the policy says."""
    paid = (
        select(invoices.c.account_id, func.count(payments.c.invoice_id.distinct()).label("paid"))
        .join(payments, payments.c.invoice_id == invoices.c.invoice_id)
        .where(
            invoices.c.account_id.in_(account_ids),
            payments.c.status == "paid",
            # A credit or a balance proves nothing: money has come from outside.
            payments.c.charged_minor != 0,
            payments.c.updated_at <= as_of,
        )
        .group_by(invoices.c.account_id)
    )
    disputed = (
        select(invoices.c.account_id)
        .join(disputes, disputes.c.invoice_id == invoices.c.invoice_id)
        .where(invoices.c.account_id.in_(account_ids), disputes.c.status.in_(["open", "lost"]), disputes.c.occurred_at <= as_of)
    )
    counts = {str(row.account_id): int(row.paid) for row in connection.execute(paid)}
    with_dispute: set[str] = set(connection.execute(disputed).scalars())
    return {
        account_id: Known(account_id=account_id, paid_invoices=counts.get(account_id, 0), has_dispute=account_id in with_dispute)
        for account_id in account_ids
    }


def has_paid_since(connection: Connection, account_id: str, since: datetime) -> bool:
    """Whether money came from outside for an account after an instant."""
    paid = (
        select(payments.c.payment_id)
        .join(invoices, invoices.c.invoice_id == payments.c.invoice_id)
        .where(
            invoices.c.account_id == account_id,
            payments.c.status == "paid",
            payments.c.charged_minor != 0,
            payments.c.updated_at > since,
        )
    )
    return connection.execute(paid.limit(1)).first() is not None


def _written(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "version": finding.version,
        "field": finding.field.value,
        "score": finding.score,
        "reason": finding.reason,
        "evidence": finding.evidence,
        "inputs": finding.inputs,
    }


def _decision(row: Row[Any]) -> Decision:
    findings = tuple(Finding(account_id=row.account_id, **(found | {"field": Field(found["field"])})) for found in json.loads(row.findings))
    review = None
    if row.verdict is not None:
        review = Review(verdict=Verdict(row.verdict), reason=row.reason, actor=row.actor, given_at=row.given_at)
    return Decision(
        account_id=row.account_id,
        number=row.number,
        as_of=row.as_of,
        decided_at=row.decided_at,
        cause=Cause(row.cause),
        policy_version=row.policy_version,
        score=row.score,
        action=Action(row.action),
        findings=findings,
        review=review,
    )
