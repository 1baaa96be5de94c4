"""What the control plane does by itself: pending work, reconciliation, and its accounts, payments and ledger in the warehouse."""

# No postponed annotations: Dagster reads the types of configuration and resources from the functions themselves.

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from dagster import AssetsDefinition, AssetSpec, MaterializeResult, ResourceParam, asset, multi_asset

from control.services.publish import publish
from control.services.reconcile import reconcile
from control.services.show import gateways_in_use
from control.services.work import work
from orchestration.deployment import Deployment
from warehouse.errors import RefusedError

# Asset to the tables of raw that it is.
PUBLISHED = {
    "accounts": ("control_accounts", "control_billing_accounts", "control_account_changes"),
    "payments": ("control_payments", "control_refunds", "control_payment_differences"),
    "ledger": ("control_journal",),
    "fraud": ("control_fraud_decisions", "control_fraud_verdicts"),
}
# Longer than a gateway takes to complete its lists, and than a week of failed runs.
RECONCILED_DAYS = 10


def control_assets() -> list[AssetsDefinition]:
    """The assets of the control plane beside issuing and pushing."""

    @asset(
        key=["control", "work_done"],
        group_name="control",
        description="Events, attempts, flows, receipts and messages that waited. It begins no charge. Repeating it changes nothing.",
    )
    def work_done(deployment: ResourceParam[Deployment]) -> MaterializeResult[Any]:
        with deployment.control() as control:
            worked = work(control, now=deployment.settings.now())
        return MaterializeResult(metadata=asdict(worked))

    @multi_asset(
        specs=[
            AssetSpec(
                ["control", name],
                group_name="control",
                deps=[["control", "work_done"]],
                description=f"In the warehouse as {', '.join(f'raw.{table}' for table in tables)}.",
            )
            for name, tables in PUBLISHED.items()
        ],
        name="control_published",
        description="Accounts, payments and the ledger, as the control store has them.",
    )
    def control_published(deployment: ResourceParam[Deployment]) -> Iterator[MaterializeResult[Any]]:
        with deployment.warehouse() as client, deployment.control() as control:
            sent = publish(control, client, deployment.settings)
        for name, tables in PUBLISHED.items():
            yield MaterializeResult(asset_key=["control", name], metadata={table: sent[table] for table in tables})

    @asset(
        key=["control", "payments_reconciled"],
        group_name="control",
        deps=[["control", "payments"]],
        description="Our payments and refunds against each gateway's lists: what is safe is mended, the rest fails the run.",
    )
    def payments_reconciled(deployment: ResourceParam[Deployment]) -> MaterializeResult[Any]:
        now = deployment.settings.now()
        with deployment.warehouse() as client, deployment.control() as control:
            since = now - timedelta(days=RECONCILED_DAYS)
            found = [reconcile(control, name, since=since, until=now, now=now) for name in gateways_in_use(control)]
            publish(control, client, deployment.settings)
        differences = [difference for one in found for difference in one.differences]
        left = [difference for difference in differences if not difference.is_mended]
        if left:
            raise RefusedError(f"{len(left)} payments differ and need a person: {left[0].gateway} {left[0].kind}: {left[0].message}")
        return MaterializeResult(
            metadata={
                "payments": sum(one.payments_compared for one in found),
                "refunds": sum(one.refunds_compared for one in found),
                "mended": len(differences),
            }
        )

    return [work_done, control_published, payments_reconciled]
