"""What a running total costs under each price model, against hand-made tables."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.reference.catalog import Price
from tests.reference.prices import cost
from tests.unit.reference.builders import per_unit, tiered

TIERS = (("10", "10", "2"), ("20", "5", "3"), (None, "1", "4"))
PACKAGE = Price(price_id="p", sku_id="sku", currency_code="USD", model="package", unit_price=Fraction(3), package_size=Fraction("2.5"))


@pytest.mark.parametrize(
    ("total", "amount"),
    [
        ("0", "0"),
        ("0.000000000001", "2.00000000001"),
        ("10", "102"),
        ("10.5", "107.5"),
        ("20", "155"),
        ("20.000000000001", "159.000000000001"),
        ("21", "160"),
    ],
)
def test_graduated_parts_pay_their_tier_and_its_fee_once_it_is_entered(total: str, amount: str) -> None:
    assert cost(tiered("graduated", *TIERS), Fraction(total)) == Fraction(amount)


@pytest.mark.parametrize(("total", "amount"), [("0", "0"), ("10", "102"), ("10.1", "53.5"), ("20", "103"), ("20.5", "24.5")])
def test_volume_prices_all_units_by_the_tier_of_the_total(total: str, amount: str) -> None:
    assert cost(tiered("volume", *TIERS), Fraction(total)) == Fraction(amount)


@pytest.mark.parametrize(("total", "amount"), [("0", "0"), ("0.000000000001", "3"), ("2.5", "3"), ("2.500000000001", "6"), ("5", "6")])
def test_a_package_is_paid_whole_once_it_is_begun(total: str, amount: str) -> None:
    assert cost(PACKAGE, Fraction(total)) == Fraction(amount)


def test_a_price_per_unit_keeps_every_digit() -> None:
    assert cost(per_unit("0.000000000001"), Fraction("0.000000000001")) == Fraction(1, 10**24)


def test_an_unknown_model_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown model 'percentage'"):
        cost(per_unit(model="percentage"), Fraction(1))
