"""Each job of jobs/ as one asset, whose metadata is the report of its last run."""

# No postponed annotations: Dagster reads the types of configuration and resources from the functions themselves.

from collections.abc import Iterator, Sequence
from typing import Any

from dagster import AssetKey, AssetsDefinition, MaterializeResult, MetadataValue, ResourceParam, TableRecord, asset

from orchestration.deployment import Deployment
from orchestration.jobs.job import Job, JobReport, execute
from warehouse.errors import RefusedError

# Of the findings, in the metadata; their number is always there.
SHOWN_FINDINGS = 200


def job_assets(jobs: Sequence[Job]) -> list[AssetsDefinition]:
    """The assets of these jobs."""
    return [_asset(job) for job in jobs]


def _asset(job: Job) -> AssetsDefinition:
    @asset(
        key=["control", job.asset],
        group_name="control",
        deps=[AssetKey(name.split("/")) for name in job.after],
        description=job.description,
    )
    def made(deployment: ResourceParam[Deployment]) -> Iterator[MaterializeResult[Any]]:
        report = execute(job, deployment)
        yield MaterializeResult(metadata=_metadata(report))  # before the run fails: a report that nobody sees helps nobody
        if report.problem:
            raise RefusedError(report.problem)

    return made


def _metadata(report: JobReport) -> dict[str, Any]:
    metadata: dict[str, Any] = {**report.figures, "findings": len(report.findings)}
    if report.findings:
        shown = [TableRecord({name: str(value) for name, value in row.items()}) for row in report.findings[:SHOWN_FINDINGS]]
        metadata["report"] = MetadataValue.table(records=shown)
    return metadata
