"""Numbers and dates as they are printed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from control.domain.money import Money, plain
from control.domain.parties import Buyer, Seller
from control.domain.periods import Period

THIN = "\u202f"  # narrow, and no line breaks at it


def grouped(number: str) -> str:
    """A plain decimal with thin spaces between thousands: `-1 234 567.89`."""
    sign, digits = ("-", number[1:]) if number.startswith("-") else ("", number)
    whole, point, decimals = digits.partition(".")
    return f"{sign}{int(whole):,}".replace(",", THIN) + point + decimals


def money(amount: Money) -> str:
    """With exactly the currency's decimals, without its code."""
    return grouped(format(amount.amount, "f"))


def quantity(value: Decimal) -> str:
    """All its decimals, without zeros at the end."""
    return grouped(plain(value))


def percent(value: Decimal) -> str:
    """`19 %`."""
    return f"{plain(value)}{THIN}%"


def day(value: date) -> str:
    """ISO 8601: no country reads it as another day."""
    return value.isoformat()


def month(period: Period) -> str:
    """First and last day."""
    last = date.fromordinal(period.end_at.date().toordinal() - 1)
    return f"{day(period.start_at.date())} \u2013 {day(last)}"


def address(party: Seller | Buyer) -> list[str]:
    """Its lines, without empty ones."""
    place = " ".join(part for part in (party.postal_code, party.city) if part)
    return [line for line in (party.address, ", ".join(part for part in (place, party.country_code) if part)) if line]
