"""How large and how fine the numbers of a catalog may be, and why.

Amounts are Decimal(76, 32) in the warehouse: 44 digits before the point, and an overflow there is silent. An event holds
less than 10^18 of a metric. If one unit of a metric never costs 10^15 or more, an event costs less than 10^33, and the
6 * 10^10 events of a month (2 * 10^9 a day) less than 10^44, all on one line. So a unit price is below 10^15, and so is
what one unit of the metric costs after the divisor and the package size (sku_rules.py). Raising a limit gives up that proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

METRIC_UNIT_COST_LIMIT = Decimal(10) ** 15

# No event is older. A commitment from 1970 would bill half a million unused hours.
EARLIEST_COMMITMENT_AT = datetime(2015, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class NumberRule:
    """Which decimals a cell may hold: at most `decimals` digits after the point (further zeros allowed), within the bounds given."""

    decimals: int
    above: Decimal | None = None
    at_least: Decimal | None = None
    below: Decimal | None = None
    at_most: Decimal | None = None

    def broken_by(self, value: Decimal, decimals: int) -> str:
        """What is wrong with a value that has so many decimals; empty if nothing."""
        if self.at_least is not None and value < self.at_least:
            return "must not be negative" if self.at_least == 0 else f"must be at least {self.at_least:f}"
        if self.above is not None and value <= self.above:
            return f"must be more than {self.above:f}"
        if self.at_most is not None and value > self.at_most:
            return f"must be at most {self.at_most:f}"
        if self.below is not None and value >= self.below:
            return f"must be less than {self.below:f}"
        if decimals > self.decimals:
            return f"has {decimals} decimals, at most {self.decimals} are kept exactly" if self.decimals else "must be a whole number"
        return ""


_ZERO = Decimal(0)

PRICE = NumberRule(decimals=12, at_least=_ZERO, below=METRIC_UNIT_COST_LIMIT)
"""unit_price and flat_fee. Free (0) is a price."""

QUANTITY = NumberRule(decimals=12, above=_ZERO, at_most=Decimal(10) ** 18)
"""up_to, package_size, quantity_per_hour: 12 decimals, as hourly quantities have."""

DIVISOR = NumberRule(decimals=9, above=_ZERO, at_most=Decimal(10) ** 18)
"""Metric units in one billed unit, at least 10^-9."""

PERCENT = NumberRule(decimals=6, at_least=_ZERO, at_most=Decimal(100))

THRESHOLD = NumberRule(decimals=2, above=_ZERO, at_most=Decimal(1000))
"""Percent of a budget; more than 100 tells how far it was overrun."""


def credit_amount(minor_units: int) -> NumberRule:
    """Amounts in a currency with so many decimals; below 10^14, so that minor units of any currency fit 64 bits."""
    return NumberRule(decimals=minor_units, at_least=_ZERO, below=Decimal(10) ** 14)


def budget_amount(minor_units: int) -> NumberRule:
    """As a credit, but not zero: thresholds are percent of it."""
    return NumberRule(decimals=minor_units, above=_ZERO, below=Decimal(10) ** 14)
