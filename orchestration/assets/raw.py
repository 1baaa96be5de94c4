"""What is written to raw: events of the landing zone, the catalog, and what the control store decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dagster import AssetsDefinition, AssetSpec, Config, MaterializeResult, ResourceParam, multi_asset

from control.services.publish import publish
from orchestration.catalog import apply_folder
from orchestration.deployment import Deployment
from orchestration.loading import load_landing
from orchestration.report import RunReport


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
        description="Events of the landing zone that are not loaded yet, each exactly once.",
        required_resource_keys={"lease"},
    )
    def raw_events(deployment: ResourceParam[Deployment], report: ResourceParam[RunReport]) -> Iterator[MaterializeResult[Any]]:
        with deployment.warehouse() as client:
            report.loads, report.unreadable = load_landing(client, deployment.settings)
        loaded = {
            "files": len(report.loads),
            "rows_read": sum(load.rows_read for load in report.loads),
            "rows_accepted": sum(load.accepted for load in report.loads),
            "rows_rejected": sum(load.rejected for load in report.loads),
            "unreadable": report.unreadable,
        }
        yield from _materialized(events, loaded)

    @multi_asset(
        specs=_specs(catalog, kind="csv"),
        name="catalog_tables",
        description="A catalog folder, validated as a whole. `meterhouse catalog apply` does the same.",
        required_resource_keys={"lease"},
    )
    def catalog_tables(config: CatalogConfig, deployment: ResourceParam[Deployment]) -> Iterator[MaterializeResult[Any]]:
        with deployment.warehouse() as client, deployment.control() as store:
            applied = apply_folder(store, client, deployment.settings, Path(config.folder))
        yield from _materialized(catalog, asdict(applied))

    @multi_asset(
        specs=_specs(control, kind="sql"),
        name="control_tables",
        description="Accounts, credits, closed months and issued documents, as the control store decided them.",
        required_resource_keys={"lease"},
    )
    def control_tables(deployment: ResourceParam[Deployment], report: ResourceParam[RunReport]) -> Iterator[MaterializeResult[Any]]:
        with deployment.warehouse() as client, deployment.control() as store:
            report.published = publish(store, client, deployment.settings)
        for table in control:
            yield MaterializeResult(asset_key=["raw", table], metadata={"rows": report.published.get(table, 0)})

    return [raw_events, catalog_tables, control_tables]


def _specs(tables: Sequence[str], *, kind: str) -> list[AssetSpec]:
    return [AssetSpec(["raw", table], group_name="raw", kinds={kind, "clickhouse"}) for table in tables]


def _materialized(tables: Sequence[str], metadata: dict[str, Any]) -> Iterator[MaterializeResult[Any]]:
    for table in tables:
        yield MaterializeResult(asset_key=["raw", table], metadata=metadata)
