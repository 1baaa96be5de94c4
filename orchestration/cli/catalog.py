"""`catalog apply`."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated

import typer

from orchestration.catalog import CatalogApplied, apply_folder
from orchestration.cli.arguments import deployment
from orchestration.cli.output import FormatOption, emit
from orchestration.session import open_warehouse


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Prices and all other reference data.", no_args_is_help=True)
    group.command("apply")(apply)
    app.add_typer(group, name="catalog")


def apply(folder: Annotated[Path, typer.Argument(metavar="DIR", help="The catalog folder.")], output: FormatOption = None) -> None:
    """Validate a catalog folder and load it, all or nothing. Repeating it changes nothing."""
    here = deployment()
    with here.alone("meterhouse catalog apply"), open_warehouse(here) as client, here.control() as control:
        applied = apply_folder(control, client, here.settings, folder)
    emit([asdict(applied)], [field.name for field in fields(CatalogApplied)], output)
