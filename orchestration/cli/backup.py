"""`backup`, `restore`."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated

import typer

from orchestration.backup import Archived, back_up
from orchestration.backup import restore as bring_back
from orchestration.cli.arguments import deployment
from orchestration.cli.output import FormatOption, emit

File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup, one zip file.")]
_COLUMNS = [field.name for field in fields(Archived)]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(file: File, output: FormatOption = None) -> None:
    """Write warehouse and control store to one file, of one moment. Passwords are not in it."""
    emit([asdict(back_up(deployment(), file))], _COLUMNS, output)


def restore(file: File, output: FormatOption = None) -> None:
    """Bring an empty home to the state of a backup."""
    emit([asdict(bring_back(deployment(), file))], _COLUMNS, output)
