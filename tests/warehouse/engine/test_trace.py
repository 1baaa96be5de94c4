"""A production GPU cluster's trace, billed end to end; one account's month recomputed from the trace's own CSV, without SQL."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from control.domain.accounts import AccountRow
from control.services.accounts import upsert_accounts
from ingestion.catalog import apply_catalog, read_catalog
from ingestion.loader import load_file
from tests.conftest import SHARED_DATA
from tests.warehouse.engine.stage import open_stage
from warehouse.settings import Settings

pytestmark = pytest.mark.needs_shared_data

TRACE = SHARED_DATA / "alibaba_gpu_2023" / "openb_pod_list_default.csv"
CONVERTER = SHARED_DATA.parent / "tools" / "trace_to_events.py"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # second 0 of the trace, as the converter says
ACCOUNT = "acc-0003"  # bills in yen: no minor unit to hide a rounding in
MONTH = (datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))
DIVISORS = {"vcpu": 1000, "ram": 1024, "gpu": 1}


def test_an_accounts_month_of_the_trace_equals_a_recomputation_from_its_csv(settings: Settings, client: Client, tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(CONVERTER), "alibaba2023", str(TRACE), str(tmp_path)], check=True, capture_output=True)
    with open_stage(settings, client, tmp_path) as stage:
        catalog = read_catalog(tmp_path / "catalog")
        upsert_accounts(stage.control, [AccountRow(**asdict(row)) for row in catalog.accounts])
        apply_catalog(client, settings, catalog)
        loaded = [load_file(client, settings, path) for path in sorted((tmp_path / "events").glob("*.jsonl.gz"))]
        stage.tick(None, scope="all")
        lines = client.query(
            f"SELECT sku_id, toString(quantity), toString(amount) FROM {settings.database('invoicing')}.invoice_lines"
            f" WHERE account_id = '{ACCOUNT}' AND period = '2026-04'"
        ).result_rows

    assert sum(result.accepted for result in loaded) == sum(1 for _ in _lifecycle_rows())
    prices = {price.sku_id: Fraction(price.unit_price) for price in catalog.prices if price.currency_code == "JPY"}
    wanted = {sku: (quantity, _to_yen(quantity * prices[sku])) for sku, quantity in _quantities().items() if quantity}
    assert {sku: (Fraction(Decimal(quantity)), Fraction(Decimal(amount))) for sku, quantity, amount in lines} == wanted


def _pods() -> Iterator[dict[str, str]]:
    with TRACE.open(newline="") as file:
        yield from csv.DictReader(file)


def _lifecycle_rows() -> Iterator[str]:
    """One per event: created and deleted for each pod, started for those that were scheduled."""
    for pod in _pods():
        yield from ("created", "deleted", *(["started"] if pod["scheduled_time"] else []))


def _quantities() -> dict[str, Fraction]:
    """Units of the account in the month: what each pod held, for the part of each hour it ran, rounded to 12 decimals an hour."""
    totals: dict[str, Fraction] = defaultdict(Fraction)
    first, last = (int((edge - EPOCH).total_seconds()) for edge in MONTH)
    for pod in _pods():
        number = int(pod["name"].rsplit("-", 1)[1])
        if f"acc-{number % 12:04d}" != ACCOUNT or not pod["scheduled_time"]:
            continue
        held = {
            "vcpu": Fraction(pod["cpu_milli"]),
            "ram": Fraction(pod["memory_mib"]),
            "gpu": Fraction(pod["num_gpu"]) * Fraction(pod["gpu_milli"]) / 1000,
        }
        start, end = max(int(float(pod["scheduled_time"])), first), min(int(pod["deletion_time"]), last)
        for hour in range(start - start % 3600, end, 3600):
            seconds = min(end, hour + 3600) - max(start, hour)
            for sku, value in held.items():
                totals[sku] += _round(value * seconds / 3600 / DIVISORS[sku], 12)
    return totals


def _round(value: Fraction, decimals: int) -> Fraction:
    """Half away from zero, of a value that is not negative."""
    return Fraction(int(value * 10**decimals + Fraction(1, 2)), 10**decimals)


def _to_yen(value: Fraction) -> Fraction:
    return _round(value, 0)
