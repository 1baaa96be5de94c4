"""Money as integer minor units of one ISO 4217 currency, and the only ways in and out of it.

A value that does not fit the currency's minor unit is an error, never rounded to fit. The one place that rounds is
`Money.percent`, which recomputes tax to verify it; amounts of lines are rounded by the models that make them.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal

from warehouse.currencies import minor_units

# Wide enough for any Decimal(76, 32) of the warehouse times a percent; scaling by a power of ten is exact within it.
_EXACT = Context(prec=120, rounding=ROUND_HALF_UP)  # ROUND_HALF_UP of this module is half away from zero
_ONE = Decimal(1)


@dataclass(frozen=True, order=False)
class Money:
    """An amount of one currency. `minor` counts minor units: cents for USD, whole yen for JPY, fils for KWD."""

    minor: int
    currency_code: str

    def __post_init__(self) -> None:
        if not isinstance(self.minor, int) or isinstance(self.minor, bool):
            raise TypeError(f"minor units are an int, not {type(self.minor).__name__}")

    @classmethod
    def from_decimal(cls, amount: Decimal, currency_code: str) -> Money:
        """The exact amount in minor units.

        Raises:
            ValueError: the amount has more decimals than the currency's minor unit, or is not finite.
            warehouse.errors.InputError: no such currency.
        """
        if not amount.is_finite():
            raise ValueError(f"{amount} is not an amount")
        scaled = amount.scaleb(minor_units(currency_code), _EXACT)
        if scaled != scaled.to_integral_value():
            raise ValueError(f"{amount} has more decimals than {currency_code} has minor units")
        return cls(int(scaled), currency_code)

    @property
    def amount(self) -> Decimal:
        """The amount in the currency's major unit, with exactly its decimals: `Decimal('12.30')` for USD."""
        return Decimal(self.minor).scaleb(-minor_units(self.currency_code), _EXACT)

    def percent(self, percent: Decimal) -> Money:
        """This many percent of the amount, rounded half away from zero to the minor unit."""
        exact = _EXACT.multiply(Decimal(self.minor), percent).scaleb(-2, _EXACT)
        return Money(int(exact.quantize(_ONE, context=_EXACT)), self.currency_code)

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other).minor, self.currency_code)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other).minor, self.currency_code)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency_code)

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency_code}"

    def __bool__(self) -> bool:
        return self.minor != 0

    def _same(self, other: Money) -> Money:
        if other.currency_code != self.currency_code:
            raise ValueError(f"{self.currency_code} and {other.currency_code} do not add")
        return other


def plain(value: Decimal) -> str:
    """Canonical text of a decimal: no exponent, no trailing zeros, no minus zero. Equal values have equal texts."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
