"""After a month's close: its documents as files, for whoever keeps or prints them."""

from __future__ import annotations

from dataclasses import asdict

from control.services.close import last_closed
from control.services.document_files import folder_of, write_files
from orchestration.jobs.job import JobReport, JobRun, job_of


def report(run: JobRun) -> JobReport:
    """Write the files of the latest closed month; what cannot be printed is the run's problem, after all others are written."""
    period = last_closed(run.control)
    if period is None:
        return JobReport(figures={"period": "", "documents": 0})
    done = write_files(run.control, period, folder_of(run.deployment.settings, period))
    return JobReport(
        figures={
            "period": period,
            "folder": str(done.folder),
            "documents": done.documents,
            "written": done.written,
            "left": done.left,
            "without_e_invoice": sum(one.documents for one in done.without_e_invoice),
            "failed": sum(one.documents for one in done.failed),
        },
        findings=[asdict(one) for one in (*done.failed, *done.without_e_invoice)],
        problem=done.problem,
    )


JOB = job_of(
    report,
    name="month_end_documents",
    asset="documents_written",
    description="The documents of the latest closed month as files: PDF, and the e-invoice where there is one.",
    cron="",
    after=("control/invoices_issued",),
)
