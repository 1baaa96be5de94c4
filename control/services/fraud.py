"""Looks for fraud: runs the rules as of an instant, decides about each account they name, and does what was decided.

A decision, what it does to the account and the message that tells others are one transaction. An account is decided about again
only where the action gets harder, so repeating a scan changes nothing, and evidence that a person released holds nobody again.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from clickhouse_connect.driver.client import Client
from sqlalchemy import Connection

from control.bootstrap import Control
from control.domain.fraud import Action, Assessment, Cause, Decision, Finding, Known, assess, released_keys, standing
from control.domain.lifecycle import AccountState, may_move
from control.fraud.policy import FraudPolicy, load_policy
from control.fraud.rules import Place, by_account, run_all, run_on_control
from control.services.restrictions import impose
from control.store import fraud, lifecycle, outbox
from control.store.agreements import FRAUD
from control.store.fraud import CardAttempt
from control.store.outbox import Message
from warehouse.errors import RefusedError
from warehouse.settings import Settings

# Who acts where the antifraud does: a release looks for this name before it lets an account go on.
ACTOR = "meterhouse fraud"
_GONE = (AccountState.CLOSING, AccountState.CLOSED)


@dataclass(frozen=True, kw_only=True)
class ScanReport:
    """What one scan saw and did."""

    as_of: datetime
    policy_version: str
    hits: Counter[str]  # accounts that each rule named
    accounts_named: int
    decisions: tuple[Decision, ...]  # new ones


def policy_of(control: Control) -> FraudPolicy:
    """The deployment's policy.

    Raises:
        InputError: its file is wrong.
    """
    return load_policy(control.settings.fraud_policy)


def scan(
    control: Control, client: Client, settings: Settings, *, as_of: datetime, now: datetime, policy: FraudPolicy | None = None
) -> ScanReport:
    """Run all rules and act. Publish the control store first: the rules of the warehouse read accounts there.

    Args:
        control: whose accounts are looked at.
        client: of the warehouse.
        settings: name its databases.
        as_of: nothing later than this is looked at.
        now: when it is decided.
        policy: default: the deployment's.

    Raises:
        InputError: the policy is wrong.
        RefusedError: no tick has run yet.
        StoreError: the store does not answer.
    """
    used = policy or policy_of(control)
    with control.store.reading() as connection:
        findings = run_all(connection, client, settings, used.switched_on(), as_of=as_of)
        wanted = look(connection, used, findings, as_of=as_of, now=now)
    decided = [
        decide(control, used, wanted[account_id], found, cause=Cause.SCAN, as_of=as_of, now=now)
        for account_id, found in by_account(findings).items()
        if account_id in wanted
    ]
    return ScanReport(
        as_of=as_of,
        policy_version=used.version,
        hits=Counter(finding.rule for finding in findings),
        accounts_named=len({finding.account_id for finding in findings}),
        decisions=tuple(decision for decision in decided if decision is not None),
    )


def look(connection: Connection, policy: FraudPolicy, findings: Sequence[Finding], *, as_of: datetime, now: datetime) -> dict[str, Known]:
    """The accounts whose findings ask for more than what stands already, with what is known of them."""
    grouped = by_account(findings)
    known = known_accounts(connection, policy, list(grouped), as_of=as_of, now=now)
    earlier = _earlier(connection, list(grouped))
    return {
        account_id: known[account_id]
        for account_id, found in grouped.items()
        if _asks_for_more(policy, known[account_id], found, earlier.get(account_id, []), now=now) is not None
    }


def known_accounts(
    connection: Connection, policy: FraudPolicy, account_ids: Sequence[str], *, as_of: datetime, now: datetime
) -> dict[str, Known]:
    """What is known of accounts, whether the policy trusts them included."""
    known = fraud.known(connection, account_ids, as_of=as_of)
    return {account_id: replace(one, is_trusted=policy.trusts(account_id, now)) for account_id, one in known.items()}


def decide(
    control: Control, policy: FraudPolicy, known: Known, findings: Sequence[Finding], *, cause: Cause, as_of: datetime, now: datetime
) -> Decision | None:
    """Decide about one account and act; None where nothing harder than what stands follows."""

    def work(connection: Connection) -> Decision | None:
        account = lifecycle.load(connection, known.account_id)
        earlier = fraud.decisions(connection, [known.account_id])
        assessment = _asks_for_more(policy, known, findings, earlier, now=now)
        if assessment is None or account.state in _GONE:
            return None
        decision = fraud.append(connection, assessment, cause=cause, as_of=as_of, policy_version=policy.version, now=now)
        _act(connection, decision, account.state, now=now)
        return decision

    return control.store.transact(work)


def screen_card(control: Control, attempt: CardAttempt) -> Decision | None:
    """Write down a try to bind a card, and look at its account at once, with the rules that need no warehouse."""
    policy = policy_of(control)
    control.store.transact(lambda connection: fraud.add_attempt(connection, attempt))
    now = attempt.tried_at
    with control.store.reading() as connection:
        findings = [
            finding
            for rule, values in policy.switched_on(Place.CONTROL)
            for finding in run_on_control(connection, rule, values, as_of=now, account_id=attempt.account_id)
        ]
        wanted = look(connection, policy, findings, as_of=now, now=now)
    if attempt.account_id not in wanted:
        return None
    return decide(control, policy, wanted[attempt.account_id], findings, cause=Cause.CARD, as_of=now, now=now)


def new_attempt_id() -> str:
    """The id of a try that no event of a gateway tells of."""
    return uuid.uuid4().hex


def action_of(connection: Connection, account_id: str, policy: FraudPolicy, *, now: datetime) -> Action:
    """What the antifraud does to an account now."""
    return standing(fraud.decisions(connection, [account_id]), now, challenge_days=policy.challenge_days)


def is_challenged(control: Control, account_id: str, *, now: datetime) -> bool:
    """Whether the next charge of an account is to ask the card's holder: nothing was paid since the antifraud asked for it."""
    with control.store.reading() as connection:
        found = fraud.decisions(connection, [account_id])
        if not found:
            return False
        challenge_days = policy_of(control).challenge_days
        asked = [one for one in found if one.stands_as(now, challenge_days=challenge_days) is not Action.ALLOW]
        return bool(asked) and not fraud.has_paid_since(connection, account_id, max(one.decided_at for one in asked))


