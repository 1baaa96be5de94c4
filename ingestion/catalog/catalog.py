"""A validated catalog as a value: rows in one order, and a hash of what the warehouse computes with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from ingestion.catalog.rows import Account, Budget, Commitment, Credit, Discount, Price, PriceTier, Sku, Tax

# What a version of the catalog in the warehouse consists of; accounts, credits and budgets live in the control store.
WAREHOUSE_TABLES = ("skus", "prices", "price_tiers", "discounts", "commitments", "taxes")


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """All rows, each tuple ordered by its key in byte order: the same whatever order the files have."""

    accounts: tuple[Account, ...] = ()
    skus: tuple[Sku, ...] = ()
    prices: tuple[Price, ...] = ()
    price_tiers: tuple[PriceTier, ...] = ()
    discounts: tuple[Discount, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    credits: tuple[Credit, ...] = ()
    taxes: tuple[Tax, ...] = ()
    budgets: tuple[Budget, ...] = ()

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 (hex) over the rows of `WAREHOUSE_TABLES`, independent of row order in the files and of number spelling.

        Changing the form hashed here makes the next apply write a new version of an unchanged catalog, which costs one
        recompute and changes no amount.
        """
        digest = hashlib.sha256()
        for table in WAREHOUSE_TABLES:
            for row in getattr(self, table):
                values = [_canonical(getattr(row, field.name)) for field in fields(row)]
                digest.update(json.dumps([table, *values], ensure_ascii=True, separators=(",", ":")).encode() + b"\n")
        return digest.hexdigest()


def _canonical(value: str | int | Decimal | datetime | None) -> str | int | None:
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return value.isoformat() if isinstance(value, datetime) else value
