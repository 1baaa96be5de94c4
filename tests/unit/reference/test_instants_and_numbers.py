"""Instants, months and rounding of the reference model."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from tests.reference.instants import (
    format_instant,
    hour_of,
    month_end,
    month_of,
    month_start,
    next_month,
    parse_catalog_instant,
    parse_instant,
)
from tests.reference.numbers import exact_decimal, round_half_away


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.250Z", 250),
        ("1970-01-01T00:00:00.2509999Z", 250),
        ("1970-01-01T00:00:00.5Z", 500),
        ("1970-01-01T03:00:00+03:00", 0),
        ("1969-12-31T18:30:00-05:30", 0),
        ("1970-01-01T00:00:01-00:00", 1_000),
    ],
)
def test_an_instant_is_read_in_utc_and_cut_to_the_millisecond(text: str, instant: int) -> None:
    assert parse_instant(text) == instant


@pytest.mark.parametrize("text", ["2026-01-15", "2026-01-15T10:00:00", "2026-01-15T10:00:60Z", "2026-13-01T00:00:00Z", "now"])
def test_an_instant_without_offset_or_with_a_second_60_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_instant(text)


def test_catalog_cells_are_instants_dates_or_unbounded() -> None:
    assert parse_catalog_instant("2026-01-15") == parse_instant("2026-01-15T00:00:00Z")
    assert parse_catalog_instant("2026-01-15T01:00:00+01:00") == parse_instant("2026-01-15T00:00:00Z")
    assert parse_catalog_instant("") is None


def test_periods_are_half_open() -> None:
    midnight = parse_instant("2026-01-01T00:00:00Z")
    assert (month_of(midnight), month_of(midnight - 1)) == ("2026-01", "2025-12")
    assert (hour_of(midnight), hour_of(midnight - 1)) == (midnight, midnight - 3_600_000)
    assert month_end("2025-12") == month_start("2026-01") == midnight
    assert (next_month("2025-12"), next_month("2025-11")) == ("2026-01", "2025-12")


def test_instants_are_written_with_milliseconds_only_where_there_are_any() -> None:
    assert format_instant(0) == "1970-01-01T00:00:00Z"
    assert format_instant(7) == "1970-01-01T00:00:00.007Z"


@pytest.mark.parametrize(
    ("value", "places", "rounded"),
    [
        ("2.345", 2, "2.35"),
        ("-2.345", 2, "-2.35"),
        ("2.3449999", 2, "2.34"),
        ("0.5", 0, "1"),
        ("-0.5", 0, "-1"),
        ("1/3", 12, "0.333333333333"),
        ("2/3", 12, "0.666666666667"),
    ],
)
def test_a_half_is_rounded_away_from_zero(value: str, places: int, rounded: str) -> None:
    assert round_half_away(Fraction(value), places) == Fraction(rounded)


def test_a_value_is_never_rounded_to_be_shown() -> None:
    assert exact_decimal(Fraction("-12345678901234567890123456789012345678.5"), 2) == Decimal("-12345678901234567890123456789012345678.50")
    assert str(exact_decimal(Fraction(3), 2)) == "3.00"
    with pytest.raises(ValueError, match="more than 2 decimals"):
        exact_decimal(Fraction("0.001"), 2)
