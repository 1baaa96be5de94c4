"""`catalog apply` and `catalog diff`."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for dbt

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.arguments import deployment
from orchestration.cli.output import FormatOption, emit
from orchestration.session import open_warehouse

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The catalog folder.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Prices and all other reference data.", no_args_is_help=True)
    group.command("apply")(apply)
    group.command("diff")(diff)
    app.add_typer(group, name="catalog")


def apply(
    folder: Folder,
    restate: Annotated[bool, typer.Option("--restate", help="Also where it alters issued months; notes will correct them.")] = False,
    output: FormatOption = None,
) -> None:
    """Validate a catalog folder and load it, all or nothing. Repeating it changes nothing."""
    from orchestration.catalog import CatalogApplied, apply_folder

    here = deployment()
    with here.alone("meterhouse catalog apply"), open_warehouse(here) as client, here.control() as control:
        applied = apply_folder(control, client, here.settings, folder, may_restate=restate)
    emit([asdict(applied)], [field.name for field in fields(CatalogApplied)], output)


def diff(folder: Folder, output: FormatOption = None) -> None:
    """What applying a folder would change, in money: per account, month and SKU, in drafts and issued months."""
    from orchestration.catalog import diff_folder
    from orchestration.preview import Change

    here = deployment()
    with here.alone("meterhouse catalog diff"), open_warehouse(here) as client, here.control() as control:
        changes = diff_folder(control, client, here.settings, folder)
    emit([asdict(change) for change in changes], [field.name for field in fields(Change)], output)
