"""Our money in Adyen's units and back, exactly or not at all. Pure; knows no SDK.

Adyen counts minor units like ISO 4217 does, with the exceptions below: https://docs.adyen.com/development-resources/currency-codes.
"""

from __future__ import annotations

from control.domain.money import Money
from warehouse.currencies import minor_units
from warehouse.errors import RefusedError

# Decimals at Adyen where they are not those of ISO 4217.
_DECIMALS = {"CLP": 2, "CVE": 0, "IDR": 0, "ISK": 2}
_KNOWN_DECIMALS = (0, 2, 3)


def refusal(amount: Money) -> str | None:
    """Why Adyen cannot charge this amount exactly; None where it can."""
    if amount.minor <= 0:
        return f"Adyen charges more than nothing, not {amount}"
    decimals = minor_units(amount.currency_code)
    if decimals not in _KNOWN_DECIMALS:
        return f"Adyen does not take {amount.currency_code}"
    if amount.minor % 10 ** max(0, decimals - _at_adyen(amount.currency_code)):
        return f"Adyen takes whole {amount.currency_code} only, not {amount}"
    return None


def to_units(amount: Money) -> dict[str, object]:
    """The amount as Adyen writes it.

    Raises:
        RefusedError: it has no exact form there.
    """
    if reason := refusal(amount):
        raise RefusedError(reason)
    shift = _at_adyen(amount.currency_code) - minor_units(amount.currency_code)
    value = amount.minor * 10**shift if shift >= 0 else amount.minor // 10**-shift
    return {"currency": amount.currency_code, "value": value}


def from_units(value: int, currency_code: str) -> Money:
    """Adyen's amount as our money.

    Raises:
        ValueError: a fraction of a currency that has none.
    """
    shift = _at_adyen(currency_code) - minor_units(currency_code)
    if shift > 0 and value % 10**shift:
        raise ValueError(f"{value} is not a whole amount of {currency_code} at Adyen")
    return Money(value // 10**shift if shift >= 0 else value * 10**-shift, currency_code)


def _at_adyen(currency_code: str) -> int:
    return _DECIMALS.get(currency_code, minor_units(currency_code))
