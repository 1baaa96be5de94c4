"""The slice through the product, files → raw → drafts, beside the limit on the same files in the same run.

Measuring happens here; what is measured is called in two small functions, `_load` and `_tick`, the way the command line
calls it. Printing is the caller's.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.limit import Limit, measure_limit
from benchmarks.memory import PeakMemory
from benchmarks.slice import Slice, provide_slice
from control.settings import ControlSettings
from ingestion.synthetic import Generated
from orchestration.catalog import apply_folder
from orchestration.deployment import Deployment
from orchestration.loading import load_paths
from orchestration.pipeline import run_tick
from orchestration.quality.gate import open_gate
from orchestration.session import open_warehouse
from warehouse import embedded
from warehouse.client import connect
from warehouse.errors import MeterhouseError
from warehouse.settings import LAYERS, Settings


class BenchmarkError(MeterhouseError):
    """The product gave a wrong answer, so that its speed means nothing."""


@dataclass(frozen=True, kw_only=True)
class SliceFigures:
    """One run of the slice. Seconds by the wall clock."""

    events: int  # lines in the files
    files_bytes: int  # compressed
    load_seconds: float  # files → raw
    tick_seconds: float  # raw → drafts
    empty_tick_seconds: float  # a second tick without new input
    peak_bytes: int  # of load and tick, all processes
    limit: Limit

    @property
    def seconds(self) -> float:
        """Files → drafts."""
        return self.load_seconds + self.tick_seconds

    def rows(self) -> list[dict[str, str]]:
        """The table: step, seconds, events a second, ratio to the limit."""
        limit = self.limit
        steps = (
            ("files to raw", self.load_seconds, limit.insert_seconds),
            ("raw to drafts", self.tick_seconds, limit.group_seconds + limit.rate_seconds),
            ("files to drafts", self.seconds, limit.seconds),
            ("limit: insert", limit.insert_seconds, None),
            ("limit: group", limit.group_seconds, None),
            ("limit: rate", limit.rate_seconds, None),
            ("limit: all", limit.seconds, None),
        )
        rows = [self._row(step, seconds, beside) for step, seconds, beside in steps]
        rows.append({"step": "empty tick", "seconds": f"{self.empty_tick_seconds:.2f}", "events_per_second": "", "ratio_to_limit": ""})
        rows.append(
            {"step": f"peak memory {self.peak_bytes / (1 << 30):.2f} GiB", "seconds": "", "events_per_second": "", "ratio_to_limit": ""}
        )
        return rows

    def _row(self, step: str, seconds: float, beside: float | None) -> dict[str, str]:
        return {
            "step": step,
            "seconds": f"{seconds:.2f}",
            "events_per_second": f"{self.events / seconds:,.0f}",
            "ratio_to_limit": f"{seconds / beside:.2f}" if beside else "",
        }


def bench_slice(settings: Settings, control_settings: ControlSettings, *, events: int = Slice.events) -> SliceFigures:
    """Measure a slice of so many events on an empty deployment of its own, `<home>/bench` or databases `bench_…`.

    The input is written first, and kept for the next call of the same size.

    Raises:
        BenchmarkError: a count of the load, or the drafts, are not what the input must give.
        MeterhouseError: a step failed.
    """
    written = provide_slice(Slice.scaled(events), settings.home / "bench-input" / f"slice-{events}")
    deployment = Deployment(settings=_own(settings), control_settings=control_settings)
    _empty(deployment.settings)
    with open_warehouse(deployment) as client:
        with deployment.alone("meterhouse bench"), deployment.control() as control:
            apply_folder(control, client, deployment.settings, written.catalog)
        with PeakMemory(*_server(deployment.settings)) as memory:
            load_seconds = _timed(lambda: _load(deployment, written))
            tick_seconds = _timed(lambda: _tick(deployment))
        _check_drafts(deployment.settings)
        empty_tick_seconds = _timed(lambda: _tick(deployment))
        limit = measure_limit(deployment.settings, written.files, written.catalog)
    return SliceFigures(
        events=written.lines,
        files_bytes=sum(path.stat().st_size for path in written.files),
        load_seconds=load_seconds,
        tick_seconds=tick_seconds,
        empty_tick_seconds=empty_tick_seconds,
        peak_bytes=memory.peak_bytes,
        limit=limit,
    )


def _load(deployment: Deployment, written: Generated) -> None:
    """What `meterhouse ingest` does."""
    with deployment.alone("meterhouse bench"), deployment.warehouse() as client:
        results = list(load_paths(client, deployment.settings, [written.events]))
    counts = [sum(result.accepted for result in results), sum(result.duplicates for result in results)]
    if counts != [written.accepted, written.duplicates]:
        raise BenchmarkError(
            f"the load counted {counts[0]} accepted and {counts[1]} duplicates; the input holds {written.accepted} and {written.duplicates}"
        )


def _tick(deployment: Deployment) -> None:
    """What `meterhouse run` does."""
    with deployment.alone("meterhouse bench"), open_gate(deployment.settings) as gate:
        run_tick(deployment, gate)


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _check_drafts(settings: Settings) -> None:
    with contextlib.closing(connect(settings)) as client:
        drafts = client.query(f"SELECT count() FROM {settings.database('invoicing')}.invoices WHERE status = 'draft'").result_rows[0][0]
    if not drafts:
        raise BenchmarkError("the tick made no draft invoice")


def _own(settings: Settings) -> Settings:
    """The deployment of the benchmark: nothing of the user's is read, changed or dropped."""
    return settings.model_copy(
        update={
            "home": settings.home / "bench",
            "database_prefix": f"{settings.database_prefix}bench_",
            "control_url": None,
            "landing": None,
            "clock": "event",
            "now_text": None,
        }
    )


def _empty(own: Settings) -> None:
    """Remove what an earlier run left in the benchmark's own deployment."""
    if own.is_embedded:
        embedded.stop(own.home)
    else:
        with contextlib.closing(connect(own)) as client:
            for layer in LAYERS:
                client.command(f"DROP DATABASE IF EXISTS {own.database(layer)} SYNC")
    if own.home.exists():
        shutil.rmtree(own.home)
    own.home.mkdir(parents=True)


def _server(own: Settings) -> tuple[int, ...]:
    """The pid of the warehouse where it runs on this machine for us."""
    state = embedded.running(own.home) if own.is_embedded else None
    return (state.pid,) if state else ()
