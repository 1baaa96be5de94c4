"""`up`, `down`, `status`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields

import typer

from orchestration import processes
from orchestration.cli.arguments import deployment
from orchestration.cli.output import Format, FormatOption, emit
from orchestration.processes import ServiceState
from orchestration.session import open_warehouse


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("up")(up)
    app.command("down")(down)
    app.command("status")(status)


def up(output: FormatOption = None) -> None:
    """Start warehouse, Dagster, dashboards and API; what runs already is left alone."""
    with open_warehouse(deployment()):  # so that dashboards find their tables
        states = processes.up(deployment().settings)
    _show(states, output)


def down(output: FormatOption = None) -> None:
    """Stop everything that `up` and `warehouse start` have started."""
    _show(processes.down(deployment().settings), output)


def status(output: FormatOption = None) -> None:
    """What runs, and where."""
    _show(processes.status(deployment().settings), output)


def _show(states: Sequence[ServiceState], output: Format | None) -> None:
    emit([asdict(state) for state in states], [field.name for field in fields(ServiceState)], output)
