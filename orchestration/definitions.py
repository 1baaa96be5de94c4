"""The graph: every step from the landing zone to paid invoices is an asset of it.

`dagster` loads `defs`. Importing this module reads nothing and connects to nothing; loading parses the dbt project.
Steps are in assets/, checks in checks.py, jobs that run by themselves in jobs/, all jobs and schedules in schedules.py, what they
act on in resources.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from dagster import AssetKey, Definitions, definitions, in_process_executor

from orchestration import dbt, resources
from orchestration.assets.control import control_assets
from orchestration.assets.invoices import invoice_assets
from orchestration.assets.jobs import job_assets
from orchestration.assets.models import model_assets
from orchestration.assets.raw import raw_assets
from orchestration.assets.tick import COMMITTED, tick_assets
from orchestration.checks import document_checks, quality_checks
from orchestration.jobs import JOBS
from orchestration.schedules import jobs, schedules
from warehouse.settings import Settings, load_settings

RESOURCES = {
    "deployment": resources.deployment,
    "run": resources.run,
    "gate": resources.gate,
}


def build_definitions(settings: Settings, *, overrides: Mapping[str, object] | None = None) -> Definitions:
    """The graph of one deployment.

    Args:
        settings: name the home that keeps the parsed dbt project, and the database prefix it is parsed for.
        overrides: resources that take the place of those in resources.py.
    """
    manifest = dbt.manifest(settings)
    tables = [source["name"] for source in manifest["sources"].values() if source["source_name"] == "raw"]
    raw = raw_assets(tables)
    models = model_assets(manifest)
    tick = tick_assets(inputs=[AssetKey(["raw", table]) for table in tables], models=sorted(models.keys))
    return Definitions(
        assets=[*raw, models, *tick, *invoice_assets(committed=COMMITTED), *control_assets(), *job_assets(JOBS)],
        asset_checks=[quality_checks(), document_checks()],
        jobs=jobs(catalog_tables=[AssetKey(["raw", table]) for table in tables if table.startswith("catalog_")]),
        schedules=schedules(is_on=settings.schedules == "on"),
        resources={**RESOURCES, **(overrides or {})},
        # A run is one process: its steps share a lease, a report and one import of dbt.
        executor=in_process_executor,
    )


@definitions
def defs() -> Definitions:
    """The graph of the deployment that the environment describes."""
    return build_definitions(load_settings())
