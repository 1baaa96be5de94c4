"""`demo`."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for Dagster

from __future__ import annotations

import sys
import time

import typer

from orchestration.cli.arguments import deployment
from orchestration.cli.ledger import BALANCE_COLUMNS, balance_row
from orchestration.cli.output import FormatOption, emit, table

SHOWN_COLUMNS = (
    "invoice_number", "account_id", "period", "status", "currency_code", "subtotal_amount", "credit_amount", "tax_amount",
    "total_amount", "paid_amount",
)  # fmt: skip
NEXT = """
Look around:
  meterhouse up                          warehouse, Dagster and dashboards; prints their URLs
  meterhouse invoice show NUMBER         one invoice with its lines
  meterhouse explain NUMBER              the same down to hours, prices and event ids
  meterhouse payment list                every attempt to settle one, and how it ended
  meterhouse ledger export --as beancount    the journal, for an accounting system
  meterhouse sql "SELECT account_id, sum(amount_unrounded) FROM rating.charges_daily GROUP BY account_id"
  meterhouse connect                     how to connect a SQL tool, once the warehouse is up"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("demo")(demo)


def demo(output: FormatOption = None) -> None:
    """The whole story on generated input: events to paid invoices, in this home."""
    from orchestration.demo import demo as tell

    started = time.monotonic()
    told = tell(deployment(), lambda sentence: _say(f"{time.monotonic() - started:5.1f} s  {sentence}"))
    emit(told.invoices, SHOWN_COLUMNS, output)
    for title, rows, columns in (
        ("Lines that were rejected, kept in ops.rejected_events:", told.rejected, ("reason_code", "line_count")),
        ("Usage without a price, kept in rating.unrated_consumption:", told.unrated, ("reason_code", "metric", "row_count")),
    ):
        _say(f"\n{title}")
        _say("\n".join(table(rows, columns)))
    _say("\nTrial balance:")
    _say("\n".join(table([balance_row(line) for line in told.trial_balance], BALANCE_COLUMNS)))
    _say(NEXT)


def _say(text: str) -> None:
    """Progress and hints are for the person who watches; stdout is for data."""
    print(text, file=sys.stderr, flush=True)
