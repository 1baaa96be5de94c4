"""A folder as read so far: typed rows with the lines they came from, before rows are checked against each other.

`named` also holds the ids of lines that are wrong in another cell, and `is_whole` tells whether all lines could be read:
one mistake must not make every line that refers to it a mistake too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from ingestion.catalog import readers
from ingestion.catalog.files import FORMATS
from ingestion.catalog.lines import Line
from ingestion.catalog.problems import Problems
from ingestion.catalog.rows import Account, Budget, Commitment, Credit, Discount, Price, PriceTier, Sku, Tax
from ingestion.catalog.tables import read_table

T = TypeVar("T")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """A row and the line to blame for it."""

    row: T
    line: Line


@dataclass(frozen=True)
class Entries(Generic[T]):
    """The good rows of a file in its order, and its bad lines; `named` is id → line of its first use, empty without ids."""

    good: tuple[Entry[T], ...]
    bad: tuple[Line, ...]
    named: Mapping[str, int]
    is_whole: bool

    def may_name(self, row_id: str) -> bool:
        """Whether the file names this id, or could in a part that was not readable."""
        return row_id in self.named or not self.is_whole


@dataclass(frozen=True, kw_only=True)
class Draft:
    """All nine files."""

    accounts: Entries[Account]
    skus: Entries[Sku]
    prices: Entries[Price]
    price_tiers: Entries[PriceTier]
    discounts: Entries[Discount]
    commitments: Entries[Commitment]
    credits: Entries[Credit]
    taxes: Entries[Tax]
    budgets: Entries[Budget]


def read_draft(folder: Path, problems: Problems) -> Draft:
    """Read all files; what is wrong in a line or with an id used twice is noted in `problems`."""

    def entries(name: str, read: Callable[[Line], T], *, id_column: str = "") -> Entries[T]:
        return _entries(folder / name, read, id_column, problems)

    return Draft(
        accounts=entries("accounts.csv", readers.read_account, id_column="account_id"),
        skus=entries("skus.csv", readers.read_sku, id_column="sku_id"),
        prices=entries("prices.csv", readers.read_price, id_column="price_id"),
        price_tiers=entries("price_tiers.csv", readers.read_price_tier),
        discounts=entries("discounts.csv", readers.read_discount, id_column="discount_id"),
        commitments=entries("commitments.csv", readers.read_commitment, id_column="commitment_id"),
        credits=entries("credits.csv", readers.read_credit, id_column="credit_id"),
        taxes=entries("taxes.csv", readers.read_tax),
        budgets=entries("budgets.csv", readers.read_budget, id_column="budget_id"),
    )


def _entries(path: Path, read: Callable[[Line], T], id_column: str, problems: Problems) -> Entries[T]:
    table = read_table(path, FORMATS[path.name], problems)
    good: list[Entry[T]] = []
    bad: list[Line] = []
    named: dict[str, int] = {}
    for line in table.lines:
        row = read(line)
        row_id = line.cell(id_column)
        if row_id:
            first = named.setdefault(row_id, line.number)
            if first != line.number:
                line.refuse(id_column, f"{row_id!r} already stands on line {first}; ids are unique within a file")
        if line.is_good:
            good.append(Entry(row, line))
        else:
            bad.append(line)
    return Entries(tuple(good), tuple(bad), named, table.is_whole)
