"""`debt show|ageing|steps|mails|run|promise|promises|hold|release|terms|prepay|policy|what-if|simulate`."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for Dagster

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from control.domain.ageing import COLUMNS as AGEING_BUCKETS
from orchestration.cli.accounts import AccountId, Actor, Reason, parse_money
from orchestration.cli.arguments import deployment, parse_instant
from orchestration.cli.output import Format, FormatOption, emit
from orchestration.session import open_warehouse
from warehouse.errors import RefusedError

if TYPE_CHECKING:
    from control.domain.dunning import Policy
    from control.services.promises import PromiseView
    from control.store.debt import DebtTerms
    from control.testing.debt import Figures

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
PROMISE_COLUMNS = ("promise_id", "account_id", "currency_code", "amount", "promised_for", "status", "made_at", "actor")
HOLD_COLUMNS = ("invoice_number", "account_id", "currency_code", "open_amount", "is_held")
TERMS_COLUMNS = ("account_id", "grace_days", "language", "currency_code", "credit_limit_amount", "prepaid_minimum_amount")
POLICY_COLUMNS = ("policy", "policy_hash", "state", "days", "notice_days", "count", "amounts", "steps")
WHAT_IF_COLUMNS = ("account_id", "anchor_date", "step", "currency_code", "amount", "active_day", "candidate_day", "change")
SIMULATION_COLUMNS = (
    "behaviour", "accounts", "invoices", "currency_code", "invoiced_amount", "recovered_amount", "recovered_overdue_amount",
    "written_off_amount", "open_amount", "mean_days_to_pay", "mails", "retries", "accounts_suspended", "suspensions", "wrongly_suspended",
    "policy_errors",
)  # fmt: skip

OptionalAccount = Annotated[str | None, typer.Option("--account", help="Only this account.")]
PolicyFile = Annotated[
    Path, typer.Argument(metavar="POLICY", help="A policy file; start with a copy of the standard one (`debt policy --file`).")
]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Debt: who owes what since when, and what is done about it.", no_args_is_help=True)
    for name, verb in (
        ("show", show), ("ageing", ageing), ("steps", steps), ("mails", list_mails), ("run", run), ("promise", promise),
        ("promises", promises), ("withdraw-promise", withdraw), ("hold", hold), ("release", release), ("terms", terms), ("prepay", prepay),
        ("policy", policy), ("what-if", what_if), ("simulate", simulate),
    ):  # fmt: skip
        group.command(name)(verb)
    app.add_typer(group, name="debt")


def show(account_id: Annotated[str | None, typer.Argument(metavar="[ACCOUNT]")] = None, output: FormatOption = None) -> None:
    """Accounts with open claims: how much, since when, in which state of the policy, and what stops a step."""
    from control.services.debt import list_debts

    here = deployment()
    with here.control() as control:
        found = list_debts(control, _active(control.settings), account_id, now=here.settings.now())
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


def promise(
    account_id: AccountId,
    promised_for: Annotated[datetime, typer.Option("--by", formats=["%Y-%m-%d"], metavar="DAY", help="Until the end of this day (UTC).")],
    amount: Annotated[str | None, typer.Option("--amount", help="Default: all that is overdue.")] = None,
    actor: Actor = "operator",
    output: FormatOption = None,
) -> None:
    """Take a customer's promise to pay: until then no step is taken, and the policy may lift a suspension."""
    from control.services import lifecycle
    from control.services import promises as service

    here = deployment()
    now = here.settings.now()
    with here.control() as control:
        currency = lifecycle.show_account(control, account_id).account.currency_code
        made = service.make_promise(
            control,
            _active(control.settings),
            account_id,
            amount=None if amount is None else parse_money(amount, currency),
            promised_for=promised_for.date(),
            actor=actor,
            now=now,
        )
        views = [view for view in service.list_promises(control, account_id, now=now) if view.promise.promise_id == made.promise_id]
    emit([_promise_row(view) for view in views], PROMISE_COLUMNS, output)


def promises(account_id: OptionalAccount = None, output: FormatOption = None) -> None:
    """Promises to pay: open, kept, broken, withdrawn."""
    from control.services.promises import list_promises

    here = deployment()
    with here.control() as control:
        views = list_promises(control, account_id, now=here.settings.now())
    emit([_promise_row(view) for view in views], PROMISE_COLUMNS, output)


def withdraw(promise_id: Annotated[str, typer.Argument(metavar="PROMISE")], output: FormatOption = None) -> None:
    """Take a promise out: steps go on as if it had not been made."""
    from control.services.promises import withdraw_promise

    here = deployment()
    with here.control() as control:
        withdraw_promise(control, promise_id, now=here.settings.now())
    promises(output=output)


