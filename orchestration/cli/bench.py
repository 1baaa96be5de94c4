"""`bench`. What is measured stands in benchmarks/."""
# ruff: noqa: PLC0415 - what a verb needs is imported when it runs: `meterhouse sql` must not wait for Dagster

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.arguments import deployment
from orchestration.cli.output import Format, FormatOption, emit
from warehouse.errors import RefusedError

if TYPE_CHECKING:
    from benchmarks.figures import Figure
    from benchmarks.statements import CommandRun

SLICE_EVENTS = 500_000
FULL_SLICE_EVENTS = 13_900_000
HISTORY_EVENTS = 100_000_000
DAY_EVENTS = 1_390_000
KAFKA_EVENTS = 8_000_000
HTTP_SECONDS = 60.0
FAULT_SEEDS = 50
FAULT_EVENTS = 1_200
IDENTITIES = [10_000_000, 100_000_000]

EventsOption = Annotated[
    int, typer.Option("--events", min=1000, help=f"Events of the slice; ten minutes of two billion a day are {FULL_SLICE_EVENTS:,}.")
]
HistoryOption = Annotated[int, typer.Option("--history", min=1000, help="Events of the thirty days before the slice.")]
AgainOption = Annotated[bool, typer.Option("--again", help="Make the history anew: the kept one was written by another version.")]
DetailsOption = Annotated[bool, typer.Option("--details", help="Also print each statement on stderr: seconds, rows and bytes read.")]
KeepOption = Annotated[bool, typer.Option("--keep", help="Leave the deployment of the benchmark until the next one.")]

bench = typer.Typer(help="The benchmarks: figures with their ratio to what bounds them, in one run.", invoke_without_command=True)


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.add_typer(bench, name="bench")


@bench.callback()
def default(context: typer.Context) -> None:
    """The benchmarks: figures with their ratio to what bounds them, in one run. Without a name: a small slice."""
    if context.invoked_subcommand is None:
        slice_(events=SLICE_EVENTS)


@bench.command("slice")
def slice_(
    *, events: EventsOption = FULL_SLICE_EVENTS, details: DetailsOption = False, keep: KeepOption = False, output: FormatOption = None
) -> None:
    """Files to drafts on an empty deployment, beside the three plain statements that bound it."""
    from benchmarks.run import bench_slice

    found = bench_slice(deployment().settings, events=events, keep=keep)
    _print(found.figures(), found.runs() if details else (), output)


@bench.command("history")
def history(
    *,
    events: EventsOption = FULL_SLICE_EVENTS,
    history: HistoryOption = HISTORY_EVENTS,
    again: AgainOption = False,
    details: DetailsOption = False,
    keep: KeepOption = False,
    output: FormatOption = None,
) -> None:
    """The same slice on an empty deployment and on thirty days of history; one late event on that history."""
    from benchmarks.flatness import bench_history

    found = bench_history(deployment().settings, events=events, history=history, tell=_tell, again=again, keep=keep)
    _print(found.figures(), found.runs() if details else (), output)


@bench.command("late")
def late(
    *,
    events: EventsOption = FULL_SLICE_EVENTS,
    history: HistoryOption = HISTORY_EVENTS,
    again: AgainOption = False,
    details: DetailsOption = False,
    keep: KeepOption = False,
    output: FormatOption = None,
) -> None:
    """One event twenty days old on thirty days of history, beside an empty tick. No slice is loaded; its size sets that of the cloud."""
    from benchmarks.flatness import bench_late

    found = bench_late(deployment().settings, events=events, history=history, tell=_tell, again=again, keep=keep)
    _print(found.figures(), found.runs() if details else (), output)


@bench.command("day")
def day(
    *,
    events: Annotated[int, typer.Option("--events", min=1000, help="Events of each hour.")] = DAY_EVENTS,
    hours: Annotated[int, typer.Option("--hours", min=7, max=24, help="Hours of the day, from midnight on.")] = 24,
    details: DetailsOption = False,
    keep: KeepOption = False,
    output: FormatOption = None,
) -> None:
    """A tick an hour over a day: the last ones beside the first ones."""
    from benchmarks.day import bench_day

    found = bench_day(deployment().settings, events=events, hours=hours, tell=_tell, keep=keep)
    _print(found.figures(), found.runs() if details else (), output)