def check_may_bind(control: Control, account_id: str, *, now: datetime) -> None:
    """Do nothing where the account may try another card.

    Raises:
        RefusedError: it is limited or suspended for suspected fraud.
    """
    with control.store.reading() as connection:
        action = action_of(connection, account_id, policy_of(control), now=now)
    if action in (Action.LIMIT, Action.SUSPEND):
        raise RefusedError(f"account {account_id} may bind no card before a person has looked at it: {_way_out(account_id)}")


def check_may_go_on(connection: Connection, account_id: str) -> None:
    """Do nothing where a suspended or closing account may go on as far as the antifraud is concerned.

    Raises:
        RefusedError: it is suspended for suspected or confirmed fraud.
    """
    if is_suspended(connection, account_id):
        raise RefusedError(f"account {account_id} is suspended for fraud; only a release lets it go on: {_way_out(account_id)}")


def is_suspended(connection: Connection, account_id: str) -> bool:
    """Whether the antifraud wants the account suspended. Who resumes accounts for other reasons asks this first."""
    found = fraud.decisions(connection, [account_id])
    return any(decision.stands_as(decision.decided_at, challenge_days=1) is Action.SUSPEND for decision in found)


def enforce(connection: Connection, account_id: str, *, now: datetime) -> None:
    """Suspend an account that the antifraud wants suspended and that somebody else just let begin or go on."""
    if is_suspended(connection, account_id):
        suspend(connection, account_id, reason="it is held for fraud", now=now)


def suspend(connection: Connection, account_id: str, *, reason: str, now: datetime) -> None:
    """Suspend an account in the antifraud's name, where its state allows that."""
    if may_move(lifecycle.load(connection, account_id).state, AccountState.SUSPENDED):
        lifecycle.move(connection, account_id, AccountState.SUSPENDED, reason=reason, actor=ACTOR, now=now)


def tell(connection: Connection, decision: Decision, event_type: str, *, now: datetime) -> None:
    """Publish what was decided about an account."""
    data = {
        "account_id": decision.account_id,
        "number": decision.number,
        "action": decision.action.value,
        "score": format(decision.score, "f"),
        "rules": " ".join(finding.rule for finding in decision.findings),
    }
    outbox.publish(connection, [Message(event_type=event_type, subject=decision.account_id, data=data)], now=now)


def reasons(findings: Sequence[Finding]) -> str:
    """What the findings say, in one line."""
    return "; ".join(finding.reason for finding in findings)


def _act(connection: Connection, decision: Decision, state: AccountState, *, now: datetime) -> None:
    if decision.action is Action.SUSPEND and state is not AccountState.SUSPENDED:
        suspend(connection, decision.account_id, reason=f"suspected fraud: {reasons(decision.findings)}", now=now)
    if decision.action is Action.LIMIT:
        impose(connection, decision.account_id, FRAUD, reason=f"suspected fraud: {reasons(decision.findings)}", now=now)
    tell(connection, decision, f"fraud.{decision.action}", now=now)


def _asks_for_more(
    policy: FraudPolicy, known: Known, findings: Sequence[Finding], earlier: Sequence[Decision], *, now: datetime
) -> Assessment | None:
    assessment = assess(known, findings, thresholds=policy.thresholds, weights=policy.weights, released=released_keys(earlier))
    stands = standing(earlier, now, challenge_days=policy.challenge_days)
    return assessment if assessment.action.severity > stands.severity else None


def _earlier(connection: Connection, account_ids: Sequence[str]) -> dict[str, list[Decision]]:
    found: dict[str, list[Decision]] = {}
    for decision in fraud.decisions(connection, account_ids):
        found.setdefault(decision.account_id, []).append(decision)
    return found


def _way_out(account_id: str) -> str:
    return f"`meterhouse fraud show {account_id}`, then `meterhouse fraud release {account_id}`"
