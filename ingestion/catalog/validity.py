"""Rules about when rows are valid: no two prices or taxes of one kind at once, volume prices for whole months, taxes within 100 %."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Protocol, TypeVar

from ingestion.catalog.draft import Draft, Entry
from ingestion.catalog.limits import EARLIEST_COMMITMENT_AT
from ingestion.catalog.rows import Tax
from warehouse.ticks import EPOCH, FOREVER


class Valid(Protocol):
    """A row with a validity `[valid_from, valid_to)`."""

    @property
    def valid_from(self) -> datetime:
        """The first instant."""

    @property
    def valid_to(self) -> datetime:
        """The first instant after."""


V = TypeVar("V", bound=Valid)


def check_validity(draft: Draft) -> None:
    """Note overlapping prices and taxes, volume prices that split a month, and taxes that add up to more than 100 %."""
    _check_apart(
        draft.prices.good,
        key=lambda price: (price.sku_id, price.account_id, price.currency_code),
        what="another price of the same sku, account and currency",
    )
    _check_apart(draft.taxes.good, key=lambda tax: (tax.country_code, tax.tax_name), what="another rate of the same tax")
    for price in draft.prices.good:
        if price.row.model == "volume":
            for column, at in (("valid_from", price.row.valid_from), ("valid_to", price.row.valid_to)):
                if not is_month_start(at) and at not in (EPOCH, FOREVER):
                    price.line.refuse(
                        column,
                        f"{price.line.cell(column)!r} must be the first hour of a month: a volume price is valid for whole months of UTC",
                    )
    for commitment in draft.commitments.good:
        if commitment.row.valid_from < EARLIEST_COMMITMENT_AT:
            commitment.line.refuse(
                "valid_from", "must not be before 2015-01-01: every hour of a commitment is billed, and no usage is older"
            )
    _check_tax_sums(draft.taxes.good)


def overlapping(rows: Iterable[Entry[V]]) -> list[tuple[Entry[V], Entry[V]]]:
    """Pairs of entries valid at once, one for each entry that begins before an earlier one has ended; empty if all are apart."""
    pairs = []
    longest: Entry[V] | None = None
    for entry in sorted(rows, key=lambda entry: (entry.row.valid_from, entry.line.number)):
        if longest is not None and entry.row.valid_from < longest.row.valid_to:
            pairs.append((longest, entry))
        if longest is None or entry.row.valid_to > longest.row.valid_to:
            longest = entry
    return pairs


def is_month_start(at: datetime) -> bool:
    """Whether a month of UTC begins at this full hour."""
    return at.day == 1 and at.hour == 0


def _check_apart(entries: Iterable[Entry[V]], *, key: Callable[[V], Hashable], what: str) -> None:
    groups: dict[Hashable, list[Entry[V]]] = {}
    for entry in entries:
        groups.setdefault(key(entry.row), []).append(entry)
    for group in groups.values():
        for pair in overlapping(group):
            other, blamed = sorted(pair, key=lambda entry: entry.line.number)
            blamed.line.refuse(
                "valid_from", f"the validity overlaps that of line {other.line.number}, {what}; end one where the other begins"
            )


def _check_tax_sums(taxes: Iterable[Entry[Tax]]) -> None:
    """Rates of a country add up; more than 100 % at once is a mistake, and would overflow the sum's column in silence."""
    sums: dict[str, Decimal] = {}
    changes: list[tuple[datetime, int, Decimal, Entry[Tax]]] = []
    for entry in taxes:
        changes.append((entry.row.valid_from, 1, entry.row.percent, entry))
        changes.append((entry.row.valid_to, 0, -entry.row.percent, entry))
    # Ends before beginnings: validity is half open.
    for _, begins, percent, entry in sorted(changes, key=lambda change: (change[0], change[1], change[3].line.number)):
        total = sums[entry.row.country_code] = sums.get(entry.row.country_code, Decimal(0)) + percent
        if begins and total > 100:
            entry.line.refuse("percent", f"the taxes of {entry.row.country_code} valid at once add up to {total:f} %, more than 100 %")
