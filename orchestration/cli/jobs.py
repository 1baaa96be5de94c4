"""`job list|run`."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for Dagster

from __future__ import annotations

import sys
from typing import Annotated

import typer

from orchestration.cli.arguments import deployment
from orchestration.cli.output import FormatOption, emit
from orchestration.session import open_warehouse
from warehouse.errors import InputError, RefusedError

JOB_COLUMNS = ("name", "schedule", "description")


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="What Dagster runs on a schedule, by hand.", no_args_is_help=True)
    group.command("list")(list_jobs)
    group.command("run")(run)
    app.add_typer(group, name="job")


def list_jobs(output: FormatOption = None) -> None:
    """The jobs, and when Dagster runs them where METERHOUSE_SCHEDULES is on (cron, UTC)."""
    from orchestration.jobs import JOBS

    emit([{"name": job.name, "schedule": job.cron, "description": job.description} for job in JOBS], JOB_COLUMNS, output)


def run(name: Annotated[str, typer.Argument(metavar="NAME", help="As `job list` shows it.")], output: FormatOption = None) -> None:
    """Run one now and print what it found; its figures go to stderr. Exit code 1 where something needs a person."""
    from orchestration.jobs import JOBS
    from orchestration.jobs.job import execute

    found = next((job for job in JOBS if job.name == name), None)
    if found is None:
        raise InputError(f"there is no job {name!r}; there are {', '.join(job.name for job in JOBS)}")
    here = deployment()
    with open_warehouse(here):
        report = execute(found, here)
    columns = list(dict.fromkeys(column for row in report.findings for column in row)) or ["finding"]
    emit([{column: row.get(column, "") for column in columns} for row in report.findings], columns, output)
    print(f"meterhouse: {name}: {', '.join(f'{key} {value}' for key, value in report.figures.items())}", file=sys.stderr)
    if report.problem:
        raise RefusedError(report.problem)
