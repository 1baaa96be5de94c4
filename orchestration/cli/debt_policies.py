"""`debt policy|what-if|simulate`: look at a policy before it is switched on."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for Dagster

from __future__ import annotations

import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.arguments import deployment
from orchestration.cli.output import FormatOption, emit
from warehouse.errors import RefusedError

if TYPE_CHECKING:
    from control.testing.debt import Figures

POLICY_COLUMNS = ("policy", "policy_hash", "state", "days", "notice_days", "count", "amounts", "steps")
WHAT_IF_COLUMNS = ("account_id", "anchor_date", "step", "currency_code", "amount", "active_day", "candidate_day", "change")
SIMULATION_COLUMNS = (
    "behaviour", "accounts", "invoices", "currency_code", "invoiced_amount", "recovered_amount", "recovered_overdue_amount",
    "written_off_amount", "open_amount", "mean_days_to_pay", "mails", "retries", "accounts_suspended", "suspensions", "wrongly_suspended",
    "policy_errors",
)  # fmt: skip

PolicyFile = Annotated[
    Path, typer.Argument(metavar="POLICY", help="A policy file; start with a copy of the standard one (`debt policy --file`).")
]


def register(group: typer.Typer) -> None:
    """Add the verbs to `debt`."""
    for name, verb in (("policy", policy), ("what-if", what_if), ("simulate", simulate)):
        group.command(name)(verb)


def policy(
    file: Annotated[Path | None, typer.Argument(metavar="[POLICY]", help="A policy file; default: the active one.")] = None,
    is_file: Annotated[bool, typer.Option("--file", help="Print the path of the file instead.")] = False,
    output: FormatOption = None,
) -> None:
    """Check a policy and show its states, worst first."""
    from control.services.dunning_policy import STANDARD, read_policy

    chosen = file or Path(deployment().control_settings.dunning_policy or STANDARD)
    found = read_policy(chosen)
    if is_file:
        print(chosen)
        return
    rows = [
        {
            "policy": found.name,
            "policy_hash": found.content_hash,
            "state": state.name,
            "days": state.days,
            "notice_days": state.notice_days,
            "count": state.count,
            "amounts": " ".join(str(amount) for amount in state.amount.values()),
            "steps": " ".join(str(step) for step in state.steps),
        }
        for state in found.states
    ]
    emit(rows, POLICY_COLUMNS, output)


def what_if(
    file: PolicyFile,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], metavar="DAY", help="Default: the first due date.")
    ] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], metavar="DAY", help="Default: today.")] = None,
    is_all: Annotated[bool, typer.Option("--all", help="Also the steps that do not change.")] = False,
    output: FormatOption = None,
) -> None:
    """What a policy would have done on the recorded history, beside what the active one would have; changes nothing."""
    from control.services.debt import what_if as service
    from control.services.dunning_policy import active_policy, read_policy

    here = deployment()
    candidate = read_policy(file)
    with here.control() as control:
        found = service(
            control,
            active=active_policy(control.settings),
            candidate=candidate,
            first=first.date() if first else None,
            last=last.date() if last else here.settings.now().date(),
        )
    differences = found.differences
    rows = [
        {
            "account_id": one.account_id,
            "anchor_date": one.anchor,
            "step": one.step,
            "currency_code": one.amount.currency_code,
            "amount": one.amount.amount,
            "active_day": one.active_day,
            "candidate_day": one.candidate_day,
            "change": one.change,
        }
        for one in differences
        if is_all or one.change != "same"
    ]
    emit(rows, WHAT_IF_COLUMNS, output)
    counts = Counter(one.change for one in differences)
    summary = ", ".join(f"{count} {change.replace('_', ' ')}" for change, count in sorted(counts.items())) or "no step of either"
    _say(f"{found.first} to {found.last}, {found.accounts} accounts: {summary}")


def simulate(
    *,
    accounts: Annotated[int, typer.Option("--accounts", min=1, help="How many.")] = 1_000,
    months: Annotated[int, typer.Option("--months", min=1, max=120, help="Of invoices, one a month.")] = 24,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same figures.")] = 1,
    file: Annotated[Path | None, typer.Option("--policy", help="A policy file; default: the active one.")] = None,
    output: FormatOption = None,
) -> None:
    """Play customers that pay, forget, dispute and go bankrupt under a policy, in memory; it touches nothing of this deployment.

    Exit code 1 where a payer who always paid in time is suspended, or a step was taken that the audit does not allow.
    """
    from control.services.dunning_policy import active_policy, read_policy
    from control.testing.debt import simulate as play

    chosen = read_policy(file) if file else active_policy(deployment().control_settings)
    figures = play(chosen, seed=seed, accounts=accounts, months=months, say=_say)
    emit([_figures_row(one) for one in figures], SIMULATION_COLUMNS, output)
    total = figures[-1]
    if total.wrongly_suspended or total.policy_errors:
        raise RefusedError(
            f"policy {chosen.name} suspended {total.wrongly_suspended} accounts of good payers and took {total.policy_errors} wrong steps"
        )


def _figures_row(one: Figures) -> dict[str, Any]:
    return vars(one) | {
        "currency_code": one.invoiced.currency_code,
        "invoiced_amount": one.invoiced.amount,
        "recovered_amount": one.recovered.amount,
        "recovered_overdue_amount": one.recovered_overdue.amount,
        "written_off_amount": one.written_off.amount,
        "open_amount": one.still_open.amount,
        "mean_days_to_pay": one.mean_days_to_pay,
    }


def _say(text: str) -> None:
    print(f"meterhouse: {text}", file=sys.stderr)
