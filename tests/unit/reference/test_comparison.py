"""Comparing rows with the reference model."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.reference import Result, as_rows
from tests.reference.comparison import GRAINS, differences, report
from tests.reference.model import Row
from tests.unit.reference.builders import billed, usage


@pytest.fixture
def result() -> Result:
    return billed([usage("a", "15 10:00", "2", labels={"team": "ml"}), usage("b", "15 11:00", "3")])


@pytest.fixture
def rows(result: Result) -> list[Row]:
    return as_rows(result.charges_hourly)


@pytest.mark.parametrize("table", GRAINS)
def test_the_model_s_own_rows_are_equal(result: Result, table: str) -> None:
    assert differences(result, table, as_rows(getattr(result, table))) == []


def test_zones_trailing_zeros_and_further_columns_make_no_difference(result: Result, rows: list[Row]) -> None:
    for row in rows:
        row |= {"hour_at": row["hour_at"].replace(tzinfo=None), "quantity": Decimal(str(row["quantity"])).normalize(), "more": 1}  # type: ignore[attr-defined]
    assert differences(result, "charges_hourly", rows) == []


def test_the_last_digit_makes_a_difference(result: Result, rows: list[Row]) -> None:
    rows[0]["amount_unrounded"] = Decimal("2.00000000000000000000000000000001")
    found = differences(result, "charges_hourly", rows)
    assert len(found) == 1
    assert "amount_unrounded is 2.00000000000000000000000000000001, expected 2.00000000000000000000000000000000" in found[0]
    assert differences(result, "charges_hourly", rows, ignore=["amount_unrounded"]) == []


def test_missing_doubled_and_unexpected_rows_and_columns_are_reported(result: Result, rows: list[Row]) -> None:
    assert "missing row" in differences(result, "charges_hourly", rows[:1])[0]
    assert "more than one row" in differences(result, "charges_hourly", [*rows, rows[0]])[0]
    assert "unexpected row" in differences(result, "charges_hourly", [*rows, {**rows[0], "price_id": "other"}])[0]
    del rows[0]["unit"]
    assert "unit is missing, expected unit" in differences(result, "charges_hourly", rows)[0]


def test_a_report_is_short() -> None:
    assert report([str(number) for number in range(100)]).splitlines()[-1] == "... and 80 more"
    assert report(["one"]) == "one"
