"""`fraud scan|queue|show|release|confirm|rules|replay|simulate`."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for Dagster

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.accounts import AccountId, Actor
from orchestration.cli.arguments import AsOf, deployment, parse_instant
from orchestration.cli.output import FormatOption, emit
from orchestration.session import open_warehouse
from warehouse.errors import RefusedError

if TYPE_CHECKING:
    from control.domain.fraud import Decision

DECISION_COLUMNS = ("account_id", "number", "action", "score", "cause", "as_of", "decided_at", "policy_version", "rules", "reason")
SHOWN_COLUMNS = (*DECISION_COLUMNS, "verdict", "verdict_by", "verdict_reason", "findings")
QUEUE_COLUMNS = ("account_id", "state", "action", "score", "since", "decisions", "reason")
RULE_COLUMNS = ("rule", "version", "is_on", "weight", "field", "runs_on", "needs", "parameters", "description")
RECORD_COLUMNS = ("rule", "version", "is_on", "hits", "true_positives", "false_positives", "unknown")
ACCOUNT_COLUMNS = ("account_id", "action", "first_at", "truth", "rules")
SIMULATED_COLUMNS = (
    "behaviour", "is_fraud", "accounts", "challenged", "reviewed", "limited", "suspended", "caught", "missed", "median_days_until_caught",
    "cost", "prevented",
)  # fmt: skip

Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept for ever.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Antifraud: rules, decisions, the review queue.", no_args_is_help=True)
    for name, verb in (
        ("scan", scan), ("queue", queue), ("show", show), ("release", release), ("confirm", confirm), ("rules", rules),
        ("replay", replay), ("simulate", simulate),
    ):  # fmt: skip
        group.command(name)(verb)
    app.add_typer(group, name="fraud")


def scan(as_of: AsOf = None, output: FormatOption = None) -> None:
    """Run all rules and act on what they find; prints the new decisions. Repeating it changes nothing."""
    from control.services import fraud
    from control.services.publish import publish

    here = deployment()
    now = here.settings.now()
    with open_warehouse(here) as client, here.control() as control:
        publish(control, client, here.settings)
        report = fraud.scan(control, client, here.settings, as_of=as_of or now, now=now)
        publish(control, client, here.settings)
    _say(f"policy {report.policy_version}: {report.accounts_named} accounts named, {len(report.decisions)} new decisions")
    emit([_decision_row(decision) for decision in report.decisions], DECISION_COLUMNS, output)


def queue(output: FormatOption = None) -> None:
    """The accounts that wait for a person, the hardest action first."""
    from control.services import fraud_review

    with deployment().control() as control:
        items = fraud_review.queue(control)
    emit([vars(item) | {"reason": item.reason, "decisions": len(item.decisions)} for item in items], QUEUE_COLUMNS, output)


def show(account_id: AccountId, output: FormatOption = None) -> None:
    """All decisions about an account, with what each rule saw."""
    from control.services import fraud_review

    with deployment().control() as control:
        _, decisions = fraud_review.show(control, account_id)
    emit([_decision_row(decision) for decision in decisions], SHOWN_COLUMNS, output)


def release(account_id: AccountId, reason: Reason, actor: Actor = "operator", output: FormatOption = None) -> None:
    """Say that an account is honest: it goes on, and the same evidence does not hold it again."""
    from control.services import fraud_review

    here = deployment()
    with here.control() as control:
        ended = fraud_review.release(control, account_id, reason=reason, actor=actor, now=here.settings.now())
    emit([_decision_row(decision) for decision in ended], DECISION_COLUMNS, output)


def confirm(account_id: AccountId, reason: Reason, actor: Actor = "operator", output: FormatOption = None) -> None:
    """Say that it is fraud: the account is suspended."""
    from control.services import fraud_review

    here = deployment()
    with here.control() as control:
        ended = fraud_review.confirm(control, account_id, reason=reason, actor=actor, now=here.settings.now())
    emit([_decision_row(decision) for decision in ended], DECISION_COLUMNS, output)


def rules(output: FormatOption = None) -> None:
    """The rules as the policy has them."""
    from control.fraud.policy import load_policy

    policy = load_policy(deployment().control_settings.fraud_policy)
    rows = [
        {
            "rule": rule.rule.name,
            "version": rule.rule.version,
            "is_on": rule.is_on,
            "weight": rule.weight,
            "field": rule.rule.field,
            "runs_on": rule.rule.place,
            "needs": " ".join(rule.rule.needs),
            "parameters": " ".join(f"{name}={_value(value)}" for name, value in rule.values.items()),
            "description": rule.rule.description,
        }
        for rule in policy.rules
    ]
    _say(f"policy {policy.version}")
    emit(rows, RULE_COLUMNS, output)


def replay(
    since: Annotated[datetime, typer.Option("--from", parser=parse_instant, metavar="TS", help="As-of of the first day.")],
    until: Annotated[datetime, typer.Option("--to", parser=parse_instant, metavar="TS", help="As-of of the last day.")],
    *,
    by_account: Annotated[bool, typer.Option("--accounts", help="Print what would have been done to each account instead.")] = False,
    output: FormatOption = None,
) -> None:
    """Run the rules day by day over history, without acting: hits, and how many were right."""
    from control.services.fraud_replay import replay as service
    from control.services.publish import publish

    here = deployment()
    with open_warehouse(here) as client, here.control() as control:
        publish(control, client, here.settings)
        replayed = service(control, client, here.settings, start=since, end=until)
    _say(
        f"policy {replayed.policy_version}, {replayed.days} days: {len(replayed.accounts)} accounts would have been acted on;"
        f" {len(replayed.missed)} confirmed frauds no rule named"
    )
    if by_account:
        emit([asdict(record) for record in replayed.accounts], ACCOUNT_COLUMNS, output)
    else:
        emit([asdict(record) for record in replayed.rules], RECORD_COLUMNS, output)


def simulate(
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same figures.")] = 1,
    accounts: Annotated[int, typer.Option("--accounts", min=20, help="How many.")] = 1000,
    months: Annotated[int, typer.Option("--months", min=2, help="Of thirty days each.")] = 24,
    scan_every: Annotated[int, typer.Option("--scan-every", min=1, help="Days from one scan to the next.")] = 1,
    output: FormatOption = None,
) -> None:
    """Play accounts with seeded behaviours, honest and not, and count what is caught, missed and held by mistake.

    It touches nothing of this deployment. Exit code 1 where an honest account was suspended.
    """
    from orchestration.fraud_simulation import run_simulation

    settings = deployment().control_settings
    figures = run_simulation(settings, seed=seed, accounts=accounts, months=months, scan_every=scan_every, say=_say)
    rows = [
        asdict(row) | {"is_fraud": row.behaviour.is_fraud, "median_days_until_caught": row.median_days, "behaviour": str(row.behaviour)}
        for row in figures.rows
    ]
    emit(rows, SIMULATED_COLUMNS, output)
    fraud = [row for row in figures.rows if row.behaviour.is_fraud]
    honest = [row for row in figures.rows if not row.behaviour.is_fraud]
    _say(
        f"policy {figures.policy_version}: {sum(row.caught for row in fraud)} of {sum(row.accounts for row in fraud)} frauds caught;"
        f" of {sum(row.accounts for row in honest)} honest accounts {sum(row.challenged for row in honest)} were challenged,"
        f" {sum(row.reviewed for row in honest)} reviewed, {sum(row.limited for row in honest)} limited until a person looked,"
        f" {figures.wrongly_suspended} suspended"
    )
    for rule, named in sorted(figures.hits.items()):
        _say(f"  {rule}: counted in decisions about {len(named)} accounts, {len(named & figures.fraudulent)} of them fraud")
    if figures.wrongly_suspended:
        raise RefusedError(f"{figures.wrongly_suspended} honest accounts were suspended; the policy is too hard")


def _decision_row(decision: Decision) -> dict[str, Any]:
    review = decision.review
    return asdict(decision) | {
        "rules": " ".join(finding.rule for finding in decision.findings),
        "reason": "; ".join(finding.reason for finding in decision.findings),
        "verdict": review.verdict if review else None,
        "verdict_by": review.actor if review else None,
        "verdict_reason": review.reason if review else None,
        "findings": [{name: value for name, value in asdict(finding).items() if name != "account_id"} for finding in decision.findings],
    }


def _value(value: object) -> str:
    match value:
        case dict():
            return ",".join(f"{currency}:{amount:f}" for currency, amount in value.items())
        case Sequence() if not isinstance(value, str):
            return ",".join(str(item) for item in value)
        case Decimal():
            return f"{value:f}"
    return str(value)


def _say(text: str) -> None:
    """Progress and summaries are for the person who watches; stdout is for data."""
    print(text, file=sys.stderr, flush=True)
