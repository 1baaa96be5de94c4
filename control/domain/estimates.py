"""What a quantity would cost: the rating of CONTRACTS 4.3 and 4.4 for one made-up amount of usage.

A price is the piecewise linear function that the warehouse rates by (rating.int_price_segments): between two of its lows it
costs base + (x - low) * slope; a package is a step. Exact: nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction

# 27 digits of quantity with 12 decimals, times 18 digits of price with 12, times a percent of 8.
_WIDE = Context(prec=160)


@dataclass(frozen=True, kw_only=True)
class PriceFunction:
    """A price as the warehouse keeps it. `package_size` is 0 unless the model is package."""

    price_id: str
    model: str
    currency_code: str
    unit_price: Decimal
    package_size: Decimal
    lows: Sequence[Decimal]
    bases: Sequence[Decimal]
    slopes: Sequence[Decimal]

    def cost(self, total: Decimal) -> Decimal:
        """What a month's running total costs; a total of nothing costs nothing, whatever the fees."""
        if not total:
            return Decimal(0)
        if self.package_size:
            packages = -(-Fraction(total) // Fraction(self.package_size))
            return _WIDE.multiply(Decimal(packages), self.unit_price)
        place = sum(low < total for low in self.lows) - 1
        above = _WIDE.subtract(total, self.lows[place])
        return _WIDE.add(self.bases[place], _WIDE.multiply(above, self.slopes[place]))

    def step(self, before: Decimal, quantity: Decimal) -> Decimal:
        """What the quantity costs on top of a running total."""
        return _WIDE.subtract(self.cost(_WIDE.add(before, quantity)), self.cost(before))


def discounted(amount: Decimal, percent: Decimal) -> Decimal:
    """An amount less a discount."""
    return _WIDE.scaleb(_WIDE.multiply(amount, _WIDE.subtract(Decimal(100), percent)), Decimal(-2))
