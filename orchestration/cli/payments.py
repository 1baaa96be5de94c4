"""`payment list|reconcile|differences`, `refund`, `write-off`, `statement import|list|assign`, `work`, `crash-test`."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for Dagster

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.accounts import Actor, parse_money
from orchestration.cli.arguments import deployment, parse_instant
from orchestration.cli.output import FormatOption, emit
from orchestration.session import open_warehouse
from warehouse.errors import InputError, RefusedError

if TYPE_CHECKING:
    from control.domain.receipts import ReceiptOutcome

PAYMENT_COLUMNS = (
    "payment_id", "invoice_number", "account_id", "attempt", "gateway", "status", "currency_code", "amount", "charged_amount",
    "balance_amount", "gateway_payment_id", "reason_code", "message", "updated_at",
)  # fmt: skip
REFUND_COLUMNS = (
    "refund_id", "invoice_number", "refund_note_number", "status", "gateway", "currency_code", "amount", "reason", "message",
)  # fmt: skip
DIFFERENCE_COLUMNS = ("gateway", "kind", "invoice_id", "gateway_payment_id", "is_mended", "message")
RECEIPT_COLUMNS = ("receipt_id", "booked_date", "currency_code", "amount", "payer", "result", "invoice_number", "message")
INVOICE_COLUMNS = ("invoice_number", "account_id", "status", "currency_code", "total_amount", "paid_amount")
CRASH_COLUMNS = (
    "schedules", "processes", "kills", "steps", "steps_never_killed", "gateway_faults", "webhooks", "webhooks_repeated", "commands_refused",
    "invoices_charged", "refunds", "events_sent", "failures",
)  # fmt: skip
DEFAULT_DAYS = 35


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    payment = typer.Typer(help="Attempts to settle documents, and their comparison with the gateways.", no_args_is_help=True)
    payment.command("list")(list_payments)
    payment.command("reconcile")(reconcile)
    payment.command("differences")(differences)
    app.add_typer(payment, name="payment")
    app.command("refund")(refund)
    app.command("write-off")(write_off)
    statement = typer.Typer(help="Bank transfers.", no_args_is_help=True)
    statement.command("import")(import_statement)
    statement.command("list")(list_receipts)
    statement.command("assign")(assign)
    app.add_typer(statement, name="statement")
    app.command("work")(work)
    app.command("crash-test")(crash_test)


def list_payments(
    account_id: Annotated[str | None, typer.Option("--account", help="Only this account's.")] = None, output: FormatOption = None
) -> None:
    """All attempts, oldest first."""
    from control.services.show import list_payments as service

    with deployment().control() as control:
        rows = service(control, account_id=account_id)
    emit(rows, PAYMENT_COLUMNS, output)


def reconcile(
    gateway: Annotated[str | None, typer.Argument(metavar="[GATEWAY]", help="stripe or adyen; default: all that accounts name.")] = None,
    since: Annotated[
        datetime | None, typer.Option("--since", parser=parse_instant, metavar="TS", help=f"Default: {DEFAULT_DAYS} days ago.")
    ] = None,
    until: Annotated[datetime | None, typer.Option("--until", parser=parse_instant, metavar="TS", help="Default: now.")] = None,
    output: FormatOption = None,
) -> None:
    """Compare our payments with a gateway's list; mend what is safe, report the rest (exit code 1 where something is left)."""
    from control.services.reconcile import reconcile as service
    from control.services.show import gateways_in_use

    here = deployment()
    now = here.settings.now()
    with here.control() as control:
        names = [gateway] if gateway else gateways_in_use(control)
        start, end = since or now - timedelta(days=DEFAULT_DAYS), until or now
        found = [service(control, name, since=start, until=end, now=now) for name in names]
    left = [difference for one in found for difference in one.differences]
    emit([asdict(difference) for difference in left], DIFFERENCE_COLUMNS, output)
    for one in found:
        print(f"meterhouse: {one.gateway}: {one.payments_compared} payments, {one.refunds_compared} refunds compared", file=sys.stderr)
    unmended = [difference for difference in left if not difference.is_mended]
    if unmended:
        raise RefusedError(f"{len(unmended)} differences need a person: {unmended[0].gateway} {unmended[0].kind}: {unmended[0].message}")


def differences(output: FormatOption = None) -> None:
    """What reconciliations reported and nobody mended yet."""
    from control.services.differences import open_differences

    with deployment().control() as control:
        found = open_differences(control)
    emit([asdict(difference) for difference in found], DIFFERENCE_COLUMNS, output)


