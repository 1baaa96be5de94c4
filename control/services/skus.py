"""Reads what the catalog in the warehouse says of SKUs: the service, which revenue is posted by, and the name, for documents."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from warehouse.settings import Settings

# Of all versions, the latest that names the SKU: a closed month may be adjusted after a SKU left the catalog.
_LATEST = "SELECT sku_id, argMax({column}, catalog_version) FROM {raw}.catalog_skus GROUP BY sku_id"


def read_services(client: Client, settings: Settings) -> dict[str, str]:
    """SKU to service, for every SKU that any catalog ever named."""
    return _latest(client, settings, "service")


def read_names(client: Client, settings: Settings) -> dict[str, str]:
    """SKU to name, for every SKU that any catalog ever named."""
    return _latest(client, settings, "name")


def _latest(client: Client, settings: Settings, column: str) -> dict[str, str]:
    rows = client.query(_LATEST.format(column=column, raw=settings.database("raw"))).result_rows
    return {str(sku_id): str(value) for sku_id, value in rows}
