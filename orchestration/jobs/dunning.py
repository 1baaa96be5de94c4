"""Every morning: steps of dunning that are due, credit limits and prepayment, and the mails of both."""

from __future__ import annotations

from dataclasses import asdict

from orchestration.dunning import take_round
from orchestration.jobs.job import JobReport, JobRun, job_of


def report(run: JobRun) -> JobReport:
    """Take what is due; what was kept back waits for a person, and fails nothing: the next round looks again."""
    done = take_round(run.control, run.client, run.deployment.settings)
    findings = [asdict(line) | {"amount": str(line.amount)} for line in done.taken if line.step != "enter"]
    findings += [
        {"account_id": line.account_id, "step": line.step, "state": line.limit, "amount": str(line.used), "result": "taken"}
        for line in done.limits
        if line.step
    ]
    return JobReport(
        figures={
            "policy": done.policy.name,
            "policy_hash": done.policy.content_hash,
            "accounts": len({line.account_id for line in done.taken}),
            "mails_sent": done.mailed.sent,
            **{f"step {name}": count for name, count in sorted(done.steps.items())},
        },
        findings=findings,
    )


JOB = job_of(
    report,
    name="dunning",
    asset="debt_dunned",
    description="Steps of the dunning policy that are due, limits and prepayment; its figures name the policy's hash.",
    cron="30 6 * * *",  # after the night's tick, so that drafts of the running month are fresh
    after=("control/payments",),
)
