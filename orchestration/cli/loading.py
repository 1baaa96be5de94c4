"""`ingest` and `generate`."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for Dagster

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.arguments import deployment
from orchestration.cli.output import FormatOption, emit
from orchestration.session import open_warehouse

if TYPE_CHECKING:
    from ingestion.loader import LoadResult

# Names of ops.batches, which a line stands for.
LOAD_COLUMNS = (
    "location", "batch_id", "rows_read", "rows_accepted", "rows_duplicate", "rows_conflict", "rows_rejected", "already_loaded",
)  # fmt: skip
GENERATED_COLUMNS = ("events", "catalog", "files", "lines", "accepted", "duplicates", "conflicts", "rejected", "unrated")


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("ingest")(ingest)
    app.command("generate")(generate)


def ingest(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Event files (.jsonl, .jsonl.gz, .jsonl.zst, .parquet) or folders.")
    ],
    output: FormatOption = None,
) -> None:
    """Load event files in sorted path order. A file that was loaded before changes nothing."""
    from orchestration.loading import load_paths

    here = deployment()
    rows: list[dict[str, Any]] = []
    with here.alone("meterhouse ingest"), open_warehouse(here) as client:
        try:
            for result in load_paths(client, here.settings, paths):
                rows.append(load_row(result))
        except BaseException:
            if rows:  # what was loaded before a bad file stays loaded
                emit(rows, LOAD_COLUMNS, output)
            raise
        emit(rows, LOAD_COLUMNS, output)


def load_row(result: LoadResult) -> dict[str, Any]:
    """One loaded file under the names of ops.batches."""
    return {
        "location": result.location,
        "batch_id": result.batch_id,
        "rows_read": result.rows_read,
        "rows_accepted": result.accepted,
        "rows_duplicate": result.duplicates,
        "rows_conflict": result.conflicts,
        "rows_rejected": result.rejected,
        "already_loaded": result.already_loaded,
    }


def generate(
    events: Annotated[int, typer.Option(help="Lines to write.", min=1)],
    seed: Annotated[int, typer.Option(help="The same seed gives the same lines.", min=0)],
    accounts: Annotated[int, typer.Option(help="Customers.", min=1)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Gets the folders events/ and catalog/.")],
    output: FormatOption = None,
) -> None:
    """Write deterministic event files of a month of a cloud, and the catalog that prices them."""
    from ingestion import synthetic

    generated = synthetic.generate(events=events, seed=seed, accounts=accounts, out=out)
    row = {name: getattr(generated, name) for name in GENERATED_COLUMNS} | {"files": len(generated.files)}
    emit([row], GENERATED_COLUMNS, output)
