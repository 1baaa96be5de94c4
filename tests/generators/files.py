"""Worlds as files: catalogs as folders of CSV, batches as JSON lines, in the formats of sections 2 and 3.

Only writes; how the product names, compresses or picks up files is not known here.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from tests.reference import Batch, Catalog, Junk
from tests.reference.instants import format_instant

_PLACES = 18


def write_catalog(catalog: Catalog, folder: Path) -> Path:
    """Write the folder of section 3; tables without rows that are not required are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in catalog_tables(catalog).items():
        if rows or name in ("accounts", "skus", "prices"):
            with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, _COLUMNS[name], lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
    return folder


_COLUMNS = {
    "accounts": [
        "account_id",
        "name",
        "currency_code",
        "country_code",
        "tax_id",
        "is_tax_exempt",
        "email",
        "gateway",
        "payment_terms_days",
    ],
    "skus": ["sku_id", "service", "name", "metric", "region", "unit", "aggregation", "billed_when", "divisor"],
    "prices": ["price_id", "sku_id", "account_id", "currency_code", "model", "unit_price", "package_size", "valid_from", "valid_to"],
    "price_tiers": ["price_id", "tier", "up_to", "unit_price", "flat_fee"],
    "discounts": ["discount_id", "account_id", "scope_type", "scope_value", "percent", "valid_from", "valid_to"],
    "commitments": ["commitment_id", "account_id", "sku_id", "quantity_per_hour", "unit_price", "currency_code", "valid_from", "valid_to"],
    "credits": ["credit_id", "account_id", "amount", "currency_code", "valid_from", "valid_to"],
    "taxes": ["country_code", "tax_name", "percent", "valid_from", "valid_to"],
}


def catalog_tables(catalog: Catalog) -> dict[str, list[dict[str, str]]]:
    """The rows of each file as text."""
    tables: dict[str, list[dict[str, str]]] = {
        "accounts": [{**_cells(row, "accounts"), "payment_terms_days": "14"} for row in catalog.accounts],
        "skus": [_cells(row, "skus") for row in catalog.skus],
        "prices": [],
        "price_tiers": [],
        "discounts": [_cells(row, "discounts") for row in catalog.discounts],
        "commitments": [_cells(row, "commitments") for row in catalog.commitments],
        "credits": [_cells(row, "credits") for row in catalog.credits],
        "taxes": [_cells(row, "taxes") for row in catalog.taxes],
    }
    for price in catalog.prices:
        cells = _cells(price, "prices")
        if price.tiers:
            cells["unit_price"] = ""
        if price.model != "package":
            cells["package_size"] = ""
        tables["prices"].append(cells)
        for number, tier in enumerate(price.tiers, start=1):
            tables["price_tiers"].append({"price_id": price.price_id, "tier": str(number), **_cells(tier, "price_tiers")})
    return tables


def _cells(row: object, table: str) -> dict[str, str]:
    return {column: _cell(column, getattr(row, column)) for column in _COLUMNS[table] if hasattr(row, column)}


def _cell(column: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and column in ("valid_from", "valid_to"):
        return format_instant(value)
    if isinstance(value, Fraction):
        return decimal_text(value)
    return str(value)


def decimal_text(value: Fraction) -> str:
    """The value in plain decimal digits.

    Raises:
        ValueError: it has more than 18 decimals.
    """
    scaled = value * 10**_PLACES
    if scaled.denominator != 1:
        raise ValueError(f"{value} is no decimal number of at most {_PLACES} places")
    text = format(Decimal((int(scaled < 0), tuple(int(digit) for digit in str(abs(scaled.numerator))), -_PLACES)), "f")
    return text.rstrip("0").rstrip(".")


def write_batches(batches: Sequence[Batch], folder: Path) -> list[Path]:
    """Write each batch as a .jsonl file whose name sorts in the order of loading.

    Some begin with a byte order mark, some end their lines with CR LF, some lack the last line end: none of it matters.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, batch in enumerate(batches):
        path = folder / f"{number:04d}-{batch.name}.jsonl"
        path.write_bytes(batch_bytes(batch, number))
        paths.append(path)
    return paths


def batch_bytes(batch: Batch, number: int = 0) -> bytes:
    """The file of a batch."""
    end = "\r\n" if number % 2 else "\n"
    text = end.join(line.text if isinstance(line, Junk) else render(line) for line in batch.lines)
    is_open = bool(text) and not text.endswith(end) and number % 4 == 3
    return ("\ufeff" if number % 3 == 2 else "").encode() + (text + ("" if is_open else end)).encode()


def render(value: object) -> str:
    """JSON text of an event. Decimals are written as numbers, digit by digit; there are no floats."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{render(item)}" for name, item in value.items()) + "}"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Iterable) and not isinstance(value, str):
        return "[" + ",".join(render(item) for item in value) + "]"
    if value is None or isinstance(value, str | int):
        return json.dumps(value, ensure_ascii=False)
    raise TypeError(f"{value!r} has no exact JSON form")
