"""Jobs that run by themselves, a module each. Add one: a module with its `JOB` (job.py says how), and a line here.

What they do is decided in control/services; only when and with what report is said here. Ticks, closing and pushing are in
assets/ and schedules.py.
"""

from orchestration.jobs import (
    dunning,
    fraud_scan,
    month_end_documents,
    month_end_mails,
    month_preflight,
    payment_method_expiry,
    payouts,
    reconcile,
)
from orchestration.jobs.job import Job

JOBS: tuple[Job, ...] = (
    reconcile.JOB,
    payment_method_expiry.JOB,
    payouts.JOB,
    month_preflight.JOB,
    month_end_documents.JOB,
    month_end_mails.JOB,
    dunning.JOB,
    fraud_scan.JOB,
)
