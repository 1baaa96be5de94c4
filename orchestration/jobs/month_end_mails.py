"""After a month's push: each of its documents announced to its customer. `work` sends what is written here."""

from __future__ import annotations

from dataclasses import asdict

from control.services.announce import announce
from control.services.close import last_closed
from orchestration.jobs.job import JobReport, JobRun, job_of


def report(run: JobRun) -> JobReport:
    """Write the mails of the latest closed month that are not written yet. An account without an address is no problem."""
    period = last_closed(run.control)
    if period is None:
        return JobReport(figures={"period": "", "written": 0})
    done = announce(run.control, period, now=run.now)
    first = f"{done.failed[0].invoice_number}: {done.failed[0].reason}" if done.failed else ""
    return JobReport(
        figures={
            "period": period,
            "written": done.written,
            "before": done.before,
            "without_address": len(done.without_address),
            "failed": len(done.failed),
        },
        findings=[asdict(one) for one in (*done.failed, *done.without_address)],
        problem=f"{len(done.failed)} documents of {period} are not announced: {first}" if done.failed else "",
    )


JOB = job_of(
    report,
    name="month_end_mails",
    asset="documents_announced",
    description="A mail for each document of the latest closed month, once, with its PDF; `work` sends them.",
    cron="",
    after=("control/invoices_pushed",),
)