def refund(
    number: Annotated[str, typer.Argument(metavar="INVOICE", help="Number of an invoice that was charged.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; auditors ask for it.")],
    amount: Annotated[str | None, typer.Option("--amount", help="Tax included; default: all that is left.")] = None,
    actor: Actor = "operator",
    payee: Annotated[str, typer.Option("--payee", help="Who gets what came by bank; default: who paid it.")] = "",
    iban: Annotated[str, typer.Option("--iban", help="Their account; default: the one it came from.")] = "",
    output: FormatOption = None,
) -> None:
    """Give money back: refund at the gateway or a pay-out by bank, refund note, ledger. Each call is one more refund."""
    from control.domain.payouts import Payee, checked_iban
    from control.services.publish import publish
    from control.services.refund import refund_invoice
    from control.services.show import show_invoice

    here = deployment()
    with open_warehouse(here) as client, here.control() as control:
        invoice = show_invoice(control, number)
        money = None if amount is None else parse_money(amount, invoice.content.total.currency_code)
        to = Payee(name=payee, account=checked_iban(iban)) if iban else None
        made, saga = refund_invoice(control, number, amount=money, reason=reason, actor=actor, now=here.settings.now(), payee=to)
        note = show_note(control, made.note_id)
        publish(control, client, here.settings)
    row = asdict(made) | {
        "invoice_number": number,
        "refund_note_number": note,
        "currency_code": made.amount.currency_code,
        "amount": made.amount.amount,
        "message": made.message or saga.message,
    }
    emit([row], REFUND_COLUMNS, output)
    if made.status == "failed":
        raise RefusedError(f"nothing was given back: {made.message}")
    if made.status == "pending":
        print(f"meterhouse: {saga.message or 'not ended yet'}; `meterhouse work` goes on with it", file=sys.stderr)


def show_note(control: Any, note_id: str) -> str:  # noqa: ANN401 - Control, which is imported when a verb runs
    """The number of a refund note; empty where none is issued."""
    from control.services.show import number_of

    return number_of(control, note_id) if note_id else ""


def write_off(number: Annotated[str, typer.Argument(metavar="INVOICE")], output: FormatOption = None) -> None:
    """Give up what is open of an invoice: it becomes uncollectible, its rest bad debt."""
    from control.services.publish import publish
    from control.services.write_off import write_off as service

    here = deployment()
    with open_warehouse(here) as client, here.control() as control:
        invoice = service(control, number, now=here.settings.now())
        publish(control, client, here.settings)
    row = {
        "invoice_number": invoice.invoice_number,
        "account_id": invoice.content.account_id,
        "status": invoice.status,
        "currency_code": invoice.content.total.currency_code,
        "total_amount": invoice.content.total.amount,
        "paid_amount": invoice.paid.amount,
    }
    emit([row], INVOICE_COLUMNS, output)


def import_statement(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A bank statement: ISO 20022 camt.053.")], output: FormatOption = None
) -> None:
    """Take in a bank statement: each entry once, applied to the document it pays."""
    from control.services.bank import import_statement as service
    from control.services.publish import publish

    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None
    here = deployment()
    with open_warehouse(here) as client, here.control() as control:
        outcomes = service(control, data, now=here.settings.now())
        publish(control, client, here.settings)
    _show_receipts(outcomes, output)


def list_receipts(
    is_waiting: Annotated[bool, typer.Option("--waiting", help="Only those whose document nobody knows.")] = False,
    output: FormatOption = None,
) -> None:
    """Money that came in by bank."""
    from control.services.bank import list_receipts as service

    with deployment().control() as control:
        outcomes = service(control, is_waiting=is_waiting)
    _show_receipts(outcomes, output)


def assign(receipt_id: str, number: Annotated[str, typer.Argument(metavar="INVOICE")], output: FormatOption = None) -> None:
    """Say which invoice a receipt pays, where its payer did not."""
    from control.services.bank import assign as service
    from control.services.publish import publish

    here = deployment()
    with open_warehouse(here) as client, here.control() as control:
        outcome = service(control, receipt_id, number, now=here.settings.now())
        publish(control, client, here.settings)
    _show_receipts([outcome], output)


def work(output: FormatOption = None) -> None:
    """Go on with everything that waits: gateway events, payments, flows, receipts, account states, messages to others."""
    from control.services.work import Worked
    from control.services.work import work as service

    here = deployment()
    with here.control() as control:
        worked = service(control, now=here.settings.now())
    emit([asdict(worked)], [field.name for field in fields(Worked)], output)


def crash_test(
    schedules: Annotated[int, typer.Option("--schedules", min=1, help="How many schedules.")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Of the first; the others follow it.")] = 1,
    output: FormatOption = None,
) -> None:
    """Kill the control plane at every step of every flow, in memory and seeded random order, and check what is left.

    It touches nothing of this deployment. Exit code 1 where a schedule ended wrong; its seed plays it again.
    """
    from control.services.registry import steps
    from control.testing.crashes import run

    figures = run(schedules, seed, say=lambda text: print(f"meterhouse: {text}", file=sys.stderr))
    row = {
        "schedules": figures.schedules,
        "processes": figures.processes,
        "kills": figures.kills,
        "steps": len(steps()),
        "steps_never_killed": len(figures.steps_never_killed),
        "gateway_faults": figures.faults,
        "webhooks": figures.webhooks,
        "webhooks_repeated": figures.webhooks_repeated,
        "commands_refused": figures.commands_refused,
        "invoices_charged": figures.invoices_charged,
        "refunds": figures.refunds,
        "events_sent": figures.events_sent,
        "failures": len(figures.failures),
    }
    emit([row], CRASH_COLUMNS, output)
    if figures.failures:
        raise RefusedError(f"{len(figures.failures)} schedules ended wrong; {figures.failures[0]}")


def _show_receipts(outcomes: Sequence[ReceiptOutcome], output: Any) -> None:  # noqa: ANN401 - a FormatOption
    rows = [
        asdict(outcome) | {"currency_code": outcome.amount.currency_code, "amount": outcome.amount.amount, "result": str(outcome.result)}
        for outcome in outcomes
    ]
    emit(rows, RECEIPT_COLUMNS, output)