@bench.command("identity")
def identity(
    *,
    identities: Annotated[
        list[int],
        typer.Option("--identities", min=1000, help="Stored before the batch; repeat it for several sizes. 1 G fits, and takes long."),
    ] = IDENTITIES,
    output: FormatOption = None,
) -> None:
    """Which lines of a minute's batch repeat an identity, against ten and a hundred million stored ones."""
    from benchmarks.identity import bench_identity, figures

    _print(figures(bench_identity(deployment().settings, sizes=identities, tell=_tell)), (), output)


@bench.command("reads")
def reads(
    *,
    page: Annotated[bool, typer.Option("--page", help="Ask for the whole cost page, not only the account's cost by SKU.")] = False,
    events: EventsOption = FULL_SLICE_EVENTS,
    history: HistoryOption = HISTORY_EVENTS,
    again: AgainOption = False,
    keep: KeepOption = False,
    output: FormatOption = None,
) -> None:
    """Month-to-date cost of one account, asked fifty times a second on history while a slice is loaded and billed."""
    from benchmarks.reads import bench_reads, figures

    here = deployment().settings
    found = bench_reads(here, events=events, history=history, question="page" if page else "account", tell=_tell, again=again, keep=keep)
    _print(figures(found), (), output)


@bench.command("kafka")
def kafka(
    *,
    events: Annotated[int, typer.Option("--events", min=1000, help="Messages, one event each.")] = KAFKA_EVENTS,
    output: FormatOption = None,
) -> None:
    """Kafka to raw, beside the same lines from a file. Without METERHOUSE_KAFKA_BROKERS: from a broker in memory."""
    from benchmarks.kafka_rate import bench_kafka, figures

    _print(figures(bench_kafka(deployment().settings, events=events)), (), output)


@bench.command("http")
def http(
    *,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="How long producers send.")] = HTTP_SECONDS,
    output: FormatOption = None,
) -> None:
    """Events through the HTTP door to raw, beside the same lines from a file."""
    from benchmarks.http_rate import bench_http, figures

    _print(figures(bench_http(deployment().settings, seconds=seconds)), (), output)


@bench.command("faults")
def faults(
    *,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="How many schedules.")] = FAULT_SEEDS,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the first; the others follow it.")] = 1,
    events: Annotated[int, typer.Option("--events", min=600, help="Lines of each deployment.")] = FAULT_EVENTS,
    output: FormatOption = None,
) -> None:
    """Kill commands, warehouse, checks and Dagster runs at seeded moments of a tick, and compare with an undisturbed run.

    It touches nothing of this deployment. Exit code 1 where a schedule ended wrong; its seed plays it again.
    """
    from benchmarks.faults import FAULT_COLUMNS, bench_faults

    found = bench_faults(seeds=seeds, seed=seed, events=events, tell=_tell)
    emit(found.rows(), FAULT_COLUMNS, output)
    if found.failures:
        raise RefusedError(f"{len(found.failures)} schedules ended wrong; {found.failures[0]}")


@bench.command("api")
def api(*, keep: KeepOption = False, output: FormatOption = None) -> None:
    """Month-to-date breakdowns of one account over HTTP, through the public API, with twenty thousand accounts in the warehouse."""
    from benchmarks.api_reads import bench_api

    _print(bench_api(deployment().settings, tell=_tell, keep=keep).figures(), (), output)


@bench.command("peers")
def peers(*, events: EventsOption = SLICE_EVENTS, output: FormatOption = None) -> None:
    """The same files through DuckDB, dlt with plain dbt, and CloudKitty's rating, each installed into a venv of its own."""
    from benchmarks.peer_runs import bench_peers, figures

    _print(figures(*bench_peers(deployment().settings, events=events, tell=_tell)), (), output)


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _print(figures: Iterable[Figure], runs: Iterable[CommandRun], output: Format | None) -> None:
    from benchmarks.figures import FIGURE_COLUMNS
    from benchmarks.statements import DETAIL_COLUMNS, details

    emit([figure.row() for figure in figures], FIGURE_COLUMNS, output)
    statements = details(runs)
    if statements:
        emit(statements, DETAIL_COLUMNS, Format.TABLE, out=sys.stderr)
