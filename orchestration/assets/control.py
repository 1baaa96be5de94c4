"""What the control plane does every few minutes: pending work, and its accounts, payments and ledger in the warehouse."""

# No postponed annotations: Dagster reads the types of configuration and resources from the functions themselves.

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from dagster import AssetsDefinition, AssetSpec, MaterializeResult, ResourceParam, asset, multi_asset

from control.services.publish import publish
from control.services.work import work
from orchestration.deployment import Deployment

# Asset to the tables of raw that it is.
PUBLISHED = {
    "accounts": ("control_accounts", "control_billing_accounts", "control_account_changes"),
    "people": ("control_contacts", "control_members", "control_projects"),
    "payments": ("control_payments", "control_refunds", "control_payouts", "control_payment_differences"),
    "bank_receipts": ("control_bank_receipts",),
    "ledger": ("control_journal",),
    "fraud": ("control_fraud_decisions", "control_fraud_verdicts"),
}


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
        description="Accounts, their people, payments, bank receipts and the ledger, as the control store has them.",
    )
    def control_published(deployment: ResourceParam[Deployment]) -> Iterator[MaterializeResult[Any]]:
        with deployment.warehouse() as client, deployment.control() as control:
            sent = publish(control, client, deployment.settings)
        for name, tables in PUBLISHED.items():
            yield MaterializeResult(asset_key=["control", name], metadata={table: sent[table] for table in tables})

    return [work_done, control_published]
