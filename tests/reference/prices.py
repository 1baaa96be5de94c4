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
    amount = lower = Fraction(0)
    for tier in price.tiers:
        if total <= lower:
            break
        upper = total if tier.up_to is None else min(total, tier.up_to)
        amount += (upper - lower) * tier.unit_price + tier.flat_fee
        lower = upper if tier.up_to is None else tier.up_to
    return amount
