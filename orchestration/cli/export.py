"""`export focus`: a month's costs as files that other tools read."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for pyarrow

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.arguments import Period, deployment
from orchestration.cli.output import FormatOption, emit
from orchestration.session import open_warehouse

COLUMNS = ("file", "format", "rows", "bytes", "sha256")


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Costs as files for other tools.", no_args_is_help=True)
    # A group of one verb would be taken for the verb itself.
    group.callback()(lambda: None)
    group.command("focus")(focus)
    app.add_typer(group, name="export")


def focus(
    period: Period,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder; files that an export wrote there are replaced.")],
    output: FormatOption = None,
) -> None:
    """Write a month's costs after FOCUS 1.2: CSV, Parquet and a manifest. Refused where they do not add up to the documents."""
    from orchestration.focus import export

    here = deployment()
    seller_name = here.control_settings.seller.legal_name
    with here.alone("meterhouse export focus"), open_warehouse(here) as client:
        written = export(client, here.settings, period, out, seller_name=seller_name)
    emit([asdict(file) for file in written], COLUMNS, output)
    if not seller_name:
        print("meterhouse: warning: METERHOUSE_SELLER_LEGAL_NAME is not set; drafts do not name who issues them", file=sys.stderr)
