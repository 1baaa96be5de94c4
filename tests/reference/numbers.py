"""Exact numbers: the one rounding of the model, and fractions written as decimals without losing a digit.

Nothing here knows what a number stands for.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

QUANTITY_PLACES = 12
UNROUNDED_PLACES = 32  # 12 of a quantity + 12 of a price + 8 of a percentage: an unrounded amount always fits.

# ISO 4217 minor units of the currencies the worlds and cases use.
MINOR_UNITS = {"USD": 2, "EUR": 2, "GBP": 2, "CHF": 2, "CAD": 2, "INR": 2, "JPY": 0, "KRW": 0, "CLP": 0, "KWD": 3, "BHD": 3}


def round_half_away(value: Fraction, places: int) -> Fraction:
    """Round to a number of decimals, a half away from zero: 2.345 and -2.345 become 2.35 and -2.35 at two places."""
    scale = 10**places
    scaled = abs(value) * scale
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole if value >= 0 else -whole, scale)


def exact_decimal(value: Fraction, places: int) -> Decimal:
    """The fraction as a Decimal with this many places.

    Raises:
        ValueError: the value has more places; a reference value is never rounded to be shown.
    """
    scaled = value * 10**places
    if scaled.denominator != 1:
        raise ValueError(f"{value} has more than {places} decimals")
    return Decimal(f"{scaled.numerator}e-{places}")
