"""In the first days of a month: whether the month before can be closed, and what a person should know before it is."""

from __future__ import annotations

from dataclasses import asdict

from control.services.preflight import Weight, last_as_of, next_to_close, preflight
from orchestration.jobs.job import JobReport, JobRun, job_of


def report(run: JobRun) -> JobReport:
    """Look at the earliest month that is over and open, as the drafts of the last tick show it."""
    settings = run.deployment.settings
    as_of = last_as_of(run.client, settings)
    period = None if as_of is None else next_to_close(run.control, run.client, settings, as_of=as_of)
    if as_of is None or period is None:
        return JobReport(figures={"period": "", "blocks": 0, "warns": 0})
    found = preflight(run.control, run.client, settings, period, as_of=as_of, now=run.now)
    blocks = [finding for finding in found if finding.weight is Weight.BLOCKS]
    return JobReport(
        figures={"period": period, "blocks": len(blocks), "warns": sum(finding.weight is Weight.WARNS for finding in found)},
        findings=[asdict(finding) for finding in found],
        problem=f"{period} cannot be closed: {blocks[0].check}: {blocks[0].message}" if blocks else "",
    )


JOB = job_of(
    report,
    name="month_preflight",
    asset="month_looked_at",
    description="The earliest month that is over and open: what stops its close, what to know first, what it would issue.",
    cron="30 4 1-5 * *",  # late events come in the first days; nobody closes on the first one
    after=("ops/committed_ticks",),
)
