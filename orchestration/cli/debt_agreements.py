"""`debt promise|promises|withdraw-promise|hold|release|terms|prepay`."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for Dagster

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.accounts import AccountId, Actor, Reason, parse_money
from orchestration.cli.arguments import deployment
from orchestration.cli.output import Format, FormatOption, emit

if TYPE_CHECKING:
    from control.domain.documents import IssuedInvoice
    from control.services.promises import PromiseView
    from control.store.agreements import DebtTerms

PROMISE_COLUMNS = ("promise_id", "account_id", "currency_code", "amount", "promised_for", "status", "made_at", "actor")
HOLD_COLUMNS = ("invoice_number", "account_id", "currency_code", "open_amount", "is_held")
TERMS_COLUMNS = ("account_id", "grace_days", "language", "currency_code", "credit_limit_amount", "prepaid_minimum_amount")

OptionalAccount = Annotated[str | None, typer.Option("--account", help="Only this account.")]


def register(group: typer.Typer) -> None:
    """Add the verbs to `debt`."""
    for name, verb in (
        ("promise", promise), ("promises", promises), ("withdraw-promise", withdraw), ("hold", hold), ("release", release),
        ("terms", terms), ("prepay", prepay),
    ):  # fmt: skip
        group.command(name)(verb)


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
    from control.services.dunning_policy import active_policy

    here = deployment()
    now = here.settings.now()
    with here.control() as control:
        currency = lifecycle.show_account(control, account_id).account.currency_code
        made = service.make_promise(
            control,
            active_policy(control.settings),
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


def _show_hold(invoice: IssuedInvoice, *, is_held: bool, output: Format | None) -> None:
    row = {
        "invoice_number": invoice.invoice_number,
        "account_id": invoice.content.account_id,
        "currency_code": invoice.open.currency_code,
        "open_amount": invoice.open.amount,
        "is_held": is_held,
    }
    emit([row], HOLD_COLUMNS, output)
