"""What is written to raw: events of all sources, the catalog, and what the control store decided."""

# No postponed annotations: Dagster reads the types of configuration and resources from the functions themselves.

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dagster import AssetsDefinition, AssetSpec, Config, MaterializeResult, ResourceParam, multi_asset

from control.services.publish import publish, reached
from orchestration.catalog import apply_folder
from orchestration.loading import load_sources
from orchestration.report import PipelineRun


class CatalogConfig(Config):
    """Which folder to apply."""

    folder: str


def raw_assets(tables: Sequence[str]) -> list[AssetsDefinition]:
    """The assets that write raw, one key a table.

    Args:
        tables: names of the tables that the models read from raw.
    """
    catalog = [table for table in tables if table.startswith("catalog_")]
    control = [table for table in tables if table.startswith("control_")]
    events = [table for table in tables if table not in (*catalog, *control)]

    @multi_asset(
        specs=_specs(events, kind="files"),
        name="raw_events",
        description="Events of all sources that are not loaded yet, each exactly once.",
    )
    def raw_events(
        run: ResourceParam[PipelineRun],
    ) -> Iterator[MaterializeResult[Any]]:
        with run.deployment.warehouse() as client:
            run.report.loads, run.report.unreadable = load_sources(client, run.deployment.settings)
        loaded = {
            "batches": len(run.report.loads),
            "rows_read": sum(load.rows_read for load in run.report.loads),
            "rows_accepted": sum(load.accepted for load in run.report.loads),
            "rows_rejected": sum(load.rejected for load in run.report.loads),
            "unreadable": run.report.unreadable,
        }
        yield from _materialized(events, loaded)

    @multi_asset(
        specs=_specs(catalog, kind="csv"),
        name="catalog_tables",
        description="A catalog folder, validated as a whole. `meterhouse catalog apply` does the same.",
    )
    def catalog_tables(config: CatalogConfig, run: ResourceParam[PipelineRun]) -> Iterator[MaterializeResult[Any]]:
        with run.deployment.warehouse() as client, run.deployment.control() as store:
            applied = apply_folder(store, client, run.deployment.settings, Path(config.folder))
        yield from _materialized(catalog, asdict(applied))

    @multi_asset(
        specs=_specs(control, kind="sql"),
        name="control_tables",
        description="Accounts, credits, closed months and issued documents, as the control store decided them.",
    )
    def control_tables(
        run: ResourceParam[PipelineRun],
    ) -> Iterator[MaterializeResult[Any]]:
        with run.deployment.warehouse() as client, run.deployment.control() as store:
            run.report.control_revision = reached(store)
            run.report.published = publish(store, client, run.deployment.settings)
        for table in control:
            yield MaterializeResult(asset_key=["raw", table], metadata={"rows": run.report.published.get(table, 0)})

    return [raw_events, catalog_tables, control_tables]


def _specs(tables: Sequence[str], *, kind: str) -> list[AssetSpec]:
    return [AssetSpec(["raw", table], group_name="raw", kinds={kind, "clickhouse"}) for table in tables]


def _materialized(tables: Sequence[str], metadata: dict[str, Any]) -> Iterator[MaterializeResult[Any]]:
    for table in tables:
        yield MaterializeResult(asset_key=["raw", table], metadata=metadata)
