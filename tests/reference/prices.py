"""What a running total of units costs under each price model (section 4.3).

Pure arithmetic: which price applies is the catalog's answer, which total it applies to is rating's.
"""

from __future__ import annotations

import math
from fractions import Fraction

from tests.reference.catalog import Price


def cost(price: Price, total: Fraction) -> Fraction:
    """Cost of a month's running total of on-demand units; zero units cost nothing under every model.

    Raises:
        ValueError: the price's model is not one of per_unit, graduated, volume, package.
    """
    if total == 0:
        return Fraction(0)
    match price.model:
        case "per_unit":
            return total * price.unit_price
        case "package":
            return math.ceil(total / price.package_size) * price.unit_price
        case "graduated":
            return _graduated(price, total)
        case "volume":
            tier = next(tier for tier in price.tiers if tier.up_to is None or total <= tier.up_to)
            return total * tier.unit_price + tier.flat_fee
    raise ValueError(f"price {price.price_id} has an unknown model {price.model!r}")


def _graduated(price: Price, total: Fraction) -> Fraction:
    lower, below, tier = next(step for step in reversed(price.ladder) if step[0] < total)
    return below + tier.flat_fee + (total - lower) * tier.unit_price
