"""Runs the graph from the command line: the same jobs that Dagster schedules, in this process.

A call keeps its own resources, and no history of the run: what a tick did lies in ops.ticks, what it computed in the tables.
The verbs of the command line stand on this module; what a step does is in assets/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dagster import RunConfig

from orchestration.assets.invoices import CloseConfig
from orchestration.assets.tick import TickConfig
from orchestration.definitions import build_definitions
from orchestration.deployment import Deployment
from orchestration.quality.gate import QualityGate
from orchestration.report import PipelineRun, RunReport
from orchestration.schedules import everything
from orchestration.unrecorded import unrecorded_instance
from warehouse.ticks import EPOCH, FOREVER


@dataclass(frozen=True, kw_only=True)
class RebuildRange:
    """Hours of [start, end) to recompute whatever changed; None is unbounded."""

    start: datetime | None = None
    end: datetime | None = None


def run_tick(deployment: Deployment, gate: QualityGate, *, as_of: datetime | None = None, rebuild: RebuildRange | None = None) -> RunReport:
    """One tick: sources → raw → models → checks → commit. Repeating it without new input changes nothing.

    The warehouse runs, its tables exist, and the caller holds the pipeline's lease.

    Args:
        deployment: to run on.
        gate: the runner of the checks.
        as_of: the instant to bill to; default: as the deployment's clock says.
        rebuild: hours to recompute.

    Raises:
        CheckFailedError: a blocking check failed; the tick was not committed.
        MeterhouseError: a step failed.

    Returns:
        What it did; `unreadable` names what it left out: files, objects and sources.
    """
    return _execute(deployment, gate, "tick", {"ops__ticks": _tick_config(as_of, rebuild)})


def close_month(deployment: Deployment, gate: QualityGate, period: str, *, as_of: datetime | None = None) -> RunReport:
    """Bring the pipeline to its as-of, check everything, and issue the month's drafts. Repeating it changes nothing.

    Raises:
        RefusedError: the month is not over at the as-of, or an earlier one is open.
        CheckFailedError: a blocking check failed; nothing was issued.
        MeterhouseError: a step failed.
    """
    config = {"ops__ticks": _tick_config(as_of, None), "control__invoices_issued": CloseConfig(period=period), **everything()}
    return _execute(deployment, gate, "month_close", config)


def _execute(deployment: Deployment, gate: QualityGate, job: str, config: Mapping[str, Any]) -> RunReport:
    report = RunReport()
    # The console shows a traceback for each step; what a person needs of it is raised below.
    run_config = RunConfig(ops=dict(config), loggers={"console": {"config": {"log_level": "CRITICAL"}}})
    with deployment.warehouse() as client, unrecorded_instance() as instance:
        shared = replace(deployment, client=client)
        overrides = {"deployment": shared, "run": PipelineRun(deployment=shared, report=report), "gate": gate}
        definitions = build_definitions(deployment.settings, overrides=overrides)
        try:
            definitions.resolve_job_def(job).execute_in_process(run_config=run_config, instance=instance)
        except Exception:
            report.raise_if_failed()
            raise
    return report


def _tick_config(as_of: datetime | None, rebuild: RebuildRange | None) -> TickConfig:
    asked = as_of.isoformat() if as_of else ""
    if rebuild is None:
        return TickConfig(as_of=asked)
    return TickConfig(as_of=asked, rebuild_from=(rebuild.start or EPOCH).isoformat(), rebuild_to=(rebuild.end or FOREVER).isoformat())
