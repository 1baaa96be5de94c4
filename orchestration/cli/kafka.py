"""`kafka positions|restart`: the ledger of offsets, and a person's word that a topic was made anew."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for the client library

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.cli.arguments import deployment
from orchestration.cli.output import FormatOption, emit
from orchestration.session import open_warehouse

POSITION_COLUMNS = ("cluster_id", "topic", "partition", "epoch", "next_offset", "missing_count", "lost_count")


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    group = typer.Typer(help="Topics that events are read from.", no_args_is_help=True)
    group.command("positions")(positions)
    group.command("restart")(restart)
    app.add_typer(group, name="kafka")


def positions(output: FormatOption = None) -> None:
    """Where reading goes on, by partition; offsets without a message, and those the broker lost before they were read."""
    from ingestion.sources.kafka.ledger import summary

    here = deployment()
    with open_warehouse(here) as client:
        rows = summary(client, here.settings)
    emit([dict(zip(POSITION_COLUMNS, row, strict=True)) for row in rows], POSITION_COLUMNS, output)


def restart(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="That was deleted and created again.")],
    output: FormatOption = None,
) -> None:
    """Read a topic from its beginning, because it is a new one of the same name. Events that come again count once."""
    from ingestion.sources.kafka.load import restart as begin_anew

    here = deployment()
    with here.alone("meterhouse kafka restart"), open_warehouse(here) as client:
        epoch = begin_anew(client, here.settings, topic)
    emit([{"topic": topic, "epoch": epoch}], ("topic", "epoch"), output)
