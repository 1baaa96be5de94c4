"""Our money in Adyen's units: exact both ways, or refused with the reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.domain.money import Money
from control.gateways.adyen.units import from_units, refusal, to_units
from warehouse.errors import RefusedError


@pytest.mark.parametrize(
    ("amount", "value"),
    [
        (Money(12345, "EUR"), 12345),
        (Money(500, "JPY"), 500),
        (Money(1234, "KWD"), 1234),
        (Money(5, "CLP"), 500),
        (Money(5, "ISK"), 500),
        (Money(500, "IDR"), 5),
        (Money(500, "CVE"), 5),
    ],
)
def test_amounts_are_written_in_adyens_units(amount: Money, value: int) -> None:
    assert to_units(amount) == {"currency": amount.currency_code, "value": value}
    assert from_units(value, amount.currency_code) == amount


@pytest.mark.parametrize("amount", [Money(0, "EUR"), Money(-1, "EUR"), Money(150, "IDR"), Money(1, "CVE"), Money(1, "UYW")])
def test_what_has_no_exact_form_is_refused_with_the_reason(amount: Money) -> None:
    assert str(amount) in str(refusal(amount)) or amount.currency_code in str(refusal(amount))
    with pytest.raises(RefusedError):
        to_units(amount)


def test_a_fraction_of_a_currency_without_fractions_is_an_error() -> None:
    with pytest.raises(ValueError, match="whole"):
        from_units(501, "CLP")


@given(st.integers(1, 10**12), st.sampled_from(["EUR", "USD", "JPY", "KWD", "CLP", "IDR", "ISK", "CVE", "HUF", "TND"]))
def test_what_is_not_refused_comes_back_as_it_was(minor: int, currency_code: str) -> None:
    amount = Money(minor, currency_code)
    if refusal(amount) is None:
        assert from_units(int(str(to_units(amount)["value"])), currency_code) == amount
