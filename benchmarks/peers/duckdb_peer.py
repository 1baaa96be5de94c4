"""DuckDB over the event files: parse, group to hourly cells, price times quantity by account and SKU.

Arguments: the folder of the .jsonl.gz files and that of the catalog. No identity, tiers, versions or lifecycle.
"""

from __future__ import annotations

import json
import sys
import time

import duckdb  # type: ignore[import-not-found]  # in the peer's own venv

_COLUMNS = (
    "{'type': 'VARCHAR', 'subject': 'VARCHAR', 'time': 'TIMESTAMP', 'data': 'STRUCT(account_id VARCHAR, project_id VARCHAR,"
    " region VARCHAR, metric VARCHAR, quantity DECIMAL(22, 9))'}"
)
_INSERT = """
CREATE TABLE events AS
SELECT type, subject AS resource_id, time AS event_at, data.account_id, data.project_id, data.region, data.metric, data.quantity
FROM read_json('{events}/*.jsonl.gz', format = 'newline_delimited', columns = {columns})
"""
_GROUP = """
CREATE TABLE cells AS
SELECT date_trunc('hour', event_at) AS hour_at, account_id, project_id, resource_id, region, metric, sum(quantity) AS quantity
FROM events WHERE type = 'usage.recorded' GROUP BY ALL
"""
# One price a (metric, region): the USD list price, or that of its last tier.
_PRICES = """
CREATE TABLE listed AS
SELECT metric, region, prices.sku_id, CAST(coalesce(prices.unit_price, tiers.unit_price) AS DECIMAL(16, 12)) AS unit_price
FROM read_csv('{catalog}/prices.csv', all_varchar = true) AS prices
JOIN read_csv('{catalog}/skus.csv', all_varchar = true) AS skus ON prices.sku_id = skus.sku_id
LEFT JOIN read_csv('{catalog}/price_tiers.csv', all_varchar = true) AS tiers ON prices.price_id = tiers.price_id AND tiers.up_to IS NULL
WHERE prices.account_id IS NULL AND prices.currency_code = 'USD'
"""
_RATE = """
SELECT count(*), sum(amount) FROM (
    SELECT account_id, sku_id, sum(CAST(quantity AS DECIMAL(22, 9)) * unit_price) AS amount
    FROM cells JOIN listed USING (metric, region) GROUP BY account_id, sku_id
)
"""


def main() -> None:
    """Run the three statements and print what they took."""
    events, catalog = sys.argv[1:3]
    with duckdb.connect() as connection:
        connection.execute(_PRICES.format(catalog=catalog))
        seconds = {}
        for step, statement in (("insert", _INSERT.format(events=events, columns=_COLUMNS)), ("group", _GROUP), ("rate", _RATE)):
            started = time.perf_counter()
            answer = connection.execute(statement).fetchall()
            seconds[step] = time.perf_counter() - started
        counts = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("events", "cells")}
    print(json.dumps({"seconds": seconds, **counts, "lines": answer[0][0]}))  # noqa: T201 - read by the benchmark


if __name__ == "__main__":
    main()
