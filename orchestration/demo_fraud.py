"""The demo's chapter on fraud: a scan holds who looks like a thief, a person looks and releases, and the next scan lets it be."""

from __future__ import annotations

from collections.abc import Callable

from clickhouse_connect.driver.client import Client

from control.services.fraud import ScanReport, reasons, scan
from control.services.fraud_review import queue, release
from control.services.publish import publish
from orchestration.deployment import Deployment

ACTOR = "demo"

Say = Callable[[str], None]


def hold_and_release(deployment: Deployment, client: Client, say: Say) -> ScanReport:
    """Scan, release what is held, scan again. Repeating it holds nobody.

    Raises:
        MeterhouseError: a step failed.
    """
    now = deployment.settings.now()
    with deployment.control() as control:
        publish(control, client, deployment.settings)
        report = scan(control, client, deployment.settings, as_of=now, now=now)
        say(f"Antifraud, policy {report.policy_version}: {report.accounts_named} accounts named, {len(report.decisions)} new decisions.")
        for decision in report.decisions:
            say(f"  {decision.account_id}: {decision.action}, score {decision.score:f}: {reasons(decision.findings)}.")
        for item in queue(control):
            release(control, item.account_id, reason="a customer that we know from before", actor=ACTOR, now=now)
            say(f"  {item.account_id} was looked at and released: the same evidence does not hold it again.")
        again = scan(control, client, deployment.settings, as_of=now, now=now)
        say(f"Scanned again: {len(again.decisions)} new decisions.")
        publish(control, client, deployment.settings)
    return report
