"""Stripe's rules about amounts, from its page on currencies: https://docs.stripe.com/currencies.

Written apart from the adapter's own rules on purpose: the double must not share a mistake with what it tests.
"""

from __future__ import annotations

from control.testing.stripe_server.errors import ApiError

_LAST_DIGIT_ZERO = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})
# Zero-decimal by now, but still written with two decimals, which must be 00.
_WHOLE_UNITS_IN_HUNDREDTHS = frozenset({"isk", "ugx"})
# Listed per settlement currency; an account with one bank account in the charge's currency has exactly these.
_SMALLEST_CHARGE = {
    "aed": 200, "aud": 50, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30, "hkd": 400,
    "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300,
    "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip
_LARGEST_CHARGE = 999_999_999_999


def check_amount(amount: int, currency: str, *, param: str) -> None:
    """Refuse an amount that no card network could take.

    Raises:
        ApiError: 400 for a last digit the currency does not have, or more than 12 digits.
    """
    if currency in _LAST_DIGIT_ZERO and amount % 10:
        raise ApiError(400, f"Invalid amount: the last digit of an amount in {currency} must be 0", param=param)
    if currency in _WHOLE_UNITS_IN_HUNDREDTHS and amount % 100:
        raise ApiError(400, f"Invalid amount: {currency} has no fractions, the last two digits must be 00", param=param)
    if abs(amount) > _LARGEST_CHARGE:
        raise ApiError(400, "Amount must be no more than 12 digits", code="amount_too_large", param=param)


def smallest_charge(currency: str) -> int:
    """What an invoice must come to, for a charge to be made; less is carried forward on the customer's balance."""
    return _SMALLEST_CHARGE.get(currency, 1)
