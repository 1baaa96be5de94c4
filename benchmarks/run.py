"""The slice through the product, files → raw → drafts, beside the limit on the same files in the same run.

What is measured is `meterhouse ingest` and `meterhouse run`, each as the process that a user starts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from benchmarks.figures import BenchmarkError, Figure, gibibytes
from benchmarks.ground import Ground, ground
from benchmarks.limit import Limit, measure_limit
from benchmarks.memory import PeakMemory
from benchmarks.slice import Slice, provide_slice
from benchmarks.statements import CommandRun
from ingestion.synthetic import Generated
from orchestration.session import open_warehouse
from warehouse.settings import Settings


@dataclass(frozen=True, kw_only=True)
class SliceRun:
    """A slice that was loaded and billed, its counts and drafts checked."""

    events: int
    load: CommandRun  # files → raw
    tick: CommandRun  # raw → drafts
    peak_bytes: int  # of both, all processes

    @property
    def seconds(self) -> float:
        """Files → drafts."""
        return self.load.seconds + self.tick.seconds


@dataclass(frozen=True, kw_only=True)
class SliceFigures:
    """One slice on an empty deployment, and what bounds it."""

    files_bytes: int  # compressed
    first_tick: CommandRun  # without input, of a new home: parses the project, makes tables and views
    run: SliceRun
    empty_tick: CommandRun  # without new input, after the slice
    limit: Limit

    def figures(self) -> list[Figure]:
        """The table."""
        limit, run = self.limit, self.run
        return [
            Figure(name="files to raw", value=run.load.seconds, beside=limit.insert_seconds, beside_name="limit: insert"),
            Figure(
                name="raw to drafts",
                value=run.tick.seconds,
                beside=limit.group_seconds + limit.rate_seconds,
                beside_name="limit: group and rate",
            ),
            Figure(name="files to drafts", value=run.seconds, beside=limit.seconds, beside_name="limit"),
            Figure(name="limit: insert", value=limit.insert_seconds),
            Figure(name="limit: group", value=limit.group_seconds),
            Figure(name="limit: rate", value=limit.rate_seconds),
            Figure(name="limit", value=limit.seconds),
            Figure(name="empty tick", value=self.empty_tick.seconds),
            Figure(name="first tick of a new home", value=self.first_tick.seconds),
            Figure(name="events", value=run.events, unit="events"),
            Figure(name="rate, files to drafts", value=run.events / run.seconds, unit="events/s"),
            Figure(name="compressed files", value=self.files_bytes / 1e6, unit="MB"),
            Figure(name="peak memory of the slice", value=gibibytes(run.peak_bytes), unit="GiB"),
            Figure(name="peak memory of the limit", value=gibibytes(limit.peak_bytes), unit="GiB"),
        ]

    def runs(self) -> list[CommandRun]:
        """The commands, for their statements."""
        return [self.run.load, self.run.tick, self.empty_tick]


def bench_slice(settings: Settings, *, events: int = Slice.events, keep: bool = False) -> SliceFigures:
    """Measure a slice of so many events on an empty deployment of its own.

    The input is written first, and kept for the next call of the same size.

    Args:
        settings: of the user.
        events: lines of the slice.
        keep: leave the deployment until the next benchmark.

    Raises:
        BenchmarkError: a count of the load, or the drafts, are not what the input must give.
        MeterhouseError: a step failed.
    """
    written = written_slice(settings, Slice.scaled(events))
    with ground(settings, keep=keep) as here, open_warehouse(here.deployment):
        here.apply_catalog(written.catalog)
        first_tick = here.command("run", name="first tick")
        run = run_slice(here, written)
        empty_tick = here.command("run", name="empty tick")
        limit = measure_limit(here.settings, written.files, written.catalog, pids=here.server)
    return SliceFigures(
        files_bytes=sum(path.stat().st_size for path in written.files), first_tick=first_tick, run=run, empty_tick=empty_tick, limit=limit
    )


def written_slice(settings: Settings, shape: Slice) -> Generated:
    """The files and the catalog of a slice, written now or by an earlier call."""
    return provide_slice(shape, settings.home / "bench-input" / f"slice-{shape.events}")


def run_slice(here: Ground, written: Generated) -> SliceRun:
    """Load and bill a slice, and check what came of it.

    Raises:
        BenchmarkError: a count of the load, or the drafts, are not what the input must give.
    """
    before = here.value("SELECT max(batch_seq) FROM {ops}.batches")
    with PeakMemory(*here.server) as memory:
        load = here.command("ingest", str(written.events), "--format", "json")
        tick = here.command("run")
    _check_load(here, load, written, batches_before=before)
    _check_drafts(here)
    return SliceRun(events=written.lines, load=load, tick=tick, peak_bytes=memory.peak_bytes)


def _check_load(here: Ground, load: CommandRun, written: Generated, *, batches_before: int) -> None:
    """The lines are in the buckets that they were written for, as the command says and as the ledger says."""
    files = json.loads(load.output)
    said = [
        sum(int(file[name]) for file in files)
        for name in ("rows_read", "rows_accepted", "rows_duplicate", "rows_conflict", "rows_rejected")
    ]
    must = [written.lines, written.accepted, written.duplicates, 0, 0]
    if said != must:
        raise BenchmarkError(f"the load counted {said} lines read, accepted, duplicate, conflicting and rejected; the input holds {must}")
    tables = ("usage_events", "lifecycle_events")
    stored = sum(here.value(f"SELECT count() FROM {{raw}}.{table} WHERE batch_seq > {batches_before}") for table in tables)
    if stored != written.accepted:
        raise BenchmarkError(f"raw holds {stored} events of the slice instead of {written.accepted}")


def _check_drafts(here: Ground) -> None:
    """Every cell of the slice is consumption, all of it is rated, and each account that owes something has a draft in its month."""
    hour = "(SELECT max(toStartOfHour(event_at)) FROM {raw}.usage_events)"
    cells = here.value(
        "SELECT uniqExact(account_id, project_id, resource_id, region, metric) FROM {raw}.usage_events"
        f" WHERE toStartOfHour(event_at) = {hour}"
    )
    metered = here.value(
        f"SELECT count() FROM {{metering}}.consumption_hourly WHERE hour_at = {hour}"
        " AND metric IN (SELECT DISTINCT metric FROM {raw}.usage_events)"
    )
    if metered != cells:
        raise BenchmarkError(f"the slice has {cells} cells and the tick made {metered} rows of consumption")
    owing = here.value(
        "SELECT count() FROM (SELECT account_id, formatDateTime(charge_date, '%Y-%m') AS period, sum(amount_unrounded) AS amount"
        " FROM {rating}.int_charged_daily GROUP BY account_id, period HAVING amount >= 1) AS owing"
        " LEFT ANTI JOIN (SELECT account_id, period FROM {invoicing}.invoices WHERE status = 'draft' AND total_amount > 0) AS drafts"
        " USING (account_id, period)"
    )
    drafts = here.value("SELECT count() FROM {invoicing}.invoices WHERE status = 'draft' AND total_amount > 0")
    unrated = here.value("SELECT count() FROM {rating}.unrated_consumption")
    if owing or unrated or not drafts:
        raise BenchmarkError(f"the tick made {drafts} drafts and left {owing} accounts without one and {unrated} rows unrated")
