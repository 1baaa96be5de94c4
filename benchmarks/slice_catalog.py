"""What the ten-minute slice is billed by: 40 SKUs with every price model, contracts and commitments."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

REGIONS = ("eu-north1", "us-central1", "ap-northeast1", "me-central1")
GIB = 1 << 30
# Long before any slice, so that history of earlier months is priced, too.
_PRICED_FROM = "2025-01-01"
# Equal prices in both: the figures do not depend on who pays in what.
_COUNTRIES = {"USD": "US", "EUR": "DE"}
# Accounts with a contract price, and as many others with commitments: one of this many.
_SPECIAL_EVERY = 100

Row = Sequence[object]


@dataclass(frozen=True, kw_only=True)
class Meter:
    """A metric: how it is aggregated and priced, and the greatest quantity of one report (0: a machine holds it)."""

    metric: str
    aggregation: str
    usd: str
    model: str = "per_unit"
    divisor: int = 1
    most: int = 0


METERS = (
    Meter(metric="network.egress_bytes", aggregation="sum", model="graduated", most=GIB, divisor=GIB, usd="0.08"),
    Meter(metric="network.ingress_bytes", aggregation="sum", most=GIB, divisor=GIB, usd="0.001"),
    Meter(metric="disk.read_bytes", aggregation="sum", most=GIB, divisor=GIB, usd="0.0004"),
    Meter(metric="disk.write_bytes", aggregation="sum", most=GIB, divisor=GIB, usd="0.0006"),
    Meter(metric="disk.used_bytes", aggregation="max", model="volume", most=512 * GIB, divisor=GIB, usd="0.00012"),
    Meter(metric="api.request", aggregation="count", model="package", most=1, usd="0.40"),
    Meter(metric="inference.tokens", aggregation="sum", model="graduated", most=200_000, divisor=1_000_000, usd="0.60"),
)
_HELD = (
    Meter(metric="compute.vcpu", aggregation="time_weighted", usd="0.0124"),
    Meter(metric="compute.ram_gib", aggregation="time_weighted", usd="0.0032"),
    Meter(metric="compute.gpu", aggregation="time_weighted", usd="2.95"),
)
# One SKU a metric and region: 28 of usage, 12 time-weighted.
_SKUS = tuple((f"{meter.metric}-{region}", meter, region) for meter in METERS + _HELD for region in REGIONS)


def account_id(index: int) -> str:
    """The id of the account at an index."""
    return f"acc-{index:06d}"


def write_catalog(folder: Path, *, accounts: int, committed_from: datetime) -> None:
    """Write the catalog for the first `accounts` accounts.

    Args:
        folder: made where it does not exist.
        accounts: accounts of the slice.
        committed_from: start of the commitments, on an hour. Their unused hours are billed from here to the as-of, so an
            early one adds rows that are not the slice's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    customers = [(account_id(index), tuple(_COUNTRIES)[index % len(_COUNTRIES)]) for index in range(accounts)]
    _table(
        folder / "accounts.csv",
        "account_id name currency_code country_code tax_id is_tax_exempt email gateway payment_terms_days",
        ((account, account, code, _COUNTRIES[code], "", "false", f"{account}@example.com", "stripe", 14) for account, code in customers),
    )
    _table(
        folder / "skus.csv",
        "sku_id service name metric region unit aggregation billed_when divisor",
        (
            (sku_id, meter.metric.split(".")[0], sku_id, meter.metric, region, "unit", meter.aggregation, "", meter.divisor)
            for sku_id, meter, region in _SKUS
        ),
    )
    _table(
        folder / "prices.csv",
        "price_id sku_id account_id currency_code model unit_price package_size valid_from valid_to",
        _prices(customers),
    )
    _table(folder / "price_tiers.csv", "price_id tier up_to unit_price flat_fee", _tiers())
    _table(
        folder / "commitments.csv",
        "commitment_id account_id sku_id quantity_per_hour unit_price currency_code valid_from valid_to",
        (
            (
                f"reserved-{account}-{region}",
                account,
                f"compute.gpu-{region}",
                "0.5",
                "2.05",
                code,
                f"{committed_from:%Y-%m-%dT%H:00:00Z}",
                "",
            )
            for account, code in customers[1::_SPECIAL_EVERY]
            for region in REGIONS
        ),
    )
    _table(folder / "taxes.csv", "country_code tax_name percent valid_from valid_to", iter([("DE", "VAT", "19", "2021-01-01", "")]))


def _prices(customers: Sequence[tuple[str, str]]) -> Iterator[Row]:
    for sku_id, meter, _ in _SKUS:
        unit_price = "" if _has_tiers(meter) else meter.usd
        package_size = 1000 if meter.model == "package" else ""
        for code in _COUNTRIES:
            yield f"{sku_id}-{code}", sku_id, "", code, meter.model, unit_price, package_size, _PRICED_FROM, ""
    for account, code in customers[::_SPECIAL_EVERY]:
        for region in REGIONS:
            yield f"contract-{account}-{region}", f"compute.gpu-{region}", account, code, "per_unit", "2.55", "", _PRICED_FROM, ""


def _tiers() -> Iterator[Row]:
    """Bounds low enough that the slice itself crosses them."""
    for sku_id, meter, _ in _SKUS:
        for code in _COUNTRIES if _has_tiers(meter) else ():
            yield f"{sku_id}-{code}", 1, "1", "0", "0"
            yield f"{sku_id}-{code}", 2, "20", meter.usd, "0"
            yield f"{sku_id}-{code}", 3, "", meter.usd, "1"


def _has_tiers(meter: Meter) -> bool:
    return meter.model in ("graduated", "volume")


def _table(path: Path, header: str, rows: Iterator[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split())
        writer.writerows(rows)
