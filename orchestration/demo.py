"""The whole story on generated input: a month of a small GPU cloud, from events to paid invoices and a ledger that balances.

Each step is what a user would call by itself, in the same order. Repeating it on a home that holds the finished demo loads,
issues and charges nothing again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from control.domain.ledger import Balance
from ingestion.synthetic import demo_input
from orchestration import invoices
from orchestration.catalog import apply_folder
from orchestration.demo_debt import dun_debtors
from orchestration.demo_fraud import hold_and_release
from orchestration.demo_payments import collect
from orchestration.deployment import Deployment
from orchestration.loading import load_paths
from orchestration.pipeline import close_month, run_tick
from orchestration.quality.gate import open_gate
from orchestration.report import RunReport
from orchestration.session import open_warehouse
from warehouse.errors import RefusedError

PERIOD = "2026-01"
# The instant the story is told at. Without it, invoices would be issued today and the same demo would differ each day.
NOW = "2026-02-02T09:00:00Z"
TEST_KEY_PREFIXES = ("sk_test_", "rk_test_")

Row = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Told:
    """What there is to see at the end."""

    invoices: list[Row]
    rejected: list[Row]  # reason_code, line_count
    unrated: list[Row]  # reason_code, metric, row_count
    trial_balance: list[Balance]


def demo(deployment: Deployment, say: Say) -> Told:
    """Tell the story, one sentence a step.

    Args:
        deployment: an empty home, or one that holds this demo.
        say: shows a line of progress.

    Raises:
        RefusedError: the home holds other data, or STRIPE_API_KEY is not a test key.
        MeterhouseError: a step failed.
    """
    key = deployment.control_settings.stripe_api_key.get_secret_value()
    if key and not key.startswith(TEST_KEY_PREFIXES):
        raise RefusedError("STRIPE_API_KEY is not a test key, and the demo charges cards; use a key that starts with sk_test_")
    told_at = deployment.settings.now_text or NOW
    deployment = Deployment(
        settings=deployment.settings.model_copy(update={"now_text": told_at}), control_settings=deployment.control_settings
    )
    folder = deployment.home / "demo"
    with open_gate(deployment.settings) as gate, open_warehouse(deployment) as client:
        _refuse_other_data(client, deployment, folder)
        say("Generating a month of a GPU cloud: five customers, three regions …")
        generated = demo_input(folder / "input")
        with deployment.alone("meterhouse demo"):
            with deployment.control() as control:
                applied = apply_folder(control, client, deployment.settings, generated.catalog)
            say(f"Catalog applied (version {applied.catalog_version}).")
            loads = list(load_paths(client, deployment.settings, [generated.events]))
            say(
                f"Loaded {sum(load.rows_read for load in loads):,} events of {len(loads)} files:"
                f" {sum(load.accepted for load in loads):,} accepted, {sum(load.duplicates for load in loads)} duplicates,"
                f" {sum(load.conflicts for load in loads)} conflicts, {sum(load.rejected for load in loads)} rejected."
            )
            say("Computing consumption, charges and drafts …")
            report = run_tick(deployment, gate)
            say(f"{_checks(report)} Closing {PERIOD} …")
            closed = close_month(deployment, gate, PERIOD)
        say(f"{_checks(closed)} {len(closed.issued)} invoices issued.")
        collect(deployment, client, folder, PERIOD, say)
        hold_and_release(deployment, client, say)
        balances = dun_debtors(deployment, client, folder, PERIOD, say)
        return Told(
            invoices=invoices.find(client, deployment.settings),
            rejected=_rejected(client, deployment),
            unrated=_unrated(client, deployment),
            trial_balance=balances,
        )


def _refuse_other_data(client: Client, deployment: Deployment, folder: Path) -> None:
    ops = deployment.settings.database("ops")
    found = client.query(
        f"SELECT location FROM {ops}.batches WHERE NOT startsWith(location, {{own:String}}) LIMIT 1", parameters={"own": str(folder)}
    ).result_rows
    if found:
        raise RefusedError(
            f"this home holds other data ({found[0][0]}), which the demo would bill too; set METERHOUSE_HOME to a folder of its own"
        )


def _checks(report: RunReport) -> str:
    passed = sum(check.is_passed for check in report.checks)
    return f"{passed} of {len(report.checks)} checks passed, {len(report.warnings)} warned."


def _rejected(client: Client, deployment: Deployment) -> list[Row]:
    ops = deployment.settings.database("ops")
    found = client.query(f"SELECT reason_code, count() AS line_count FROM {ops}.rejected_events GROUP BY reason_code ORDER BY reason_code")
    return [dict(row) for row in found.named_results()]


def _unrated(client: Client, deployment: Deployment) -> list[Row]:
    rating = deployment.settings.database("rating")
    found = client.query(
        f"SELECT reason_code, metric, count() AS row_count FROM {rating}.unrated_consumption"
        " GROUP BY reason_code, metric ORDER BY reason_code, metric"
    )
    return [dict(row) for row in found.named_results()]
