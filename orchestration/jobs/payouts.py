"""Every morning: refunds by bank that somebody has to transfer, and those that the bank should have executed by now."""

from __future__ import annotations

from datetime import timedelta

from control.domain.payouts import PayoutStatus
from control.services.payouts import list_payouts
from orchestration.jobs.job import JobReport, JobRun, job_of

# A transfer in the same currency area takes a bank day, and statements come the day after; a weekend may lie between.
BANK_DAYS = timedelta(days=5)


def report(run: JobRun) -> JobReport:
    """What waits is for a person to export; what is overdue may be rejected, and its customer waits for the money."""
    waiting = list_payouts(run.control, PayoutStatus.WAITING)
    exported = list_payouts(run.control, PayoutStatus.EXPORTED)
    overdue = [payout for payout in exported if payout.exported_at is not None and run.now - payout.exported_at > BANK_DAYS]
    first = f"{overdue[0].payout_id} of {overdue[0].amount} in export {overdue[0].export_id}" if overdue else ""
    return JobReport(
        figures={"waiting": len(waiting), "exported": len(exported), "overdue": len(overdue)},
        findings=[
            {"payout_id": payout.payout_id, "status": payout.status.value, "amount": str(payout.amount), "export_id": payout.export_id}
            for payout in [*overdue, *waiting]
        ],
        problem=f"{len(overdue)} pay-outs are in no statement {BANK_DAYS.days} days after their export: {first}" if overdue else "",
    )


JOB = job_of(
    report,
    name="payouts",
    asset="payouts_watched",
    description="Refunds by bank that wait for an export, and exported ones that no statement shows.",
    cron="25 6 * * *",
    after=("control/payments",),
)
