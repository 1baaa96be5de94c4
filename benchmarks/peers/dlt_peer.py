"""dlt and plain dbt on the same ClickHouse: merge the events by (source, id), then two models, hourly cells and charges.

Arguments: the folder of the .jsonl.gz files and that of the catalog. The server comes in the environment, PEER_HOST,
PEER_HTTP_PORT, PEER_TCP_PORT, PEER_USER, PEER_PASSWORD and PEER_DATABASE. No conflicts, tiers, versions or lifecycle.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt  # type: ignore[import-not-found]  # in the peer's own venv

_PROJECT = """
name: peer
version: "1.0.0"
profile: peer
model-paths: [models]
flags: {send_anonymous_usage_stats: false}
models: {peer: {+materialized: table}}
"""
_PROFILE = """
peer:
  target: peer
  outputs:
    peer:
      type: clickhouse
      driver: http
      host: "{{ env_var('PEER_HOST') }}"
      port: "{{ env_var('PEER_HTTP_PORT') | as_number }}"
      user: "{{ env_var('PEER_USER') }}"
      password: "{{ env_var('PEER_PASSWORD') }}"
      schema: "{{ env_var('PEER_DATABASE') }}"
      threads: 2
"""
_MODELS = {
    "cells": """
select toStartOfHour(assumeNotNull(time)) as hour_at, assumeNotNull(data__account_id) as account_id,
    assumeNotNull(data__project_id) as project_id, assumeNotNull(subject) as resource_id, assumeNotNull(data__region) as region,
    assumeNotNull(data__metric) as metric, sum(toDecimal128(assumeNotNull(data__quantity), 9)) as quantity
from {{ env_var('PEER_DATABASE') }}.benchmark___events where type = 'usage.recorded' group by all
""",
    "charges": """
select account_id, sku_id, sum(toDecimal256(quantity, 9) * toDecimal128(unit_price, 12)) as amount
from {{ ref('cells') }} as cells
inner join {{ env_var('PEER_DATABASE') }}.benchmark___prices as prices on cells.metric = prices.metric and cells.region = prices.region
group by account_id, sku_id
""",
}


def main() -> None:
    """Load, build, and print what they took."""
    events, catalog = (Path(argument) for argument in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            pipeline_name="benchmark",
            pipelines_dir=f"{folder}/dlt",
            destination=dlt.destinations.clickhouse(credentials=_credentials()),
            dataset_name="benchmark",
        )
        pipeline.run(_prices(catalog), table_name="prices", write_disposition="replace")
        started = time.perf_counter()
        pipeline.run(_lines(events), table_name="events", write_disposition="merge", primary_key=("source", "id"))
        seconds = {"insert (dlt)": time.perf_counter() - started}
        project = Path(folder) / "dbt"
        (project / "models").mkdir(parents=True)
        (project / "dbt_project.yml").write_text(_PROJECT)
        (project / "profiles.yml").write_text(_PROFILE)
        for name, model in _MODELS.items():
            (project / "models" / f"{name}.sql").write_text(model)
        started = time.perf_counter()
        subprocess.run(  # noqa: S603 - the peer's own program
            [
                str(Path(sys.executable).with_name("dbt")),
                "--no-version-check",
                "run",
                "--project-dir",
                str(project),
                "--profiles-dir",
                str(project),
            ],
            check=True,
            stdout=sys.stderr,
        )
        seconds["group and rate (dbt)"] = time.perf_counter() - started
        with pipeline.sql_client() as client:
            names = {"events": "benchmark___events", "cells": "cells", "lines": "charges"}
            counts = {name: client.execute_sql(f"SELECT count() FROM {table}")[0][0] for name, table in names.items()}
    print(json.dumps({"seconds": seconds, **counts}))  # noqa: T201 - read by the benchmark


def _credentials() -> dict[str, Any]:
    given = os.environ  # noqa: TID251 - a program of its own, without settings
    return {
        "host": given["PEER_HOST"],
        "port": int(given["PEER_TCP_PORT"]),
        "http_port": int(given["PEER_HTTP_PORT"]),
        "username": given["PEER_USER"],
        "password": given["PEER_PASSWORD"],
        "database": given["PEER_DATABASE"],
        "secure": 0,
    }


@dlt.resource(name="events", max_table_nesting=2)  # type: ignore[untyped-decorator]  # dlt is not there for the checker
def _lines(events: Path) -> Iterator[list[Any]]:
    for path in sorted(events.glob("*.jsonl.gz")):
        with gzip.open(path, "rb") as file:
            while lines := file.readlines(1 << 22):
                yield [json.loads(line) for line in lines]


@dlt.resource(name="prices")  # type: ignore[untyped-decorator]
def _prices(catalog: Path) -> Iterator[dict[str, str]]:
    """One price a (metric, region): the USD list price, or that of its last tier."""
    skus = {row["sku_id"]: row for row in _rows(catalog / "skus.csv")}
    tiers = {row["price_id"]: row["unit_price"] for row in _rows(catalog / "price_tiers.csv") if not row["up_to"]}
    for price in _rows(catalog / "prices.csv"):
        if not price["account_id"] and price["currency_code"] == "USD":
            sku = skus[price["sku_id"]]
            unit_price = price["unit_price"] or tiers[price["price_id"]]
            yield {"metric": sku["metric"], "region": sku["region"], "sku_id": price["sku_id"], "unit_price": unit_price}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
