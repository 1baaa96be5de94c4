"""Our money in Stripe's units and back, exactly or not at all. Pure; knows no SDK.

Stripe counts minor units like ISO 4217 does, with the exceptions below: https://docs.stripe.com/currencies.
"""

from __future__ import annotations

from control.domain.money import Money
from warehouse.currencies import minor_units
from warehouse.errors import RefusedError

# ISO 4217 without decimals, and without decimals at Stripe.
_WHOLE = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"},
)
# ISO 4217 without decimals, written at Stripe with two that must be 00: 5 ISK is 500.
_WHOLE_IN_HUNDREDTHS = frozenset({"ISK", "UGX"})
# ISO 4217 with two decimals, without decimals at Stripe.
_WHOLE_AT_STRIPE = frozenset({"MGA"})
# Three decimals, the last of which a charge must have as 0.
_THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})

# The smallest charge in minor units, of an account that settles in the same currency. An invoice that comes to less is
# marked paid by Stripe and its amount carried to the customer's next one, which no ledger of ours would know.
_SMALLEST_CHARGE = {
    "AED": 200, "AUD": 50, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250, "EUR": 50, "GBP": 30, "HKD": 400,
    "HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300, "NZD": 50, "PLN": 200, "RON": 200, "SEK": 300,
    "SGD": 50, "THB": 1000, "USD": 50,
}  # fmt: skip


def refusal(amount: Money) -> str | None:
    """Why Stripe cannot charge this amount exactly; None where it can."""
    reason = _unwritable(amount) or _odd_last_digit(amount)
    if reason is None and amount.minor < _SMALLEST_CHARGE.get(amount.currency_code, 1):
        smallest = Money(_SMALLEST_CHARGE.get(amount.currency_code, 1), amount.currency_code)
        reason = f"Stripe charges {smallest} or more, not {amount}"
    return reason


def to_units(amount: Money) -> int:
    """The amount as Stripe writes it, for an invoice's line.

    Raises:
        RefusedError: it has no exact form there.
    """
    if reason := _unwritable(amount):
        raise RefusedError(reason)
    if amount.currency_code in _WHOLE_IN_HUNDREDTHS:
        return amount.minor * 100
    if amount.currency_code in _WHOLE_AT_STRIPE:
        return amount.minor // 100
    return amount.minor


def to_credit_units(amount: Money) -> int:
    """The amount as Stripe writes it, for a credit on a customer's balance, which must leave chargeable amounts.

    Raises:
        RefusedError: it has no exact form there.
    """
    if reason := _odd_last_digit(amount):
        raise RefusedError(reason)
    return to_units(amount)


def from_units(units: int, currency: str) -> Money:
    """Stripe's amount as our money. `currency` in either case.

    Raises:
        ValueError: a fraction of a currency that has none.
    """
    code = currency.upper()
    if code in _WHOLE_IN_HUNDREDTHS:
        if units % 100:
            raise ValueError(f"{units} is not a whole amount of {code} in Stripe's hundredths")
        return Money(units // 100, code)
    return Money(units * 100 if code in _WHOLE_AT_STRIPE else units, code)


def _unwritable(amount: Money) -> str | None:
    code, decimals = amount.currency_code, minor_units(amount.currency_code)
    known = _WHOLE | _WHOLE_IN_HUNDREDTHS if decimals == 0 else _THREE_DECIMALS
    if decimals != 2 and code not in known:
        return f"Stripe does not take {code}"
    if code in _WHOLE_AT_STRIPE and amount.minor % 100:
        return f"Stripe takes whole {code} only, not {amount}"
    return None


def _odd_last_digit(amount: Money) -> str | None:
    if amount.currency_code in _THREE_DECIMALS and amount.minor % 10:
        return f"Stripe takes amounts of {amount.currency_code} with a last digit of 0 only, not {amount}"
    return None
