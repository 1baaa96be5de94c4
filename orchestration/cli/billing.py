"""`run`, `rebuild`, `preflight`, `close`, `push`, `invoice list|show` (pdf and xml are in documents.py), `explain`."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for Dagster

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration import invoices
from orchestration.cli import documents
from orchestration.cli.arguments import AsOf, OptionalPeriod, Period, deployment, parse_instant
from orchestration.cli.output import Format, FormatOption, default_format, emit, table
from orchestration.quality.gate import open_gate
from orchestration.session import open_warehouse
from warehouse.errors import InputError, RefusedError

if TYPE_CHECKING:
    from control.domain.payments import PushOutcome
    from orchestration.pipeline import RebuildRange
    from orchestration.report import RunReport

RUN_COLUMNS = (
    "tick_id", "as_of", "previous_as_of", "catalog_version", "files_loaded", "rows_read", "rows_accepted", "rows_rejected",
    "check_count", "warning_count", "seconds",
)  # fmt: skip
PREFLIGHT_COLUMNS = ("period", "weight", "check", "count", "message")
PUSH_COLUMNS = (
    "invoice_id",
    "invoice_number",
    "account_id",
    "kind",
    "gateway",
    "currency_code",
    "amount",
    "result",
    "reason_code",
    "message",
)


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("run")(run)
    app.command("rebuild")(rebuild)
    app.command("preflight")(preflight)
    app.command("close")(close)
    app.command("push")(push)
    group = typer.Typer(help="Documents, drafts included.", no_args_is_help=True)
    group.command("list")(list_invoices)
    group.command("show")(show)
    documents.add_to(group)
    app.add_typer(group, name="invoice")
    app.command("explain")(explain)


def run(as_of: AsOf = None, output: FormatOption = None) -> None:
    """One tick: landing zone, models, checks. Repeating it without new input changes nothing."""
    _tick("meterhouse run", as_of=as_of, rebuild=None, output=output)


def rebuild(
    start: Annotated[
        datetime | None, typer.Option("--from", parser=parse_instant, metavar="TS", help="First instant; default: all.")
    ] = None,
    end: Annotated[datetime | None, typer.Option("--to", parser=parse_instant, metavar="TS", help="End, exclusive; default: all.")] = None,
    is_comparison: Annotated[
        bool, typer.Option("--compare", help="Rebuild a copy, compare, print the first difference of each table; changes nothing.")
    ] = False,
    output: FormatOption = None,
) -> None:
    """Recompute from raw. It yields the tables that the incremental runs made, to the last digit."""
    if start and end and start >= end:
        raise typer.BadParameter("--from must be before --to")
    if is_comparison:
        _compare(output)
        return
    from orchestration.pipeline import RebuildRange

    _tick("meterhouse rebuild", as_of=None, rebuild=RebuildRange(start=start, end=end), output=output)


def _compare(output: Format | None) -> None:
    from orchestration.comparison import Comparison, compare

    here = deployment()
    with here.alone("meterhouse rebuild --compare"), open_warehouse(here) as client:
        found = compare(client, here.settings, seller_country=here.control_settings.seller.country_code)
    emit([asdict(comparison) for comparison in found], [field.name for field in fields(Comparison)], output)
    differing = [comparison.table for comparison in found if comparison.first_difference]
    if differing:
        raise RefusedError(f"{', '.join(differing)} differ from a rebuild; `meterhouse rebuild` makes them equal")


def preflight(period: OptionalPeriod = None, output: FormatOption = None) -> None:
    """What would stop the close of a month (default: the earliest open one), and what to know first. Changes nothing.

    It looks at the drafts of the last tick; the checks of the data run as well. Exit code 1 where something blocks.
    """
    from control.services import preflight as service

    here = deployment()
    with open_gate(here.settings) as gate, open_warehouse(here) as client, here.control() as control:
        as_of = service.last_as_of(client, here.settings)
        if as_of is None:
            raise RefusedError("no tick has run yet, so there are no drafts to look at; run `meterhouse run`")
        month = period or service.next_to_close(control, client, here.settings, as_of=as_of)
        if month is None:
            print("meterhouse: every month that is over is closed, or has no drafts", file=sys.stderr)
            emit([], PREFLIGHT_COLUMNS, output)
            return
        found = service.preflight(control, client, here.settings, month, as_of=as_of, now=here.settings.now())
        checks = [check for check in gate.look(here.settings, scope="all") if not check.is_passed]
    rows = [asdict(finding) for finding in found]
    known = {finding.check for finding in found}
    for check in checks:
        if check.name in known:
            continue
        weight = service.Weight.BLOCKS if check.is_blocking else service.Weight.WARNS
        rows.append({"period": month, "check": check.name, "weight": weight, "count": 1, "message": check.figures})
    rows.sort(key=lambda row: list(service.Weight).index(row["weight"]))
    emit(rows, PREFLIGHT_COLUMNS, output)
    blocking = [row for row in rows if row["weight"] is service.Weight.BLOCKS]
    if blocking:
        raise RefusedError(f"{month} cannot be closed: {blocking[0]['check']}: {blocking[0]['message']}")


def close(period: Period, as_of: AsOf = None, output: FormatOption = None) -> None:
    """Bring the pipeline to its as-of, check everything and issue the invoices of a month. Repeating it changes nothing."""
    invoices.refuse_unfinished(period, as_of)
    here = deployment()
    with (
        open_gate(here.settings) as gate,
        here.alone("meterhouse close"),
        open_warehouse(here, meanwhile=_import_pipeline) as client,
    ):
        from orchestration.pipeline import close_month

        report = close_month(here, gate, period, as_of=as_of)
        _warn(report)
        emit(invoices.find(client, here.settings, period=period, is_issued=True), invoices.COLUMNS, output)


def push(period: OptionalPeriod = None, output: FormatOption = None) -> None:
    """Send issued, unpaid documents to each account's gateway. Repeating it never charges twice."""
    from orchestration.billing import push_documents

    here = deployment()
    with open_warehouse(here) as client, here.control() as control:
        outcomes = push_documents(control, client, here.settings, period)
    emit([push_row(outcome) for outcome in outcomes], PUSH_COLUMNS, output)
    _raise_if_unsettled(outcomes)


