"""When jobs run by themselves. Closing a month and charging cards are started by a person, or by a schedule that one switched on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dagster import (
    AssetKey,
    AssetSelection,
    DagsterRunStatus,
    DefaultScheduleStatus,
    RunConfig,
    RunRequest,
    RunsFilter,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    define_asset_job,
    schedule,
)

from orchestration.assets.control import PUBLISHED
from orchestration.assets.invoices import ANNOUNCED, LOOKED_AT, WRITTEN
from orchestration.assets.models import ModelsConfig
from orchestration.checks import DOCUMENT_CHECKS, ChecksConfig
from orchestration.jobs import JOBS

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

EVERY_FIVE_MINUTES = "*/5 * * * *"
# Each event is in the instance's own log; a copy on the console would fill the disk with a tick every five minutes.
QUIET = {"console": {"config": {"log_level": "WARNING"}}}
# After the night, before people look at dashboards.
NIGHTLY = "10 3 * * *"
# Events may come a few days late; what comes later stands on a note of its own.
MONTH_END = "30 5 3 * *"
# Not at the minute in which a tick begins.
BETWEEN_TICKS = "2-59/5 * * * *"
UNFINISHED = [DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED]


def everything() -> dict[str, ModelsConfig | ChecksConfig]:
    """Configuration of a run whose checks look at all rows instead of those it touched."""
    return {"models": ModelsConfig(scope="all"), "data_quality": ChecksConfig(scope="all")}


def jobs(*, catalog_tables: Sequence[AssetKey]) -> list[UnresolvedAssetJobDefinition]:
    """All jobs of the graph.

    Args:
        catalog_tables: what a tick reads but never writes.
    """
    outgoing = AssetSelection.groups("control")
    catalog = AssetSelection.assets(*catalog_tables)
    documents = AssetSelection.checks(*DOCUMENT_CHECKS)
    tick = AssetSelection.all() - outgoing - catalog - documents
    month_end = AssetSelection.assets(LOOKED_AT, ["control", "invoices_issued"], WRITTEN, ["control", "invoices_pushed"], ANNOUNCED)
    return [
        define_asset_job("tick", selection=tick, config=RunConfig(loggers=QUIET), description="Landing zone to drafts, checks included."),
        define_asset_job(
            "audit",
            selection=tick | documents,
            config=RunConfig(ops=everything(), loggers=QUIET),
            description="A tick whose checks look at everything.",
        ),
        define_asset_job(
            "month_close",
            selection=tick | documents | AssetSelection.assets(["control", "invoices_issued"]),
            description="A tick with all checks on everything, then the month's drafts become documents.",
        ),
        define_asset_job(
            "month_end",
            selection=tick | documents | month_end,
            config=RunConfig(ops=everything(), loggers=QUIET),
            description="A tick with all checks; the earliest open month is looked at, closed, written as files, pushed and announced.",
        ),
        define_asset_job(
            "push", selection=AssetSelection.assets(["control", "invoices_pushed"]), description="Unpaid documents to gateways."
        ),
        define_asset_job(
            "work",
            selection=AssetSelection.assets(["control", "work_done"], *([["control", name] for name in PUBLISHED])),
            config=RunConfig(loggers=QUIET),
            description="What waits for a gateway, a bank or a receiver of events; accounts, payments and ledger to the warehouse.",
        ),
        define_asset_job("catalog", selection=catalog, description="Apply a catalog folder."),
        *(define_asset_job(job.name, selection=AssetSelection.assets(["control", job.asset]), description=job.description) for job in JOBS),
    ]


@schedule(cron_schedule=EVERY_FIVE_MINUTES, job_name="tick", default_status=DefaultScheduleStatus.RUNNING)
def tick_every_five_minutes(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
    """One tick at a time: a tick that takes longer than five minutes already holds what the next one would do."""
    running = context.instance.get_runs(RunsFilter(job_name="tick", statuses=UNFINISHED), limit=1)
    return SkipReason("the last tick still runs") if running else RunRequest()


def schedules(*, is_on: bool) -> list[ScheduleDefinition]:
    """All schedules.

    Args:
        is_on: whether those of jobs/ and of the month's end start by themselves; where not, somebody switches them on in Dagster.
    """
    nightly = ScheduleDefinition(
        name="audit_every_night", cron_schedule=NIGHTLY, job_name="audit", default_status=DefaultScheduleStatus.RUNNING
    )
    work = ScheduleDefinition(
        name="work_every_five_minutes", cron_schedule=BETWEEN_TICKS, job_name="work", default_status=DefaultScheduleStatus.RUNNING
    )
    own = [
        ScheduleDefinition(
            name=f"{job.name}_schedule",
            cron_schedule=job.cron,
            execution_timezone="UTC",
            job_name=job.name,
            default_status=DefaultScheduleStatus.RUNNING if is_on else DefaultScheduleStatus.STOPPED,
        )
        for job in JOBS
        if job.cron
    ]
    month_end = ScheduleDefinition(
        name="month_end_schedule",
        cron_schedule=MONTH_END,
        execution_timezone="UTC",
        job_name="month_end",
        default_status=DefaultScheduleStatus.RUNNING if is_on else DefaultScheduleStatus.STOPPED,
    )
    return [tick_every_five_minutes, nightly, work, month_end, *own]
