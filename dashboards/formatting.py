"""Money, quantities and periods as people read them.

An amount is never shown with fewer digits than it has, except by `rounded_text`, whose callers say so on the page. Sums
belong in SQL (queries.py). Python's own decimal context holds 28 digits, so nothing here computes in it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal

from warehouse.currencies import minor_units

# Decimal(76, 32) is the widest type of the public tables; the room above it is for thousands of such summands.
EXACT = Context(prec=120)

_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")


def exact_text(number: Decimal) -> str:
    """All digits of a number in groups of three, without exponent or trailing zeros: `1,234.5`."""
    return _grouped(number, least_decimals=0)


def amount_text(amount: Decimal, currency_code: str) -> str:
    """An amount with the decimals of its currency, more where it has more, without the currency: `1,234.50`, JPY `1,235`.

    Raises:
        MeterhouseError: the currency is not in ISO 4217.
    """
    return _grouped(amount, least_decimals=minor_units(currency_code))


def money_text(amount: Decimal, currency_code: str) -> str:
    """An amount with its ISO currency code: `1,234.50 EUR`. Symbols are not used: `$` and `¥` stand for several currencies each."""
    return f"{amount_text(amount, currency_code)} {currency_code}"


def rounded_text(amount: Decimal, currency_code: str) -> str:
    """An unrounded amount as people want to read it: rounded half away from zero to the decimals of its currency."""
    step = Decimal((0, (1,), -minor_units(currency_code)))
    return amount_text(amount.quantize(step, rounding=ROUND_HALF_UP, context=EXACT), currency_code)


def plain_text(number: Decimal, *, least_decimals: int = 0) -> str:
    """A number for a machine: all digits, no groups, no exponent: `1234.50`."""
    return _grouped(number, least_decimals=least_decimals).replace(",", "")


def negated(amount: Decimal) -> Decimal:
    """The amount with the other sign, exact (unary minus would round to 28 digits)."""
    return amount.copy_negate() if amount else amount.copy_abs()


def percent_text(percent: Decimal) -> str:
    """A percentage as the catalog writes it: `19 %`, `7.7 %`."""
    return f"{exact_text(percent)} %"


def share_of(part: Decimal, total: Decimal) -> float:
    """`part / total` between 0 and 1, for the length of a bar only; 0 where either is not positive."""
    if part <= 0 or total <= 0:
        return 0.0
    return min(1.0, float(EXACT.divide(part, total)))  # a float, because it becomes pixels


def period_text(period: str) -> str:
    """`2026-01` as `January 2026`."""
    year, month = period.split("-")
    return f"{_MONTHS[int(month) - 1]} {year}"


def period_bounds(period: str) -> tuple[date, date]:
    """First day of a month and first day of the next: `[start, end)`."""
    year, month = (int(part) for part in period.split("-"))
    return date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)


def instant_text(instant: datetime) -> str:
    """An instant to the minute: `2026-02-11 00:00 UTC`."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def count_text(count: int, noun: str) -> str:
    """A count with its noun: `1 line`, `2,000 lines`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _grouped(number: Decimal, *, least_decimals: int) -> str:
    whole, _, decimals = format(number if number else number.copy_abs(), ",f").partition(".")
    decimals = decimals.rstrip("0").ljust(least_decimals, "0")
    return f"{whole}.{decimals}" if decimals else whole
