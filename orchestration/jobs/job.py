"""What a job that runs by itself is, and all that one declaration of it gives.

A module beside this one holds one job: a function that does the work of a module of control/services and returns what came of
it, and `JOB = job_of(...)`. With a line in `JOBS` (this package) it has a Dagster asset whose metadata is the report, a job and
a schedule, and `meterhouse job run NAME`. The work itself must be idempotent: a job may be killed, repeated, or run twice a day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from clickhouse_connect.driver.client import Client

from control.bootstrap import Control
from control.services import lease
from control.services.publish import publish
from orchestration.deployment import Deployment

# A run that still goes on does what this one would do; a person who asks twice hears who it is.
LEASE_WAIT_SECONDS = 30.0

Row = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class JobRun:
    """What a job acts on. What it changes in the control store is published to the warehouse after it."""

    deployment: Deployment
    control: Control
    client: Client
    now: datetime


@dataclass(frozen=True, kw_only=True)
class JobReport:
    """What came of one run: its figures, what a person should look at, and in one sentence why the run failed, if it did."""

    figures: Mapping[str, int | str]
    findings: Sequence[Row] = field(default=())
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One job. `after` names assets that it stands on in the graph, as `group/name`.

    `cron` is in UTC, and empty where the job has no time of its own: it is a step of another, or run by hand.
    """

    name: str
    asset: str
    description: str
    cron: str
    report: Callable[[JobRun], JobReport]
    after: tuple[str, ...] = ()


def job_of(
    report: Callable[[JobRun], JobReport], *, name: str, asset: str, description: str, cron: str, after: tuple[str, ...] = ()
) -> Job:
    """The job that makes this report."""
    return Job(name=name, asset=asset, description=description, cron=cron, report=report, after=after)


def execute(job: Job, deployment: Deployment) -> JobReport:
    """Run a job once, alone, and show the warehouse what it changed, also where it was cut short.

    Raises:
        RefusedError: another run of it goes on.
        MeterhouseError: it failed before it could report.
    """
    with deployment.warehouse() as client, deployment.control() as control:
        name = f"job {job.name}"
        with lease.hold(control, name, holder=name, wait_seconds=LEASE_WAIT_SECONDS):
            try:
                return job.report(JobRun(deployment=deployment, control=control, client=client, now=deployment.settings.now()))
            finally:
                publish(control, client, deployment.settings)
