"""Money in minor units: exact in, exact out, one rounding."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.domain.money import Money, plain
from warehouse.currencies import MINOR_UNITS
from warehouse.errors import InputError

currencies = st.sampled_from(sorted(MINOR_UNITS))
minors = st.integers(min_value=-(10**38), max_value=10**38)


@given(minors, currencies)
def test_an_amount_survives_the_way_to_decimal_and_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.from_decimal(money.amount, currency) == money


@given(minors, currencies)
def test_an_amount_is_written_with_exactly_the_decimals_of_its_currency(minor: int, currency: str) -> None:
    exponent = Money(minor, currency).amount.as_tuple().exponent
    assert exponent == -MINOR_UNITS[currency]


@pytest.mark.parametrize(("text", "currency"), [("1.005", "USD"), ("0.5", "JPY"), ("1.0001", "KWD"), ("NaN", "USD"), ("Infinity", "USD")])
def test_an_amount_that_does_not_fit_the_minor_unit_is_an_error(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match=text if text[0].isdigit() else "not an amount"):
        Money.from_decimal(Decimal(text), currency)


def test_an_unknown_currency_is_an_input_error() -> None:
    with pytest.raises(InputError, match="XAU"):
        Money.from_decimal(Decimal(1), "XAU")


def test_a_float_never_becomes_money() -> None:
    with pytest.raises(TypeError, match="float"):
        Money(1.0, "USD")  # type: ignore[arg-type]  # what this test is about


def test_two_currencies_do_not_add() -> None:
    with pytest.raises(ValueError, match="EUR and USD"):
        Money(1, "EUR") + Money(1, "USD")


@given(minors, st.decimals(min_value=0, max_value=100, places=6))
def test_a_percent_is_rounded_half_away_from_zero_and_mirrored_by_the_sign(minor: int, percent: Decimal) -> None:
    share = Money(minor, "USD").percent(percent)
    assert Money(-minor, "USD").percent(percent) == -share
    with localcontext(prec=100):
        exact = abs(Decimal(minor) * percent / 100)
        assert abs(share.minor) == exact.quantize(Decimal(1), ROUND_HALF_UP)


@pytest.mark.parametrize(("minor", "percent", "expected"), [(250, "1", 3), (-250, "1", -3), (249, "1", 2), (10**30, "19", 19 * 10**28)])
def test_known_percents(minor: int, percent: str, expected: int) -> None:
    assert Money(minor, "USD").percent(Decimal(percent)).minor == expected


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12))
def test_equal_decimals_have_one_text_that_reads_back(value: Decimal) -> None:
    assert Decimal(plain(value)) == value
    with localcontext(prec=100):
        assert plain(value) == plain(value * Decimal("1.000")) == plain(value.normalize())
    assert "e" not in plain(value).lower()
