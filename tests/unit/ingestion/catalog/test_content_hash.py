"""Equal content has one hash however it is written; anything the warehouse computes with changes it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.catalog.files import FORMATS

if TYPE_CHECKING:
    from conftest import CatalogFolder

# file, line, another spelling of the same
SPELLINGS = [
    ("skus.csv", 3, {"divisor": "1073741824.000000000000"}),
    ("skus.csv", 5, {"divisor": "1"}),
    ("prices.csv", 2, {"unit_price": "000.01240000000000000000"}),
    ("prices.csv", 2, {"valid_to": "2026-07-01T03:00:00.000+03:00"}),
    ("prices.csv", 2, {"valid_from": "1970-01-01"}),
    ("prices.csv", 3, {"valid_from": "2026-07-01 00:00:00z", "valid_to": "2299-12-31"}),
    ("prices.csv", 7, {"package_size": "1000.0"}),
    ("price_tiers.csv", 2, {"up_to": "1024.000", "flat_fee": "0.00"}),
    ("discounts.csv", 2, {"percent": "12.50"}),
    ("taxes.csv", 3, {"percent": "19.000000000"}),
]

# file, line, something else
CHANGES = [
    ("skus.csv", 3, {"divisor": "1073741824.000000001"}),
    ("skus.csv", 3, {"name": "Traffic"}),
    ("skus.csv", 2, {"billed_when": ""}),
    ("prices.csv", 2, {"unit_price": "0.012400000001"}),
    ("prices.csv", 2, {"valid_to": "2026-06-30T23:00:00Z"}),
    ("prices.csv", 4, {"account_id": ""}),
    ("price_tiers.csv", 2, {"up_to": "1024.000000000001"}),
    ("price_tiers.csv", 2, {"flat_fee": "0.000000000001"}),
    ("discounts.csv", 2, {"percent": "12.500001"}),
    ("commitments.csv", 2, {"quantity_per_hour": "3.6"}),
    ("taxes.csv", 3, {"tax_name": "USt"}),
]

# What lives in the control store and not in the warehouse's version.
CONTROL = [
    ("accounts.csv", 2, {"name": "Anna GmbH", "payment_terms_days": "20"}),
    ("credits.csv", 2, {"amount": "99"}),
    ("budgets.csv", 2, {"amount": "99"}),
]


@pytest.mark.parametrize(("name", "line", "cells"), SPELLINGS)
def test_another_spelling_is_the_same_content(folder: CatalogFolder, name: str, line: int, cells: dict[str, str]) -> None:
    before = folder.read()
    folder.edit(name, line, **cells)
    after = folder.read()
    assert after == before
    assert after.content_hash == before.content_hash


@pytest.mark.parametrize(("name", "line", "cells"), CHANGES)
def test_another_value_is_another_content(folder: CatalogFolder, name: str, line: int, cells: dict[str, str]) -> None:
    before = folder.read().content_hash
    folder.edit("prices.csv", 4, valid_from="2025-01-01", valid_to="2025-02-01", currency_code="USD")
    moved = folder.read().content_hash
    folder.edit(name, line, **cells)
    assert len({before, moved, folder.read().content_hash}) == 3


@pytest.mark.parametrize(("name", "line", "cells"), CONTROL)
def test_accounts_credits_and_budgets_are_no_part_of_the_hash(folder: CatalogFolder, name: str, line: int, cells: dict[str, str]) -> None:
    before = folder.read()
    folder.edit(name, line, **cells)
    after = folder.read()
    assert after != before
    assert after.content_hash == before.content_hash


def test_values_do_not_run_into_each_other(folder: CatalogFolder) -> None:
    folder.edit("skus.csv", 5, unit="call", name="s")
    one = folder.read().content_hash
    folder.edit("skus.csv", 5, unit="call,", name="s")
    two = folder.read().content_hash
    folder.edit("skus.csv", 5, unit="cal", name="ls")
    assert len({one, two, folder.read().content_hash}) == 3


@settings(max_examples=20)
@given(seed=st.integers())
def test_neither_the_order_of_lines_nor_of_columns_matters(make_folder: Callable[[], CatalogFolder], seed: int) -> None:
    shuffled, chance = make_folder(), random.Random(seed)  # noqa: S311 - a test's order, not a secret
    plain = shuffled.read()
    for name in FORMATS:
        header, *rows = [line.split(",") for line in (shuffled.path / name).read_text().splitlines()]
        columns = list(range(len(header)))
        chance.shuffle(columns)
        chance.shuffle(rows)
        shuffled.write(name, "\n".join(",".join(row[column] for column in columns) for row in [header, *rows]))
    assert shuffled.read() == plain
    assert shuffled.read().content_hash == plain.content_hash
