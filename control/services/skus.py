"""Reads which service each SKU belongs to from the catalog in the warehouse: revenue is posted by service."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from warehouse.settings import Settings

# Of all versions, the latest that names the SKU: a closed month may be adjusted after a SKU left the catalog.
_SERVICES = "SELECT sku_id, argMax(service, catalog_version) FROM {raw}.catalog_skus GROUP BY sku_id"


def read_services(client: Client, settings: Settings) -> dict[str, str]:
    """SKU to service, for every SKU that any catalog ever named."""
    rows = client.query(_SERVICES.format(raw=settings.database("raw"))).result_rows
    return {str(sku_id): str(service) for sku_id, service in rows}
