"""The rules of FOCUS 1.2 that a machine can hold a file against, for the columns that we fill.

The official validator needs another Python than ours; it runs by hand (docs/focus.md). The rules are facts of the FOCUS
specification 1.2 (CC BY 4.0, https://focus.finops.org), told in our own words; the names are those of its columns.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

Row = Mapping[str, str | None]

NOT_NULL = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingAccountType", "BillingCurrency", "BillingPeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart",
    "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingCurrency", "PricingCurrencyEffectiveCost",
    "ProviderName", "PublisherName", "ServiceCategory", "ServiceName", "ServiceSubcategory",
)  # fmt: skip
ALLOWED: Mapping[str, tuple[str, ...]] = {
    "ChargeCategory": ("Usage", "Purchase", "Tax", "Credit", "Adjustment"),
    "ChargeClass": ("Correction",),
    "ChargeFrequency": ("One-Time", "Recurring", "Usage-Based"),
    "CommitmentDiscountCategory": ("Spend", "Usage"),
    "CommitmentDiscountStatus": ("Used", "Unused"),
    "PricingCategory": ("Standard", "Dynamic", "Committed", "Other"),
    "ServiceCategory": (
        "AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools", "Multicloud",
        "Identity", "Integration", "Internet of Things", "Management and Governance", "Media", "Migration", "Mobile", "Networking",
        "Security", "Storage", "Web", "Other",
    ),
}  # fmt: skip
# A column, and the one without which it is null and with which it is not.
PAIRS = {
    "CommitmentDiscountCategory": "CommitmentDiscountId",
    "CommitmentDiscountType": "CommitmentDiscountId",
    "CommitmentDiscountUnit": "CommitmentDiscountQuantity",
    "ConsumedUnit": "ConsumedQuantity",
    "PricingUnit": "PricingQuantity",
    "RegionName": "RegionId",
    "ResourceType": "ResourceId",
    "SkuMeter": "SkuId",
    "SubAccountName": "SubAccountId",
    "SubAccountType": "SubAccountId",
}
PRICED = ("ContractedUnitPrice", "ListUnitPrice", "PricingQuantity", "PricingCategory", "SkuId", "SkuPriceId")
NEVER_ON_TAX = PRICED
DECIMAL = re.compile(r"-?\d+\.\d+")
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


def _is_priced(row: Row) -> bool:
    return row["ChargeCategory"] in ("Usage", "Purchase") and row["ChargeClass"] != "Correction"


def _product(row: Row, price: str, cost: str) -> bool:
    """Within what the official validator allows."""
    if row[price] is None or row["PricingQuantity"] is None or row["ChargeClass"] == "Correction":
        return True
    found, wanted = float(row[price] or 0) * float(row["PricingQuantity"] or 0), float(row[cost] or 0)
    return abs(found - wanted) <= 1e-9 * max(abs(wanted), 1.0)


ROW_RULES: Mapping[str, Callable[[Row], bool]] = {
    "what is used or bought has a price": lambda row: not _is_priced(row) or all(row[name] is not None for name in PRICED),
    "a tax has none": lambda row: row["ChargeCategory"] != "Tax" or all(row[name] is None for name in NEVER_ON_TAX),
    "unit price times quantity is the contracted cost": lambda row: _product(row, "ContractedUnitPrice", "ContractedCost"),
    "unit price times quantity is the list cost": lambda row: _product(row, "ListUnitPrice", "ListCost"),
    "no unit price is below zero": lambda row: not any((row[name] or "").startswith("-") for name in PRICED[:2]),
    "only use that was used is consumed": lambda row: (
        (row["ConsumedQuantity"] is not None) == (row["ChargeCategory"] == "Usage" and row["CommitmentDiscountStatus"] != "Unused")
    ),
    "use of a commitment is used or unused": lambda row: (
        (row["CommitmentDiscountStatus"] is not None) == (row["CommitmentDiscountId"] is not None and row["ChargeCategory"] == "Usage")
    ),
    "a commitment has its quantity": lambda row: (
        (row["CommitmentDiscountQuantity"] is not None) == (row["CommitmentDiscountId"] is not None and _is_priced(row))
    ),
    "commitments are bought in advance of their use": lambda row: (
        row["ChargeCategory"] != "Purchase" or (float(row["EffectiveCost"] or 0) == 0 and row["ChargeFrequency"] != "Usage-Based")
    ),
    "who provides also invoices": lambda row: row["ProviderName"] == row["InvoiceIssuerName"],
    "a category has its subcategories": lambda row: (row["ServiceSubcategory"] or "") == f"Other ({row['ServiceCategory']})",
    "tags are one flat object": lambda row: all(isinstance(value, str) for value in json.loads(row["Tags"] or "{}").values()),
    "own columns say so": lambda row: all(re.match("x_|[A-Z]", name) for name in row),
}


def read_csv(path: Path) -> list[Row]:
    """The rows; an empty cell is null, as no text of ours is empty."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: cell or None for name, cell in row.items()} for row in csv.DictReader(file)]


def violations(rows: list[Row]) -> list[str]:
    """Each rule that a row breaks, with the row."""
    found: list[str] = []
    for row in rows:
        broken = [f"{name} is null" for name in NOT_NULL if row[name] is None]
        broken += [f"{name} is {row[name]}" for name, values in ALLOWED.items() if row[name] is not None and row[name] not in values]
        broken += [f"{name} without {other}" for name, other in PAIRS.items() if (row[name] is None) != (row[other] is None)]
        for name, cell in row.items():
            if cell is not None and name.endswith(("Cost", "UnitPrice", "Quantity")) and not DECIMAL.fullmatch(cell):
                broken.append(f"{name} is no decimal")
            if cell is not None and name.endswith(("Start", "End")) and not INSTANT.fullmatch(cell):
                broken.append(f"{name} is no instant")
        broken += [rule for rule, holds in ROW_RULES.items() if not holds(row)]
        found += [f"{rule}: {dict(row)}" for rule in broken]
    for child, parent in (("ServiceName", "ServiceCategory"), ("SkuPriceId", "SkuId")):
        for value in {row[child] for row in rows} - {None}:
            if len({row[parent] for row in rows if row[child] == value}) != 1:
                found.append(f"{child} {value} has several {parent}")
    return found
