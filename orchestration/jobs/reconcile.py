"""Every night: our payments and refunds against the lists of each gateway."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from control.errors import StoreError
from control.services.reconcile import reconcile
from control.services.show import gateways_in_use
from orchestration.jobs.job import JobReport, JobRun, job_of
from warehouse.errors import MeterhouseError

# Longer than a gateway takes to complete its lists, and than a week of failed runs.
DAYS = 10


def report(run: JobRun) -> JobReport:
    """Mend what is safe; what is left is the run's problem. A gateway that gives no lists holds up no other."""
    since = run.now - timedelta(days=DAYS)
    found, failed = [], []
    for name in gateways_in_use(run.control):
        try:
            found.append(reconcile(run.control, name, since=since, until=run.now, now=run.now))
        except StoreError:
            raise
        except MeterhouseError as error:
            failed.append(f"{name} was not compared: {error}")
    differences = [difference for one in found for difference in one.differences]
    left = [difference for difference in differences if not difference.is_mended]
    if left:
        failed.insert(0, f"{len(left)} payments differ and need a person: {left[0].gateway} {left[0].kind}: {left[0].message}")
    return JobReport(
        figures={
            "payments": sum(one.payments_compared for one in found),
            "refunds": sum(one.refunds_compared for one in found),
            "mended": len(differences) - len(left),
            "left": len(left),
        },
        findings=[asdict(difference) for difference in differences],
        problem="; ".join(failed),
    )


JOB = job_of(
    report,
    name="reconcile",
    asset="payments_reconciled",
    description="Our payments and refunds against each gateway's lists: what is safe is mended, the rest fails the run.",
    cron="40 4 * * *",  # gateways complete the lists of a day in the hours after it
    after=("control/payments",),
)
