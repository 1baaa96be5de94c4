"""The catalog folder that prices a generated cloud: every file and every price model of the contract, in four currencies.

List prices are those of a mid-priced GPU cloud in USD; other currencies follow by a fixed factor, as price lists do.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from ingestion.synthetic.landscape import Landscape, Owner
from ingestion.synthetic.shape import MONTH_END, START

FILES = ("accounts", "skus", "prices", "price_tiers", "discounts", "commitments", "credits", "taxes", "budgets")

_FROM = START.strftime("%Y-%m-%dT%H:%M:%SZ")
_MID_MONTH = "2026-01-16T00:00:00Z"
# Units of a currency for one USD; whole yen, so that JPY credits need no rounding.
_RATES = {"USD": Decimal(1), "EUR": Decimal("0.92"), "GBP": Decimal("0.79"), "JPY": Decimal(155)}
_GIB = 1 << 30


@dataclass(frozen=True, kw_only=True)
class _Sku:
    """A SKU with its list price in USD: one unit price, or tiers of (up to, unit price, flat fee), the last open."""

    sku_id: str
    service: str
    name: str
    metric: str
    unit: str
    aggregation: str
    usd: str = ""
    region: str = ""
    billed_when: str = ""
    divisor: int | None = None
    model: str = "per_unit"
    package_size: int | None = None
    tiers: tuple[tuple[str, str, str], ...] = ()
    usd_from_mid_month: str = ""  # a second price version, where set


_SKUS = (
    _Sku(
        sku_id="compute-vcpu",
        service="Compute",
        name="vCPU",
        metric="compute.vcpu",
        unit="vCPU-hour",
        aggregation="time_weighted",
        usd="0.0124",
    ),
    _Sku(
        sku_id="compute-ram",
        service="Compute",
        name="Memory",
        metric="compute.ram_gib",
        unit="GiB-hour",
        aggregation="time_weighted",
        usd="0.0032",
    ),
    # A disk is billed while its machine is stopped, too.
    _Sku(
        sku_id="compute-disk",
        service="Compute",
        name="SSD disk",
        metric="compute.disk_gib",
        unit="GiB-hour",
        aggregation="time_weighted",
        usd="0.000109",
        billed_when="exists",
    ),
    _Sku(
        sku_id="gpu-l40s",
        service="GPU",
        name="NVIDIA L40S",
        metric="compute.gpu_l40s",
        unit="GPU-hour",
        aggregation="time_weighted",
        usd="1.55",
        usd_from_mid_month="1.39",
    ),
    _Sku(
        sku_id="gpu-h100",
        service="GPU",
        name="NVIDIA H100",
        metric="compute.gpu_h100",
        unit="GPU-hour",
        aggregation="time_weighted",
        usd="2.95",
    ),
    # A SKU of one region goes before the one of all regions.
    _Sku(
        sku_id="gpu-h100-tokyo",
        service="GPU",
        name="NVIDIA H100, Tokyo",
        metric="compute.gpu_h100",
        unit="GPU-hour",
        aggregation="time_weighted",
        usd="3.35",
        region="ap-northeast1",
    ),
    _Sku(
        sku_id="storage-standard",
        service="Storage",
        name="Object storage",
        metric="storage.stored_bytes",
        unit="GiB-hour",
        aggregation="max",
        usd="0.0000202",
        divisor=_GIB,
    ),
    _Sku(
        sku_id="storage-egress",
        service="Network",
        name="Traffic to the internet",
        metric="storage.egress_bytes",
        unit="GiB",
        aggregation="sum",
        divisor=_GIB,
        model="graduated",
        tiers=(("100", "0", "0"), ("1024", "0.08", "0"), ("", "0.05", "0")),
    ),
    _Sku(
        sku_id="storage-requests",
        service="Storage",
        name="Requests, by the thousand",
        metric="storage.api_request",
        unit="request",
        aggregation="count",
        usd="0.40",
        model="package",
        package_size=1000,
    ),
    _Sku(
        sku_id="backup-standard",
        service="Storage",
        name="Backup vault",
        metric="backup.stored_bytes",
        unit="GiB-hour",
        aggregation="latest",
        divisor=_GIB,
        model="volume",
        tiers=(("500000", "0.0000151", "0"), ("", "0.0000123", "0")),
    ),
    _Sku(
        sku_id="inference-tokens",
        service="AI",
        name="Tokens, by the million",
        metric="inference.tokens",
        unit="million tokens",
        aggregation="sum",
        divisor=1_000_000,
        model="graduated",
        # The flat fee opens the dedicated capacity that large users move to.
        tiers=(("1000", "0.60", "0"), ("", "0.45", "50")),
    ),
    _Sku(
        sku_id="inference-users",
        service="AI",
        name="Active users, by the hour",
        metric="inference.user",
        unit="user-hour",
        aggregation="unique",
        usd="0.012",
    ),
)


def write_catalog(folder: Path, landscape: Landscape) -> None:
    """Write the nine files of a catalog folder for the customers of a landscape."""
    folder.mkdir(parents=True, exist_ok=True)
    owners = landscape.owners
    prices, tiers = _list_prices()
    prices += [row for owner in owners for row in _contract_prices(owner)]
    tables: dict[str, tuple[str, Iterable[Sequence[object]]]] = {
        "accounts": (
            "account_id name currency_code country_code tax_id is_tax_exempt email gateway payment_terms_days "
            "legal_name address postal_code city",
            map(_account, owners),
        ),
        "skus": ("sku_id service name metric region unit aggregation billed_when divisor", map(_sku, _SKUS)),
        "prices": ("price_id sku_id account_id currency_code model unit_price package_size valid_from valid_to", prices),
        "price_tiers": ("price_id tier up_to unit_price flat_fee", tiers),
        "discounts": ("discount_id account_id scope_type scope_value percent valid_from valid_to", _discounts(owners)),
        "commitments": (
            "commitment_id account_id sku_id quantity_per_hour unit_price currency_code valid_from valid_to",
            _commitments(owners),
        ),
        "credits": ("credit_id account_id amount currency_code valid_from valid_to", _credits(owners)),
        "taxes": ("country_code tax_name percent valid_from valid_to", _TAXES),
        "budgets": ("budget_id account_id scope_type scope_value amount currency_code thresholds", _budgets(owners)),
    }
    for name, (header, rows) in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header.split())
            writer.writerows(rows)


def in_currency(usd: str, currency_code: str) -> str:
    """A USD price in another currency, exact, without exponent."""
    return _plain(Decimal(usd) * _RATES[currency_code])


def _plain(amount: Decimal) -> str:
    return format(amount.normalize(), "f")


def _account(owner: Owner) -> Sequence[object]:
    who, place = owner.customer, owner.customer.place
    return (
        who.account_id,
        who.name,
        place.currency_code,
        place.country_code,
        who.tax_id,
        # A company with a tax id in another country than the seller's: it pays the tax itself (reverse charge).
        "true" if place.country_code == "NL" else "false",
        f"billing@{who.slug}.example",
        "stripe",
        30 if owner.weight > 2 else 14,
        who.legal_name,
        place.address,
        place.postal_code,
        place.city,
    )


def _sku(sku: _Sku) -> Sequence[object]:
    return sku.sku_id, sku.service, sku.name, sku.metric, sku.region, sku.unit, sku.aggregation, sku.billed_when, sku.divisor


def _list_prices() -> tuple[list[Sequence[object]], list[Sequence[object]]]:
    """Rows of prices.csv and price_tiers.csv for all SKUs in all currencies."""
    prices: list[Sequence[object]] = []
    tiers: list[Sequence[object]] = []
    for sku in _SKUS:
        for currency in _RATES:
            price_id = f"list-{sku.sku_id}-{currency.lower()}"
            amount = in_currency(sku.usd, currency) if sku.usd else ""
            until = _MID_MONTH if sku.usd_from_mid_month else ""
            prices.append((price_id, sku.sku_id, "", currency, sku.model, amount, sku.package_size, _FROM, until))
            if sku.usd_from_mid_month:
                later = in_currency(sku.usd_from_mid_month, currency)
                prices.append((f"{price_id}-2", sku.sku_id, "", currency, sku.model, later, sku.package_size, until, ""))
            for number, (up_to, unit_usd, fee_usd) in enumerate(sku.tiers, start=1):
                tiers.append((price_id, number, up_to, in_currency(unit_usd, currency), in_currency(fee_usd, currency)))
    return prices, tiers


def _contract_prices(owner: Owner) -> Iterable[Sequence[object]]:
    """One account of ten has negotiated its H100 price."""
    if owner.index % 10 == 0:
        currency = owner.customer.place.currency_code
        price_id = f"contract-{owner.customer.slug}-gpu-h100"
        yield price_id, "gpu-h100", owner.customer.account_id, currency, "per_unit", in_currency("2.55", currency), "", _FROM, ""


def _discounts(owners: Sequence[Owner]) -> Iterable[Sequence[object]]:
    """A winter offer for all on one service, 5 % on everything for one account of ten, and on one SKU for another."""
    yield "winter-ai", "", "service", "AI", "10", "2026-01-10T00:00:00Z", MONTH_END.strftime("%Y-%m-%d")
    for owner in owners:
        account = owner.customer.account_id
        if owner.index % 10 == 2:
            yield f"partner-{owner.customer.slug}", account, "all", "", "5", _FROM, ""
        if owner.index % 10 == 3:
            yield f"research-{owner.customer.slug}", account, "sku", "compute-ram", "12.5", _FROM, "2026-07-01"


def _commitments(owners: Sequence[Owner]) -> Iterable[Sequence[object]]:
    """One account of ten has reserved one H100 an hour for half a year, used or not."""
    for owner in owners:
        if owner.index % 10 == 1:
            currency = owner.customer.place.currency_code
            price = in_currency("2.05", currency)
            yield f"reserved-{owner.customer.slug}", owner.customer.account_id, "gpu-h100", "1", price, currency, "2026-01-05", "2026-07-05"


def _credits(owners: Sequence[Owner]) -> Iterable[Sequence[object]]:
    """One account of four is new and has a welcome credit of 200 USD or its like; some have a second one without an end."""
    for owner in owners:
        currency = owner.customer.place.currency_code
        if owner.index % 4 == 0:
            yield f"welcome-{owner.customer.slug}", owner.customer.account_id, in_currency("200", currency), currency, _FROM, "2026-04-01"
        if owner.index % 8 == 4:
            yield f"startup-{owner.customer.slug}", owner.customer.account_id, in_currency("1000", currency), currency, _FROM, ""


# The standard rates of these countries in January 2026; exports to the US carry none.
_TAXES = (
    ("DE", "VAT", "19", "2021-01-01", ""),
    ("NL", "VAT", "21", "2012-10-01", ""),
    ("GB", "VAT", "20", "2011-01-04", ""),
    ("JP", "JCT", "10", "2019-10-01", ""),
)


def _budgets(owners: Sequence[Owner]) -> Iterable[Sequence[object]]:
    """Each account watches its month; larger ones watch their GPUs, too."""
    for owner in owners:
        account, currency = owner.customer.account_id, owner.customer.place.currency_code
        monthly = in_currency(str(2000 * owner.weight), currency)
        yield f"month-{owner.customer.slug}", account, "all", "", monthly, currency, "50;80;100"
        if owner.weight > 2:
            yield (
                f"gpu-{owner.customer.slug}",
                account,
                "service",
                "GPU",
                in_currency(str(1500 * owner.weight), currency),
                currency,
                "90;100",
            )
