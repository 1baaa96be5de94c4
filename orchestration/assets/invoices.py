"""What leaves the pipeline: months that are closed, and documents that are sent to their gateways."""

# No postponed annotations: Dagster reads the types of configuration and resources from the functions themselves.

from typing import Any

from dagster import AssetKey, AssetsDefinition, Config, MaterializeResult, ResourceParam, asset

from control.services.preflight import next_to_close
from orchestration.billing import issue_month, push_documents
from orchestration.deployment import Deployment
from orchestration.jobs import month_end_documents, month_end_mails, month_preflight
from orchestration.report import PipelineRun
from warehouse.errors import InputError, RefusedError

# Where a run holds it, nothing is issued before the month was looked at and found fit.
LOOKED_AT = AssetKey(["control", month_preflight.JOB.asset])
# Where a run holds it, nobody is charged before every document of the month has its file.
WRITTEN = AssetKey(["control", month_end_documents.JOB.asset])
# After the push, so that a mail can say what was charged.
ANNOUNCED = AssetKey(["control", month_end_mails.JOB.asset])


class CloseConfig(Config):
    """The month to close, `YYYY-MM`; empty: the earliest that is over and open, if there is one."""

    period: str = ""


class PushConfig(Config):
    """Only documents of this month; empty: all that are unpaid."""

    period: str = ""


def invoice_assets(*, committed: AssetKey) -> list[AssetsDefinition]:
    """Issuing and pushing.

    Args:
        committed: the tick whose drafts are issued.
    """

    @asset(
        key=["control", "invoices_issued"],
        group_name="control",
        deps=[committed, LOOKED_AT],
        description="The drafts of a month as numbered documents that never change. Repeating it changes nothing.",
    )
    def invoices_issued(
        config: CloseConfig,
        run: ResourceParam[PipelineRun],
    ) -> MaterializeResult[Any]:
        if run.report.tick is None or not run.report.is_committed:
            raise RefusedError("a month is closed only by a run that brought the pipeline to its as-of; launch the job `month_close`")
        if run.report.unreadable:
            raise InputError(f"events may be missing, so nothing is closed: {'; '.join(run.report.unreadable)}")
        as_of, settings = run.report.tick.as_of, run.deployment.settings
        with run.deployment.warehouse() as client, run.deployment.control() as control:
            period = config.period or next_to_close(control, client, settings, as_of=as_of)
            run.report.issued = issue_month(control, client, settings, period, as_of=as_of) if period else []
        return MaterializeResult(metadata={"period": period or "", "documents": len(run.report.issued)})

    @asset(
        key=["control", "invoices_pushed"],
        group_name="control",
        deps=[["control", "invoices_issued"], WRITTEN],
        description="Issued, unpaid documents at their gateways. Repeating it charges nothing twice.",
    )
    def invoices_pushed(config: PushConfig, deployment: ResourceParam[Deployment]) -> MaterializeResult[Any]:
        with deployment.warehouse() as client, deployment.control() as control:
            outcomes = push_documents(control, client, deployment.settings, config.period or None)
        return MaterializeResult(
            metadata={"documents": len(outcomes), "outcomes": {f"{item.invoice_number}": str(item.result) for item in outcomes}}
        )

    return [invoices_issued, invoices_pushed]
