"""The limit: how fast the engine does the least that any billing of these files has to do, without any of the promises.

Three plain statements: insert the parsed events, group them into hourly cells, sum price times quantity by account and SKU. No
identity, no rejects, no versions, no tiers, no lifecycle, no checks. What the product takes longer than this is its price.

Each statement is the fastest plain way that was found: the embedded server reads the files itself, several at once, into
tables without an order (streaming the files, sorting them and JSONEachRow were slower). A configured server
cannot see our files; there they are streamed, one after the other.
"""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from clickhouse_connect.driver.client import Client

from benchmarks.figures import timed
from benchmarks.memory import PeakMemory
from ingestion.sql.literals import text
from warehouse.client import connect
from warehouse.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Seconds of each statement, and what the last one answered, so that it cannot be skipped."""

    insert_seconds: float
    group_seconds: float
    rate_seconds: float
    rows: int  # events in the table
    cells: int
    lines: int  # (account, SKU) sums
    peak_bytes: int  # of all three, all processes

    @property
    def seconds(self) -> float:
        """All three."""
        return self.insert_seconds + self.group_seconds + self.rate_seconds


_INSERT = """{events} SELECT
    tupleElement(event, 'type'), tupleElement(event, 'subject'),
    parseDateTime64BestEffortOrZero(tupleElement(event, 'time'), 3, 'UTC'),
    tupleElement(tupleElement(event, 'data'), 'account_id'), tupleElement(tupleElement(event, 'data'), 'project_id'),
    tupleElement(tupleElement(event, 'data'), 'region'), tupleElement(tupleElement(event, 'data'), 'metric'),
    toDecimal128OrZero(tupleElement(tupleElement(event, 'data'), 'quantity'), 9)
FROM (
    SELECT JSONExtract(line, 'Tuple(type String, subject String, time String,
        data Tuple(account_id String, project_id String, region String, metric String, quantity String))') AS event
    FROM {lines}
)"""

_GROUP = """
INSERT INTO {cells}
SELECT toStartOfHour(event_at) AS hour_at, account_id, project_id, resource_id, region, metric, sum(quantity)
FROM {events}
WHERE type = 'usage.recorded'
GROUP BY hour_at, account_id, project_id, resource_id, region, metric
"""

_RATE = """
SELECT count(), sum(amount)
FROM (
    SELECT account_id, sku_id, sum(toDecimal256(quantity, 9) * unit_price) AS amount
    FROM {cells} AS cell
    INNER JOIN {prices} AS price USING (metric, region)
    GROUP BY account_id, sku_id
)
"""


def measure_limit(settings: Settings, files: Sequence[Path], catalog: Path, *, pids: Sequence[int] = ()) -> Limit:
    """Run the three statements on .jsonl.gz files, in tables of their own that are dropped at the end.

    Args:
        settings: of a deployment whose warehouse runs.
        files: of the slice.
        catalog: what it is priced by.
        pids: of processes beside this one whose memory counts.

    Raises:
        WarehouseError: the warehouse does not answer.
    """
    names = {name: f"{settings.database('raw')}.benchmark_{name}" for name in ("events", "cells", "prices")}
    with contextlib.closing(connect(settings)) as client:
        _create(client, names)
        try:
            client.insert(names["prices"], _prices(catalog), column_names=["metric", "region", "sku_id", "unit_price"])
            with PeakMemory(*pids) as memory:
                with timed() as insert:
                    _insert(client, settings, names["events"], files)
                with timed() as group:
                    client.command(_GROUP.format(**names))
                with timed() as rate:
                    lines = client.query(_RATE.format(**names)).result_rows[0][0]
            return Limit(
                insert_seconds=insert.seconds,
                group_seconds=group.seconds,
                rate_seconds=rate.seconds,
                peak_bytes=memory.peak_bytes,
                rows=_count(client, names["events"]),
                cells=_count(client, names["cells"]),
                lines=lines,
            )
        finally:
            _drop(client, names)


def _insert(client: Client, settings: Settings, events: str, files: Sequence[Path]) -> None:
    if settings.is_embedded:
        names = ",".join(path.name for path in files)
        lines = f"file({text(f'{files[0].parent}/{{{names}}}')}, 'LineAsString', 'line String')"
        cores = client.query("SELECT getSetting('max_threads')").result_rows[0][0]
        client.command(f"INSERT INTO {_INSERT.format(events=events, lines=lines)}", settings={"max_insert_threads": cores})
        return
    for path in files:
        with path.open("rb") as file:
            # The driver builds `INSERT INTO <table> FORMAT <format>`; the SELECT stands between the two.
            statement = _INSERT.format(events=events, lines="input('line String')")
            client.raw_insert(statement, insert_block=file, fmt="LineAsString", compression="gzip")


_COLUMNS = {
    "events": (
        "type LowCardinality(String), resource_id String, event_at DateTime64(3, 'UTC'), account_id String, project_id String, "
        "region LowCardinality(String), metric LowCardinality(String), quantity Decimal(38, 9)",
        "tuple()",
    ),
    "cells": (
        "hour_at DateTime('UTC'), account_id String, project_id String, resource_id String, "
        "region LowCardinality(String), metric LowCardinality(String), quantity Decimal(38, 9)",
        "tuple()",
    ),
    "prices": (
        "metric LowCardinality(String), region LowCardinality(String), sku_id String, unit_price Decimal(38, 12)",
        "(metric, region)",
    ),
}


def _create(client: Client, names: dict[str, str]) -> None:
    _drop(client, names)
    for name, (columns, order) in _COLUMNS.items():
        client.command(f"CREATE TABLE {names[name]} ({columns}) ENGINE = MergeTree ORDER BY {order}")


def _drop(client: Client, names: dict[str, str]) -> None:
    for name in names.values():
        client.command(f"DROP TABLE IF EXISTS {name} SYNC")


def _prices(catalog: Path) -> list[tuple[str, str, str, Decimal]]:
    """One price a (metric, region): the USD list price, or that of its last tier."""
    skus = {row["sku_id"]: row for row in _rows(catalog / "skus.csv")}
    last_tier = {row["price_id"]: row["unit_price"] for row in _rows(catalog / "price_tiers.csv") if not row["up_to"]}
    listed = [row for row in _rows(catalog / "prices.csv") if not row["account_id"] and row["currency_code"] == "USD"]
    return [
        (
            skus[row["sku_id"]]["metric"],
            skus[row["sku_id"]]["region"],
            row["sku_id"],
            Decimal(row["unit_price"] or last_tier[row["price_id"]]),
        )
        for row in listed
    ]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _count(client: Client, table: str) -> int:
    return int(client.query(f"SELECT count() FROM {table}").result_rows[0][0])
