"""Money, quantities and periods as text."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.formatting import (
    amount_text,
    count_text,
    exact_text,
    instant_text,
    money_text,
    negated,
    percent_text,
    period_bounds,
    period_text,
    plain_text,
    rounded_text,
    share_of,
)
from warehouse.currencies import MINOR_UNITS, minor_units
from warehouse.errors import InputError

CURRENCIES = st.sampled_from(sorted(MINOR_UNITS))

# Everything a Decimal(76, 32) of the warehouse can hold.
UNROUNDED = st.integers(-(10**76) + 1, 10**76 - 1).map(lambda units: scaled(units, decimals=32))


def scaled(units: int, *, decimals: int) -> Decimal:
    """`units` / 10^`decimals`, without a context that could round it."""
    return Decimal((int(units < 0), tuple(map(int, str(abs(units)))), -decimals))


def parsed(text: str) -> Decimal:
    """The number a person would type back."""
    return Decimal(text.replace(",", ""))


@st.composite
def amounts(draw: st.DrawFn) -> tuple[Decimal, str]:
    """An amount in whole minor units of a currency, as Decimal(38, 4) gives it."""
    code = draw(CURRENCIES)
    units = draw(st.integers(-(10**30), 10**30))
    return scaled(units * 10 ** (4 - minor_units(code)), decimals=4), code


@given(amounts())
def test_a_formatted_amount_parses_back_to_the_same_amount(case: tuple[Decimal, str]) -> None:
    amount, code = case
    assert parsed(amount_text(amount, code)) == amount


@given(amounts())
def test_an_amount_has_exactly_the_decimals_of_its_currency(case: tuple[Decimal, str]) -> None:
    amount, code = case
    _, _, decimals = amount_text(amount, code).partition(".")
    assert len(decimals) == minor_units(code)


@given(UNROUNDED)
def test_an_exact_number_parses_back_to_all_its_digits(number: Decimal) -> None:
    text = exact_text(number)
    assert parsed(text) == number
    assert "e" not in text.lower()
    assert not ("." in text and text.endswith("0"))


@given(UNROUNDED)
def test_a_plain_number_is_what_decimal_reads(number: Decimal) -> None:
    assert Decimal(plain_text(number)) == number


@given(UNROUNDED, CURRENCIES)
def test_a_rounded_text_is_at_most_half_a_minor_unit_away(number: Decimal, code: str) -> None:
    distance = abs(Fraction(parsed(rounded_text(number, code))) - Fraction(number))
    assert distance <= Fraction(1, 2 * 10 ** minor_units(code))


@given(UNROUNDED)
def test_the_other_sign_keeps_all_digits(number: Decimal) -> None:
    assert negated(negated(number)) == number
    assert exact_text(negated(number)).removeprefix("-") == exact_text(number).removeprefix("-")


@pytest.mark.parametrize(
    ("amount", "code", "text"),
    [
        ("1234.5", "EUR", "1,234.50"),
        ("1234.0000", "JPY", "1,234"),
        ("0.0000", "JPY", "0"),
        ("1.5000", "KWD", "1.500"),
        ("-1234567.8900", "USD", "-1,234,567.89"),
        ("-0.0000", "USD", "0.00"),
    ],
)
def test_an_amount_is_written_with_groups_and_the_decimals_of_its_currency(amount: str, code: str, text: str) -> None:
    assert amount_text(Decimal(amount), code) == text


def test_digits_below_the_minor_unit_are_shown_and_not_dropped() -> None:
    assert amount_text(Decimal("10.0050"), "USD") == "10.005"
    assert amount_text(Decimal("10.5"), "JPY") == "10.5"


@pytest.mark.parametrize(
    ("amount", "code", "text"),
    [
        ("2485.5", "JPY", "2,486"),
        ("-2485.5", "JPY", "-2,486"),
        ("0.0005", "KWD", "0.001"),
        ("2.345", "EUR", "2.35"),
        ("-0.001", "EUR", "0.00"),
    ],
)
def test_rounding_for_reading_is_half_away_from_zero(amount: str, code: str, text: str) -> None:
    assert rounded_text(Decimal(amount), code) == text


def test_money_carries_its_currency_code() -> None:
    assert money_text(Decimal("1.5"), "KWD") == "1.500 KWD"


def test_an_unknown_currency_is_refused_and_not_guessed() -> None:
    with pytest.raises(InputError, match="XXX"):
        amount_text(Decimal(1), "XXX")


def test_a_share_is_the_length_of_a_bar_and_never_longer_than_the_whole() -> None:
    assert share_of(Decimal(1), Decimal(4)) == 0.25
    assert share_of(Decimal(5), Decimal(4)) == 1.0
    assert share_of(Decimal(-1), Decimal(4)) == 0.0
    assert share_of(Decimal(1), Decimal(0)) == 0.0


def test_a_period_runs_from_its_first_day_to_the_first_of_the_next_month() -> None:
    assert period_bounds("2026-02") == (date(2026, 2, 1), date(2026, 3, 1))
    assert period_bounds("2025-12") == (date(2025, 12, 1), date(2026, 1, 1))
    assert period_text("2025-12") == "December 2025"


def test_an_instant_is_written_in_utc() -> None:
    assert instant_text(datetime(2026, 2, 11, 3, 5, 59, tzinfo=timezone(timedelta(hours=3)))) == "2026-02-11 00:05 UTC"
    assert instant_text(datetime(2026, 2, 11, tzinfo=UTC)) == "2026-02-11 00:00 UTC"


def test_percentages_and_counts_read_as_words() -> None:
    assert percent_text(Decimal("19.000000")) == "19 %"
    assert percent_text(Decimal("7.700000")) == "7.7 %"
    assert [count_text(1, "line"), count_text(2000, "line")] == ["1 line", "2,000 lines"]
