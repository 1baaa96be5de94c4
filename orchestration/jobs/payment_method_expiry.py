"""Every morning: cards that are about to end, and who was told of it."""

from __future__ import annotations

from dataclasses import asdict

from control.services.payment_methods import ending_methods, remind_of_expiry
from orchestration.jobs.job import JobReport, JobRun, job_of


def report(run: JobRun) -> JobReport:
    """Remind (each card once a month of expiry), and list the cards that the next pushes may not be able to charge."""
    reminders = remind_of_expiry(run.control, now=run.now)
    ending = ending_methods(run.control, now=run.now)
    month = f"{run.now:%Y-%m}"
    return JobReport(
        figures={"reminders": reminders, "ending": len(ending), "ended": sum(method.card.expires < month for method in ending)},
        findings=[{"account_id": method.account_id, "gateway": method.gateway} | asdict(method.card) for method in ending],
    )


JOB = job_of(
    report,
    name="payment_method_expiry",
    asset="payment_methods_ending",
    description="Default cards that end this month or next: `payment_method.expiring` once for each, and a list of them.",
    cron="20 6 * * *",
)
