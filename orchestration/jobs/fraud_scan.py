"""Every hour: the antifraud's rules over what is in the warehouse by now, and who waits for a person."""

from __future__ import annotations

from control.services.fraud import reasons, scan
from control.services.fraud_review import queue
from control.services.publish import publish
from orchestration.jobs.job import JobReport, JobRun, job_of


def report(run: JobRun) -> JobReport:
    """Scan and act. What waits in the queue is a finding and no problem: a person looks when they look."""
    settings = run.deployment.settings
    publish(run.control, run.client, settings)  # the rules of the warehouse read accounts there
    seen = scan(run.control, run.client, settings, as_of=run.now, now=run.now)
    waiting = queue(run.control)
    return JobReport(
        figures={
            "policy_version": seen.policy_version,
            "accounts_named": seen.accounts_named,
            "decisions": len(seen.decisions),
            "waiting": len(waiting),
            **{f"hits_of_{rule}": count for rule, count in sorted(seen.hits.items())},
        },
        findings=[
            {
                "account_id": decision.account_id,
                "number": decision.number,
                "action": decision.action.value,
                "score": format(decision.score, "f"),
                "reason": reasons(decision.findings),
            }
            for decision in seen.decisions
        ],
    )


JOB = job_of(
    report,
    name="fraud_scan",
    asset="fraud_scanned",
    description="The antifraud's rules: accounts that were held, and how many wait for a person (`meterhouse fraud queue`).",
    cron="10 * * * *",
    after=("control/accounts", "control/payments"),
)
