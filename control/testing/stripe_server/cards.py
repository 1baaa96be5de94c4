"""Stripe's published test cards and what each does: https://docs.stripe.com/testing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Card:
    """One test card. `refusal` is (error code, decline code) of a charge; empty means that it pays."""

    number: str
    tokens: tuple[str, ...]
    brand: str = "visa"
    refusal: tuple[str, str] | None = None
    attaches: bool = True
    authentication: Literal["never", "unless_set_up", "always"] = "never"
    is_disputed: bool = False
    refunds: Literal["at_once", "pending"] = "at_once"
    funding: Literal["credit", "prepaid"] = "credit"
    country: str = "US"


CARDS = (
    Card(number="4242424242424242", tokens=("pm_card_visa",)),
    Card(number="4000056655665556", tokens=("pm_card_visa_debit",)),
    Card(number="5555555555554444", tokens=("pm_card_mastercard",), brand="mastercard"),
    Card(number="5105105105105100", tokens=("pm_card_mastercard_prepaid",), brand="mastercard", funding="prepaid"),
    Card(number="4000002760000016", tokens=("pm_card_de",), country="DE"),
    Card(number="4000000760000002", tokens=("pm_card_br",), country="BR"),
    Card(number="378282246310005", tokens=("pm_card_amex",), brand="amex"),
    Card(
        number="4000000000000002",
        tokens=("pm_card_visa_chargeDeclined", "pm_card_chargeDeclined"),
        refusal=("card_declined", "generic_decline"),
        attaches=False,
    ),
    Card(
        number="4000000000009995",
        tokens=("pm_card_visa_chargeDeclinedInsufficientFunds", "pm_card_chargeDeclinedInsufficientFunds"),
        refusal=("card_declined", "insufficient_funds"),
        attaches=False,
    ),
    Card(
        number="4000000000009987",
        tokens=("pm_card_visa_chargeDeclinedLostCard",),
        refusal=("card_declined", "lost_card"),
        attaches=False,
    ),
    Card(
        number="4000000000009979",
        tokens=("pm_card_visa_chargeDeclinedStolenCard",),
        refusal=("card_declined", "stolen_card"),
        attaches=False,
    ),
    Card(
        number="4000000000006975",
        tokens=("pm_card_visa_chargeDeclinedVelocityLimitExceeded",),
        refusal=("card_declined", "card_velocity_exceeded"),
        attaches=False,
    ),
    Card(number="4000000000000069", tokens=("pm_card_chargeDeclinedExpiredCard",), refusal=("expired_card", ""), attaches=False),
    Card(number="4000000000000127", tokens=("pm_card_chargeDeclinedIncorrectCvc",), refusal=("incorrect_cvc", ""), attaches=False),
    Card(number="4000000000000119", tokens=("pm_card_chargeDeclinedProcessingError",), refusal=("processing_error", ""), attaches=False),
    Card(number="4000000000000341", tokens=("pm_card_chargeCustomerFail",), refusal=("card_declined", "generic_decline")),
    Card(number="4000002500003155", tokens=("pm_card_authenticationRequiredOnSetup",), authentication="unless_set_up"),
    Card(number="4000002760003184", tokens=("pm_card_authenticationRequired",), authentication="always"),
    Card(number="4000003800000446", tokens=("pm_card_authenticationRequiredSetupForOffSession",)),
    Card(number="4000000000007726", tokens=("pm_card_pendingRefund",), refunds="pending"),
    # Its refund succeeds and comes back later: see `/_resolve`.
    Card(number="4000000000005126", tokens=("pm_card_refundFail",)),
    Card(number="4000000000000259", tokens=("pm_card_createDispute",), is_disputed=True),
)

BY_NUMBER = {card.number: card for card in CARDS}
BY_TOKEN = {token: card for card in CARDS for token in card.tokens}

MESSAGES = {
    "card_declined": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
}


def refusal_fields(card: Card) -> dict[str, str | None]:
    """The code, decline_code and message of this card's refusal, for Stripe's error object."""
    code, decline = card.refusal or ("card_declined", "generic_decline")
    return {"code": code, "decline_code": decline or None, "message": MESSAGES.get(decline) or MESSAGES[code]}


def is_card_number(number: str) -> bool:
    """Whether the digits pass the Luhn check (ISO/IEC 7812-1)."""
    if not number.isdigit() or not 12 <= len(number) <= 19:
        return False
    digits = [int(digit) for digit in reversed(number)]
    return sum(digits[0::2] + [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]) % 10 == 0
