"""CloudKitty's hashmap rating over the hourly cells of the event files: a service a metric, a price a region.

Arguments: the folder of the .jsonl.gz files and that of the catalog. Grouping to cells stands for its collector, which
asks a metrics store for them; only loading the prices and rating are CloudKitty's.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
import tempfile
import time
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from oslo_config import cfg  # type: ignore[import-not-found]  # in the peer's own venv
from oslo_db import options  # type: ignore[import-not-found]

Cell = tuple[str, str, str, str, str, str]  # hour, account, project, resource, region, metric


def main() -> None:
    """Group, rate, and print what it took."""
    events, catalog = (Path(argument) for argument in sys.argv[1:3])
    seconds = {}
    started = time.perf_counter()
    cells, count = _cells(events)
    seconds["group (ours, in Python)"] = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        cfg.CONF([], project="cloudkitty")
        options.set_defaults(cfg.CONF)
        cfg.CONF.set_override("connection", f"sqlite:///{folder}/rating.db", group="database")
        processor = _processor(catalog)
        started = time.perf_counter()
        lines = _rated(processor, cells)
        seconds["rate"] = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "events": count, "cells": len(cells), "lines": lines}))  # noqa: T201 - read by the benchmark


def _cells(events: Path) -> tuple[dict[Cell, Decimal], int]:
    cells: dict[Cell, Decimal] = defaultdict(Decimal)
    count = 0
    for path in sorted(events.glob("*.jsonl.gz")):
        with gzip.open(path, "rb") as file:
            for line in file:
                count += 1
                event = json.loads(line)
                if event["type"] == "usage.recorded":
                    data = event["data"]
                    cell = (event["time"][:13], data["account_id"], data["project_id"], event["subject"], data["region"], data["metric"])
                    cells[cell] += Decimal(data["quantity"])
    return cells, count


def _processor(catalog: Path) -> Any:  # noqa: ANN401 - CloudKitty has no types
    """A rating processor with the list prices; the last tier where a price has tiers."""
    # They read the configuration when they are imported.
    from cloudkitty import db  # type: ignore[import-not-found]  # noqa: PLC0415
    from cloudkitty.rating import hash as hashmap  # type: ignore[import-not-found]  # noqa: PLC0415
    from cloudkitty.rating.hash.db.sqlalchemy import models  # type: ignore[import-not-found]  # noqa: PLC0415

    with db.session_for_write() as session:  # its migrations stop half-way on SQLite
        models.Base.metadata.create_all(session.get_bind())
    store = hashmap.HashMap.db_api
    skus = {row["sku_id"]: row for row in _rows(catalog / "skus.csv")}
    tiers = {row["price_id"]: row["unit_price"] for row in _rows(catalog / "price_tiers.csv") if not row["up_to"]}
    fields: dict[str, str] = {}
    for price in _rows(catalog / "prices.csv"):
        if price["account_id"] or price["currency_code"] != "USD":
            continue
        sku = skus[price["sku_id"]]
        if sku["metric"] not in fields:
            service = store.create_service(sku["metric"]).service_id
            fields[sku["metric"]] = store.create_field(service, "region").field_id
        cost = Decimal(price["unit_price"] or tiers[price["price_id"]]) / Decimal(sku["divisor"] or 1)
        store.create_mapping(cost=cost, map_type="flat", value=sku["region"], field_id=fields[sku["metric"]], created_by="benchmark")
    return hashmap.HashMap(None)


def _rated(processor: Any, cells: dict[Cell, Decimal]) -> int:  # noqa: ANN401 - CloudKitty has no types
    """Rate all cells of an hour as one frame, as its orchestrator does; how many (account, SKU) have an amount."""
    from cloudkitty import dataframe  # noqa: PLC0415 - as above

    amounts: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    points: dict[str, list[tuple[Cell, Decimal]]] = defaultdict(list)
    for cell, quantity in cells.items():
        points[cell[0]].append((cell, quantity))
    for hour, of_hour in points.items():
        start = datetime.fromisoformat(hour).replace(tzinfo=UTC)
        frame = dataframe.DataFrame(start=start, end=start)
        for (_, account, project, resource, region, metric), quantity in of_hour:
            group = {"account_id": account, "project_id": project, "resource_id": resource, "region": region}
            frame.add_point(dataframe.DataPoint("unit", quantity, 0, group, {}), metric)
        for metric, point in processor.process(frame).iterpoints():
            amounts[point.groupby["account_id"], metric, point.groupby["region"]] += point.price
    if not all(amounts.values()):
        raise SystemExit("some usage was rated at nothing")
    return len(amounts)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
