"""Numbers and instants are read exactly or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.catalog import cells
from ingestion.catalog.limits import DIVISOR, PRICE, QUANTITY
from ingestion.catalog.sku_rules import costs_too_much
from warehouse.ticks import EPOCH, FOREVER


@given(units=st.integers(0, 10**27 - 1), zeros=st.integers(0, 20))
def test_a_price_of_twelve_decimals_is_read_to_the_last_digit(units: int, zeros: int) -> None:
    text = f"{units // 10**12}.{units % 10**12:012d}{'0' * zeros}"
    value = cells.decimal(text, PRICE)
    assert Fraction(value) == Fraction(units, 10**12)
    # One value has one spelling, so equal catalogs are equal to the byte.
    assert f"{value:f}" == (text.rstrip("0").rstrip(".") if units else "0")


@given(units=st.integers(1, 10**18 * 10**12))
def test_quantities_reach_ten_to_the_eighteen_with_twelve_decimals(units: int) -> None:
    assert Fraction(cells.decimal(f"{units // 10**12}.{units % 10**12:012d}", QUANTITY)) == Fraction(units, 10**12)


@given(text=st.text(alphabet="0123456789.-+eE, _", max_size=12))
def test_whatever_is_read_is_the_number_the_text_spells(text: str) -> None:
    try:
        value = cells.decimal(text, PRICE)
    except cells.CellError:
        return
    assert value == Decimal(text)
    assert set(text) <= set("0123456789.-")


@pytest.mark.parametrize("text", ["0", "-0", "0.0", "-0.000000000000000"])
def test_zero_has_one_spelling(text: str) -> None:
    assert str(cells.decimal(text, PRICE)) == "0"


@given(
    at=st.datetimes(datetime(1970, 1, 2), datetime(2299, 12, 29)),  # noqa: DTZ001 - hypothesis adds the offset
    offset=st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_an_instant_is_the_same_in_every_offset(at: datetime, offset: int) -> None:
    local = at.replace(tzinfo=timezone(timedelta(minutes=offset)))
    expected = local.astimezone(UTC)
    if EPOCH <= expected <= FOREVER:
        assert cells.instant(local.isoformat()) == expected.replace(microsecond=expected.microsecond // 1000 * 1000)


@given(hours=st.integers(0, 2_800_000), milliseconds=st.integers(0, 3_599_999))
def test_only_full_hours_are_full_hours(hours: int, milliseconds: int) -> None:
    at = EPOCH + timedelta(hours=hours, milliseconds=milliseconds)
    if milliseconds == 0:
        assert cells.full_hour(at.isoformat()) == at
    else:
        with pytest.raises(cells.CellError, match="full hour"):
            cells.full_hour(at.isoformat())


def test_digits_finer_than_a_millisecond_are_cut_off() -> None:
    assert cells.instant("2026-01-01T00:00:00.9999999Z") == datetime(2026, 1, 1, microsecond=999_000, tzinfo=UTC)


@given(
    price=st.integers(0, 10**27 - 1),
    divisor=st.integers(1, 10**12),
    size=st.none() | st.integers(1, 10**15),
)
def test_one_unit_of_a_metric_costs_less_than_ten_to_the_fifteen_or_is_refused(price: int, divisor: int, size: int | None) -> None:
    unit_price, per_unit = Fraction(price, 10**12), Fraction(divisor, 10**9)
    package = Fraction(size, 10**12) if size else Fraction(1)
    refused = costs_too_much(
        cells.decimal(f"{price // 10**12}.{price % 10**12:012d}", PRICE),
        divisor=cells.decimal(f"{divisor // 10**9}.{divisor % 10**9:09d}", DIVISOR),
        package_size=cells.decimal(f"{size // 10**12}.{size % 10**12:012d}", QUANTITY) if size else Decimal(0),
    )
    assert refused == (unit_price / (per_unit * package) >= 10**15)