def hold(
    number: Annotated[str, typer.Argument(metavar="INVOICE")], reason: Reason, actor: Actor = "operator", output: FormatOption = None
) -> None:
    """Let a claim not count while its customer says that it is wrong."""
    from control.services.promises import hold_claim

    here = deployment()
    with here.control() as control:
        invoice = hold_claim(control, number, reason=reason, actor=actor, now=here.settings.now())
    _show_hold(invoice, is_held=True, output=output)


def release(number: Annotated[str, typer.Argument(metavar="INVOICE")], output: FormatOption = None) -> None:
    """Let a held claim count again, from its own due date on."""
    from control.services.promises import release_claim

    here = deployment()
    with here.control() as control:
        invoice = release_claim(control, number, now=here.settings.now())
    _show_hold(invoice, is_held=False, output=output)


def terms(
    account_id: AccountId,
    *,
    grace_days: Annotated[int | None, typer.Option("--grace-days", min=0, help="Taken off the days since the due date.")] = None,
    language: Annotated[str | None, typer.Option("--language", help="Of mails.")] = None,
    credit_limit: Annotated[str | None, typer.Option("--credit-limit", help="Open and running month together; none: no limit.")] = None,
    prepaid_minimum: Annotated[
        str | None, typer.Option("--prepaid-minimum", help="The account pays before, and is reminded below this; none: it pays after.")
    ] = None,
    actor: Actor = "operator",
    output: FormatOption = None,
) -> None:
    """Show what is agreed with an account about debt, or change what is given."""
    from control.services import lifecycle
    from control.services import promises as service

    here = deployment()
    with here.control() as control:
        known = service.show_terms(control, account_id)
        currency = lifecycle.show_account(control, account_id).account.currency_code
        changes: dict[str, Any] = {}
        if grace_days is not None:
            changes["grace_days"] = grace_days
        if language is not None:
            changes["language"] = language
        for name, text in (("credit_limit", credit_limit), ("prepaid_minimum", prepaid_minimum)):
            if text is not None:
                changes[name] = None if text == "none" else parse_money(text, currency)
        if changes:
            known = service.set_terms(control, replace(known, **changes), actor=actor, now=here.settings.now())
    emit([_terms_row(known, currency)], TERMS_COLUMNS, output)


def prepay(
    account_id: AccountId,
    receipt_id: Annotated[str, typer.Option("--receipt", help="A bank receipt that waits (`meterhouse statement list --waiting`).")],
    output: FormatOption = None,
) -> None:
    """Say that money on our bank account was paid before: it becomes the account's balance, and pays its next invoices."""
    from control.services.prepayment import prepay as service

    here = deployment()
    with here.control() as control:
        amount = service(control, receipt_id, account_id, now=here.settings.now())
    row = {"account_id": account_id, "receipt_id": receipt_id, "currency_code": amount.currency_code, "amount": amount.amount}
    emit([row], tuple(row), output)


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
    from control.services.dunning_policy import read_policy

    here = deployment()
    candidate = read_policy(file)
    with here.control() as control:
        found = service(
            control,
            active=_active(control.settings),
            candidate=candidate,
            first=first.date() if first else None,
            last=_day(last) or here.settings.now().date(),
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
    from control.services.dunning_policy import read_policy
    from control.testing.debt import simulate as play

    chosen = read_policy(file) if file else _active(deployment().control_settings)
    figures = play(chosen, seed=seed, accounts=accounts, months=months, say=_say)
    emit([_figures_row(one) for one in figures], SIMULATION_COLUMNS, output)
    total = figures[-1]
    if total.wrongly_suspended or total.policy_errors:
        raise RefusedError(
            f"policy {chosen.name} suspended {total.wrongly_suspended} accounts of good payers and took {total.policy_errors} wrong steps"
        )


def _active(settings: Any) -> Policy:  # noqa: ANN401 - ControlSettings, which is imported when a verb runs
    from control.services.dunning_policy import active_policy

    return active_policy(settings)


def _day(instant: datetime | None) -> date | None:
    return instant.date() if instant else None


def _promise_row(view: PromiseView) -> dict[str, Any]:
    made = view.promise
    return asdict(made) | {"currency_code": made.amount.currency_code, "amount": made.amount.amount, "status": view.status}


def _terms_row(known: DebtTerms, currency_code: str) -> dict[str, Any]:
    return {
        "account_id": known.account_id,
        "grace_days": known.grace_days,
        "language": known.language,
        "currency_code": currency_code,
        "credit_limit_amount": known.credit_limit.amount if known.credit_limit else None,
        "prepaid_minimum_amount": known.prepaid_minimum.amount if known.prepaid_minimum is not None else None,
    }


def _show_hold(invoice: Any, *, is_held: bool, output: Format | None) -> None:  # noqa: ANN401 - IssuedInvoice, which is imported when a verb runs
    row = {
        "invoice_number": invoice.invoice_number,
        "account_id": invoice.content.account_id,
        "currency_code": invoice.open.currency_code,
        "open_amount": invoice.open.amount,
        "is_held": is_held,
    }
    emit([row], HOLD_COLUMNS, output)


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
