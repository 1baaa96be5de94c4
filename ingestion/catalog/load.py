"""A Catalog into raw.catalog_*, under the next version number: all or nothing, and nothing where nothing changed.

The row in raw.catalog_versions is the commit: it is written last, and rows above the last committed version are leftovers
of a crash that the next attempt deletes. Accounts, credits and budgets are not written here: the control store is their
master. Callers hold the lease of the pipeline, so one version number is never written by two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal

from clickhouse_connect.driver.client import Client

from ingestion.catalog.catalog import WAREHOUSE_TABLES, Catalog
from ingestion.catalog.rows import PriceTier
from warehouse.errors import WarehouseError
from warehouse.settings import Settings

Value = str | int | bool | Decimal | datetime


@dataclass(frozen=True)
class CatalogVersion:
    """The version that holds after an apply, and whether this apply wrote it."""

    version: int
    changed: bool


def current_catalog_version(client: Client, settings: Settings) -> int:
    """The last committed version, from 1; 0 where no catalog was applied yet."""
    return _current(client, settings)[0]


def apply_catalog(client: Client, settings: Settings, catalog: Catalog) -> CatalogVersion:
    """Make the warehouse part of a catalog (`WAREHOUSE_TABLES`) the current version. Safe to repeat after any failure.

    Raises:
        WarehouseError: the warehouse does not hold what was written; nothing was committed.
    """
    current, content_hash = _current(client, settings)
    if content_hash == catalog.content_hash:
        return CatalogVersion(current, changed=False)
    version = current + 1
    expected = {table: len(getattr(catalog, table)) for table in WAREHOUSE_TABLES}
    _delete_leftovers(client, settings, above=current)
    for table in WAREHOUSE_TABLES:
        _insert(client, settings, table, version, getattr(catalog, table))
    written = _rows_above(client, settings, above=current)
    if written != expected:
        raise WarehouseError(f"catalog version {version} was not written completely ({written} rows for {expected}); apply it again")
    client.insert(
        f"{settings.database('raw')}.catalog_versions",
        [[version, catalog.content_hash, settings.now()]],
        column_names=["catalog_version", "content_hash", "applied_at"],
    )
    return CatalogVersion(version, changed=True)


def _current(client: Client, settings: Settings) -> tuple[int, str]:
    rows = client.query(
        f"SELECT catalog_version, content_hash FROM {settings.database('raw')}.catalog_versions ORDER BY catalog_version DESC LIMIT 1"
    ).result_rows
    return (int(rows[0][0]), str(rows[0][1])) if rows else (0, "")


def _rows_above(client: Client, settings: Settings, *, above: int) -> dict[str, int]:
    counts = " UNION ALL ".join(
        f"SELECT '{table}', count() FROM {settings.database('raw')}.catalog_{table} WHERE catalog_version > {above:d}"
        for table in WAREHOUSE_TABLES
    )
    return {str(table): int(count) for table, count in client.query(counts).result_rows}


def _delete_leftovers(client: Client, settings: Settings, *, above: int) -> None:
    """Only where there are any: a delete rewrites parts."""
    for table, count in _rows_above(client, settings, above=above).items():
        if count:
            client.command(
                f"DELETE FROM {settings.database('raw')}.catalog_{table} WHERE catalog_version > {above:d}",
                settings={"lightweight_deletes_sync": 2},
            )


def _insert(client: Client, settings: Settings, table: str, version: int, rows: Sequence[object]) -> None:
    if rows:
        records = [{"catalog_version": version} | _values(row) for row in rows]
        client.insert(
            f"{settings.database('raw')}.catalog_{table}",
            [list(record.values()) for record in records],
            column_names=list(records[0]),
        )


def _values(row: object) -> dict[str, Value]:
    """Column to value. The open tier has no up_to, and the warehouse no null: it says `is_last` instead."""
    values: dict[str, Value] = {field.name: getattr(row, field.name) for field in fields(row)}  # type: ignore[arg-type]  # rows are dataclasses
    if isinstance(row, PriceTier):
        values |= {"up_to": Decimal(0) if row.up_to is None else row.up_to, "is_last": row.up_to is None}
    return values
