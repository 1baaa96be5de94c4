"""Catalogs nobody here wrote are accepted: those of the trace converter, and one made of a real cloud's price list."""

from __future__ import annotations

import csv
import runpy
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ingestion.catalog import read_catalog

if TYPE_CHECKING:
    from conftest import CatalogFolder

SHARED = Path(__file__).parents[5] / "shared"
pytestmark = pytest.mark.needs_shared_data


@pytest.mark.parametrize("is_full", [False, True])
@pytest.mark.parametrize("accounts", [1, 2, 12, 400])
def test_catalogs_of_the_trace_converter_are_valid(tmp_path: Path, accounts: int, is_full: bool) -> None:
    converter: dict[str, Any] = runpy.run_path(str(SHARED / "tools" / "trace_to_events.py"))
    converter["write_catalog"](tmp_path, [f"acc-{number:04d}" for number in range(accounts)], is_full)
    catalog = read_catalog(tmp_path)
    assert len(catalog.accounts) == accounts
    assert bool(catalog.price_tiers) == is_full


def test_a_real_price_list_becomes_a_catalog_price_by_price(folder: CatalogFolder) -> None:
    with (SHARED / "data" / "nebius_prices" / "nebius_vms.csv").open(newline="") as file:
        machines = list(csv.DictReader(file))
    folder.remove("price_tiers.csv", "discounts.csv", "commitments.csv", "budgets.csv")
    skus, prices = [], []
    for machine in machines:
        sku_id = f"{machine['InstanceType']}@{machine['Region']}"
        metric = f"compute.{machine['InstanceType']}"
        skus.append(f"{sku_id},Compute,{machine['InstanceType']},{metric},{machine['Region']},VM-hour,time_weighted,running,1")
        prices.append(f"{sku_id}-usd,{sku_id},,USD,per_unit,{machine['Price']},,2026-01-01,")
    folder.write("skus.csv", "\n".join(["sku_id,service,name,metric,region,unit,aggregation,billed_when,divisor", *skus]))
    folder.write("prices.csv", "\n".join([(folder.path / "prices.csv").read_text().splitlines()[0], *prices]))
    catalog = folder.read()
    assert len(catalog.prices) == len(machines) == 61
    assert sum(price.unit_price for price in catalog.prices) == sum(Decimal(machine["Price"]) for machine in machines)
