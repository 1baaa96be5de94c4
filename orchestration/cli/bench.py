"""`bench`. What is measured stands in benchmarks/."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for Dagster

from __future__ import annotations

import sys
from typing import Annotated

import typer

from orchestration.cli.arguments import deployment
from orchestration.cli.output import FormatOption, emit

COLUMNS = ("step", "seconds", "events_per_second", "ratio_to_limit")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("bench")(bench)


def bench(
    events: Annotated[
        int, typer.Option("--events", min=1000, help="Events of the slice; ten minutes of two billion a day are 13.9 million.")
    ] = 500_000,
    output: FormatOption = None,
) -> None:
    """The slice, files to drafts, on an empty deployment of its own, beside the plain statements that bound it."""
    from benchmarks.run import bench_slice

    here = deployment()
    figures = bench_slice(here.settings, here.control_settings, events=events)
    emit(figures.rows(), COLUMNS, output)
    print(
        f"{figures.events:,} events, {figures.files_bytes / 1e6:.0f} MB of files, peak memory {figures.peak_bytes / 2**30:.2f} GiB",
        file=sys.stderr,
    )
