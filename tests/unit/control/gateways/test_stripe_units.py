"""Money at Stripe is ours to the last unit, or refused."""

from __future__ import annotations

import pytest

from control.domain.money import Money
from control.gateways.stripe.units import from_units, refusal, to_credit_units, to_units
from control.testing.stripe_server.amounts import smallest_charge
from warehouse.currencies import MINOR_UNITS
from warehouse.errors import RefusedError

LARGE = 123_450_000


@pytest.mark.parametrize(
    ("amount", "units"),
    [
        (Money(1099, "USD"), 1099),
        (Money(-1, "EUR"), -1),
        (Money(500, "JPY"), 500),
        (Money(5, "ISK"), 500),
        (Money(5, "UGX"), 500),
        (Money(12300, "MGA"), 123),
        (Money(1045, "HUF"), 1045),
        (Money(5120, "KWD"), 5120),
        (Money(1234, "KWD"), 1234),
    ],
)
def test_an_amount_is_written_as_stripe_documents(amount: Money, units: int) -> None:
    assert to_units(amount) == units
    assert from_units(units, amount.currency_code.lower()) == amount


@pytest.mark.parametrize("code", sorted(MINOR_UNITS))
def test_every_currency_comes_back_as_it_went_or_is_refused(code: str) -> None:
    amount = Money(LARGE, code)
    if refusal(amount) is None:
        assert from_units(to_units(amount), code.lower()) == amount
    else:
        with pytest.raises(RefusedError):
            to_units(amount)


@pytest.mark.parametrize("code", ["IQD", "LYD", "CLF", "UYW", "UYI"])
def test_a_currency_that_stripe_does_not_document_is_refused(code: str) -> None:
    assert refusal(Money(LARGE, code)) == f"Stripe does not take {code}"


@pytest.mark.parametrize("code", ["BHD", "JOD", "KWD", "OMR", "TND"])
def test_three_decimals_must_end_in_zero_to_be_charged_or_credited(code: str) -> None:
    odd = Money(5124, code)
    assert refusal(odd) == f"Stripe takes amounts of {code} with a last digit of 0 only, not 5.124 {code}"
    with pytest.raises(RefusedError):
        to_credit_units(odd)
    assert to_credit_units(Money(5120, code)) == 5120


def test_a_fraction_of_a_whole_currency_is_refused_in_both_directions() -> None:
    assert refusal(Money(12345, "MGA")) == "Stripe takes whole MGA only, not 123.45 MGA"
    with pytest.raises(ValueError, match="150 is not a whole amount of ISK"):
        from_units(150, "isk")


def test_less_than_the_smallest_charge_is_refused_with_both_amounts() -> None:
    assert refusal(Money(49, "USD")) == "Stripe charges 0.50 USD or more, not 0.49 USD"
    assert refusal(Money(50, "USD")) is None
    assert refusal(Money(0, "SEK")) == "Stripe charges 3.00 SEK or more, not 0.00 SEK"
    assert refusal(Money(0, "VND")) == "Stripe charges 1 VND or more, not 0 VND"


@pytest.mark.parametrize("code", [*(code for code, decimals in MINOR_UNITS.items() if decimals == 2 and code != "MGA"), "JPY"])
def test_the_adapter_and_the_double_agree_on_the_smallest_charge(code: str) -> None:
    smallest = smallest_charge(code.lower())
    assert refusal(Money(smallest, code)) is None
    assert refusal(Money(smallest - 1, code)) is not None
