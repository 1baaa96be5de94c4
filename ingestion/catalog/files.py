"""The files of a catalog folder: their names, their columns, and what else may lie beside them.

A new column starts here; its cell is read in readers.py, its field stands in rows.py, its rule in docs/catalog.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from ingestion.catalog.problems import Problems
from warehouse.errors import InputError


@dataclass(frozen=True, kw_only=True)
class FileFormat:
    """One file: the columns its header must name, in any order, and those it may name because their cells may be empty."""

    columns: tuple[str, ...]
    optional_columns: tuple[str, ...] = ()
    is_required: bool = False


def _format(columns: str, *, optional: str = "", is_required: bool = False) -> FileFormat:
    return FileFormat(columns=tuple(columns.split()), optional_columns=tuple(optional.split()), is_required=is_required)


FORMATS: Mapping[str, FileFormat] = MappingProxyType(
    {
        "accounts.csv": _format(
            "account_id currency_code",
            optional="name country_code tax_id is_tax_exempt email gateway payment_terms_days legal_name address postal_code city",
            is_required=True,
        ),
        "skus.csv": _format("sku_id service metric unit aggregation", optional="name region billed_when divisor", is_required=True),
        "prices.csv": _format(
            "price_id sku_id currency_code model", optional="account_id unit_price package_size valid_from valid_to", is_required=True
        ),
        "price_tiers.csv": _format("price_id tier", optional="up_to unit_price flat_fee"),
        "discounts.csv": _format("discount_id scope_type percent", optional="account_id scope_value valid_from valid_to"),
        "commitments.csv": _format(
            "commitment_id account_id sku_id quantity_per_hour unit_price currency_code valid_from", optional="valid_to"
        ),
        "credits.csv": _format("credit_id account_id amount currency_code", optional="valid_from valid_to"),
        "taxes.csv": _format("country_code tax_name percent", optional="valid_from valid_to"),
        "budgets.csv": _format("budget_id account_id amount currency_code", optional="scope_type scope_value thresholds"),
    }
)


def check_names(folder: Path, problems: Problems) -> None:
    """Report required files that are missing and CSV files that are not part of a catalog.

    A name such as `discount.csv` or `discounts.csv.gz` is taken for a mistake: ignoring it would silently drop every
    discount. Hidden files and files without `.csv` in their name are none of our business.

    Raises:
        InputError: `folder` is not a folder that can be listed.
    """
    try:
        names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(
            f"cannot read the catalog folder {folder}: {error.strerror}; give a folder with the files of docs/catalog.md"
        ) from None
    for name, file_format in FORMATS.items():
        if file_format.is_required and name not in names:
            problems.add(name, reason="the file is missing; a catalog needs accounts.csv, skus.csv and prices.csv")
    for name in names:
        if name not in FORMATS and ".csv" in name.lower():
            near = get_close_matches(name.lower(), FORMATS, n=1)
            advice = f"rename it to {near[0]} or move it away" if near else f"move it away; a catalog has {', '.join(FORMATS)}"
            problems.add(name, reason=f"no such catalog file: {advice}")