def list_invoices(period: OptionalPeriod = None, output: FormatOption = None) -> None:
    """All documents of a month or of all months; drafts have no number."""
    here = deployment()
    with open_warehouse(here) as client:
        emit(invoices.find(client, here.settings, period=period), invoices.COLUMNS, output)


def show(
    document: Annotated[str, typer.Argument(metavar="NUMBER", help="An invoice number, or the invoice_id of a draft.")],
    output: FormatOption = None,
) -> None:
    """One document with its lines."""
    here = deployment()
    with open_warehouse(here) as client:
        invoice = invoices.get(client, here.settings, document)
        lines = invoices.lines(client, here.settings, invoice["invoice_id"])
    match output or default_format(sys.stdout):
        case Format.JSON:
            emit([{**invoice, "lines": lines}], (*invoices.COLUMNS, "lines"), Format.JSON)
        case Format.TSV:
            emit(lines, invoices.LINE_COLUMNS, Format.TSV)
        case Format.TABLE:
            heads = [{"field": name, "value": invoice[name]} for name in invoices.COLUMNS if invoice[name] not in ("", None)]
            sys.stdout.write("\n".join([*table(heads, ("field", "value"))[2:], "", *table(lines, invoices.SHOWN_LINE_COLUMNS), ""]))


def explain(
    document: Annotated[str, typer.Argument(metavar="NUMBER", help="An invoice number, or an invoice_id.")],
    sku: Annotated[str | None, typer.Option("--sku", metavar="SKU", help="Only this SKU.")] = None,
    output: FormatOption = None,
) -> None:
    """An invoice down to its hours, resources, prices and event ids."""
    from orchestration.explain import explain as evidence

    here = deployment()
    with open_warehouse(here) as client:
        columns, rows = evidence(client, here.settings, document, sku_id=sku)
    emit([dict(zip(columns, row, strict=True)) for row in rows], columns, output)


def push_row(outcome: PushOutcome) -> dict[str, Any]:
    """One document of a push."""
    return {
        "invoice_id": outcome.invoice_id,
        "invoice_number": outcome.invoice_number,
        "account_id": outcome.account_id,
        "kind": outcome.kind,
        "gateway": outcome.gateway,
        "currency_code": outcome.amount.currency_code,
        "amount": outcome.amount.amount,
        "result": str(outcome.result),
        "reason_code": outcome.reason_code,
        "message": outcome.message,
    }


def run_row(report: RunReport, *, seconds: float) -> dict[str, Any]:
    """One tick."""
    if report.tick is None:
        raise ValueError("a run that ended well has opened a tick")
    return {
        "tick_id": report.tick.tick_id,
        "as_of": report.tick.as_of,
        "previous_as_of": report.tick.previous_as_of,
        "catalog_version": report.tick.catalog_version,
        "files_loaded": len(report.loads),
        "rows_read": sum(load.rows_read for load in report.loads),
        "rows_accepted": sum(load.accepted for load in report.loads),
        "rows_rejected": sum(load.rejected for load in report.loads),
        "check_count": len(report.checks),
        "warning_count": len(report.warnings),
        "seconds": round(seconds, 1),
    }


def _tick(holder: str, *, as_of: datetime | None, rebuild: RebuildRange | None, output: Format | None) -> None:
    here = deployment()
    started = time.monotonic()
    with open_gate(here.settings) as gate, here.alone(holder), open_warehouse(here, meanwhile=_import_pipeline):
        from orchestration.pipeline import run_tick

        report = run_tick(here, gate, as_of=as_of, rebuild=rebuild)
    emit([run_row(report, seconds=time.monotonic() - started)], RUN_COLUMNS, output)
    _warn(report)
    if report.unreadable:
        raise InputError("; ".join(report.unreadable))


def _import_pipeline() -> None:
    """Dagster and dbt take longer to import than the warehouse takes to start."""
    import_module("orchestration.pipeline")


def _warn(report: RunReport) -> None:
    for check in report.warnings:
        print(f"meterhouse: warning: {check.name}: {check.figures}", file=sys.stderr)


def _raise_if_unsettled(outcomes: Sequence[PushOutcome]) -> None:
    """A push that could not use a gateway has failed, whoever scripts it must know: it lacks a setting, or did not answer."""
    unusable = [outcome for outcome in outcomes if outcome.result == "refused" and outcome.reason_code == "gateway"]
    if unusable:
        raise RefusedError(f"{len(unusable)} documents were not sent, {unusable[0].invoice_number} first: {unusable[0].message}")
    left = [outcome.invoice_number for outcome in outcomes if outcome.result == "unavailable"]
    if left:
        raise RefusedError(f"{len(left)} documents wait for their gateway, {left[0]} first; push again")
