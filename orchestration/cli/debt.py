"""`debt show|ageing|steps|mails|run`."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for Dagster

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from control.domain.ageing import COLUMNS as AGEING_BUCKETS
from orchestration.cli import debt_agreements, debt_policies
from orchestration.cli.arguments import deployment, parse_instant
from orchestration.cli.output import FormatOption, emit
from orchestration.session import open_warehouse

if TYPE_CHECKING:
    pass

SHOW_COLUMNS = (
    "account_id", "account_state", "currency_code", "open_amount", "overdue_amount", "overdue_since", "days_overdue", "state", "next",
    "restricted_for", "held",
)  # fmt: skip
AGEING_COLUMNS = ("account_id", "currency_code", *(f"{name}_amount" for name in AGEING_BUCKETS), "receivable_amount")
STEP_COLUMNS = (
    "account_id", "anchor_date", "round", "state", "step", "days_overdue", "currency_code", "amount", "invoice_numbers", "policy",
    "policy_hash", "taken_at",
)  # fmt: skip
MAIL_COLUMNS = (
    "mail_id",
    "account_id",
    "template",
    "language",
    "recipients",
    "subject",
    "status",
    "tries",
    "message",
    "created_at",
    "sent_at",
)
RUN_COLUMNS = ("account_id", "anchor_date", "days_overdue", "state", "step", "currency_code", "amount", "result")

OptionalAccount = Annotated[str | None, typer.Option("--account", help="Only this account.")]


def register(app: typer.Typer) -> None:
    """Add the verbs, those of debt_agreements.py and debt_policies.py included."""
    group = typer.Typer(help="Debt: who owes what since when, and what is done about it.", no_args_is_help=True)
    for name, verb in (("show", show), ("ageing", ageing), ("steps", steps), ("mails", list_mails), ("run", run)):
        group.command(name)(verb)
    debt_agreements.register(group)
    debt_policies.register(group)
    app.add_typer(group, name="debt")


def show(account_id: Annotated[str | None, typer.Argument(metavar="[ACCOUNT]")] = None, output: FormatOption = None) -> None:
    """Accounts with open claims: how much, since when, in which state of the policy, and what stops a step."""
    from control.services.debt import list_debts
    from control.services.dunning_policy import active_policy

    here = deployment()
    with here.control() as control:
        found = list_debts(control, active_policy(control.settings), account_id, now=here.settings.now())
    rows = [
        {
            "account_id": view.account_id,
            "account_state": view.account_state,
            "currency_code": view.look.debt.currency_code,
            "open_amount": view.open.amount,
            "overdue_amount": view.look.decision.amount.amount,
            "overdue_since": view.look.decision.anchor,
            "days_overdue": view.look.decision.days_overdue,
            "state": view.look.decision.state.name if view.look.decision.state else "",
            "next": view.look.decision.reason or ", ".join(str(step) for step in view.look.decision.steps),
            "restricted_for": view.restricted_for,
            "held": "; ".join(f"{claim.invoice_number}: {claim.hold}" for claim in view.claims if claim.hold),
        }
        for view in found
    ]
    emit(rows, SHOW_COLUMNS, output)


def ageing(
    until: Annotated[datetime | None, typer.Option("--until", parser=parse_instant, metavar="TS", help="Exclusive; default: now.")] = None,
    output: FormatOption = None,
) -> None:
    """What is open by how long it is overdue, for each account and currency; sums equal the ledger's receivable."""
    from control.services.debt import read_ageing

    here = deployment()
    with here.control() as control:
        lines = read_ageing(control, until=until or here.settings.now() + timedelta(milliseconds=1))
    rows = [
        {"account_id": line.account_id, "currency_code": line.currency_code, "receivable_amount": line.receivable.amount}
        | {f"{name}_amount": amount.amount for name, amount in line.buckets.items()}
        for line in lines
    ]
    emit(rows, AGEING_COLUMNS, output)


def steps(account_id: OptionalAccount = None, output: FormatOption = None) -> None:
    """Steps that were taken, with the policy that asked for them."""
    from control.services.debt import list_steps

    with deployment().control() as control:
        emit(list_steps(control, account_id), STEP_COLUMNS, output)


def list_mails(account_id: OptionalAccount = None, output: FormatOption = None) -> None:
    """Mails to customers and what became of them; `meterhouse work` sends those that wait."""
    from control.services.debt import list_mails as service

    with deployment().control() as control:
        emit(service(control, account_id), MAIL_COLUMNS, output)


def run(output: FormatOption = None) -> None:
    """Look at all accounts and take the steps that are due, limits and prepayment included. Repeating it changes nothing."""
    from orchestration.dunning import run_debt

    here = deployment()
    with open_warehouse(here) as client, here.control() as control:
        report = run_debt(control, client, here.settings)
    rows = [asdict(line) | {"currency_code": line.amount.currency_code, "amount": line.amount.amount} for line in report.taken]
    rows += [
        {
            "account_id": line.account_id,
            "anchor_date": None,
            "days_overdue": 0,
            "state": line.limit,
            "step": line.step,
            "currency_code": line.used.currency_code,
            "amount": line.used.amount,
            "result": "taken",
        }
        for line in report.limits
        if line.step
    ]
    emit(rows, RUN_COLUMNS, output)
