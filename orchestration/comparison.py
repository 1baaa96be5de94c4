"""Does a rebuild from raw alone give the tables that the incremental runs made? `rebuild --compare` answers, and changes nothing.

A copy of raw and ops gets one tick that computes everything from nothing; then each public table is compared both ways.
"""

from __future__ import annotations

from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from orchestration import dbt
from warehouse import ticks
from warehouse.clone import cloned
from warehouse.errors import WarehouseError
from warehouse.settings import Settings

PURPOSE = "compare"
TABLES = (
    "metering.consumption_hourly",
    "rating.charges_hourly",
    "rating.charges_daily",
    "rating.unrated_consumption",
    "invoicing.invoice_lines",
    "invoicing.credit_uses",
    "invoicing.invoices",
)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One table. `first_difference` is a row as JSON text, empty where the tables are equal."""

    table: str
    row_count: int
    missing_count: int  # rows of the rebuild that the table lacks
    extra_count: int  # rows of the table that the rebuild lacks
    first_difference: str


def compare(client: Client, settings: Settings, *, seller_country: str = "") -> list[Comparison]:
    """Rebuild a copy as of the last tick and compare. Callers hold the pipeline's lease.

    Raises:
        WarehouseError: no tick has run yet, or the engine failed on the copy.
    """
    committed = client.query(
        f"SELECT as_of FROM {settings.database('ops')}.ticks WHERE status = 'committed' ORDER BY tick_id DESC LIMIT 1"
    ).result_rows
    if not committed:
        raise WarehouseError("there is nothing to compare with: no tick has run yet")
    with cloned(client, settings, purpose=PURPOSE, layers=("raw", "ops")) as copy:
        ticks.begin(client, copy, as_of=committed[0][0], rebuild_from=ticks.EPOCH, rebuild_to=ticks.FOREVER, seller_country=seller_country)
        failed = [result for result in dbt.build(copy) if result.status in ("error", "fail")]
        if failed:
            raise WarehouseError(f"the rebuild failed: {failed[0].unique_id}: {dbt.first_line(failed[0].message)}")
        return [_compare(client, settings, copy, table) for table in TABLES]


def _compare(client: Client, settings: Settings, copy: Settings, table: str) -> Comparison:
    layer, _, name = table.partition(".")
    ours, theirs = f"{settings.database(layer)}.{name}", f"{copy.database(layer)}.{name}"
    columns = [row[0] for row in client.query(f"DESCRIBE {ours}").result_rows]
    members = ", ".join(f"'{column}', toString({column})" for column in columns)
    row = f"toJSONString(map({members}))"
    missing = f"SELECT {row} AS row FROM {theirs} EXCEPT SELECT {row} AS row FROM {ours}"
    extra = f"SELECT {row} AS row FROM {ours} EXCEPT SELECT {row} AS row FROM {theirs}"
    row_count, missing_count, extra_count, first = client.query(
        f"SELECT (SELECT count() FROM {ours}), (SELECT count() FROM ({missing})), (SELECT count() FROM ({extra})),"
        f" (SELECT min(row) FROM (SELECT row FROM ({missing}) UNION ALL SELECT row FROM ({extra})))"
    ).result_rows[0]
    return Comparison(table=table, row_count=row_count, missing_count=missing_count, extra_count=extra_count, first_difference=first or "")
