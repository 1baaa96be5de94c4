"""`ledger balance|export`."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for Dagster

from __future__ import annotations

import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.arguments import deployment, parse_instant
from orchestration.cli.output import FormatOption, emit
from warehouse.errors import InputError

if TYPE_CHECKING:
    from control.domain.ledger import Balance

BALANCE_COLUMNS = ("currency_code", "ledger_account", "detail", "debit_amount", "credit_amount", "balance_amount")


class Journal(StrEnum):
    """Forms of an exported journal."""

    CSV = "csv"
    BEANCOUNT = "beancount"


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Double entry: trial balance and journals.", no_args_is_help=True)
    group.command("balance")(balance)
    group.command("export")(export)
    app.add_typer(group, name="ledger")


def balance(
    until: Annotated[datetime | None, typer.Option("--until", parser=parse_instant, metavar="TS", help="Exclusive; default: all.")] = None,
    output: FormatOption = None,
) -> None:
    """The trial balance: debits and credits of every account, equal in each currency."""
    from control.services.ledger import read_trial_balance

    with deployment().control() as control:
        lines = read_trial_balance(control, until=until)
    emit([balance_row(line) for line in lines], BALANCE_COLUMNS, output)


def export(
    out: Annotated[Path | None, typer.Option("--out", help="File to write; default: standard output.")] = None,
    form: Annotated[Journal, typer.Option("--as", help="csv, or beancount for Beancount and Fava.")] = Journal.CSV,
    since: Annotated[datetime | None, typer.Option("--since", parser=parse_instant, metavar="TS", help="Default: all.")] = None,
    until: Annotated[datetime | None, typer.Option("--until", parser=parse_instant, metavar="TS", help="Exclusive; default: all.")] = None,
) -> None:
    """The journal, for an accounting system."""
    from control.domain.journals import to_beancount, to_csv
    from control.services.ledger import read_journal

    with deployment().control() as control:
        entries = read_journal(control, since=since, until=until)
    text = to_csv(entries) if form is Journal.CSV else to_beancount(entries)
    if out is None:
        sys.stdout.write(text)
        return
    try:
        out.write_text(text)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from None


def balance_row(line: Balance) -> dict[str, Any]:
    """One line of the trial balance."""
    return {
        "currency_code": line.currency_code,
        "ledger_account": line.ledger_account,
        "detail": line.detail,
        "debit_amount": line.debit.amount,
        "credit_amount": line.credit.amount,
        "balance_amount": line.balance.amount,
    }
