"""Adyen's published test cards and what each does: https://docs.adyen.com/development-resources/testing.

Adyen refuses by the holder's name. A name that begins with `LATER ` is this double's own: the card is kept, and what follows
happens when it is charged.
"""

from __future__ import annotations

from dataclasses import dataclass

# Number: brand. 4917 6100 0000 0000 asks its holder whenever one is there.
_NUMBERS = {
    "4111111111111111": "visa",
    "4444333322221111": "visa",
    "4917610000000000": "visa",
    "5555444433331111": "mc",
    "370000000000002": "amex",
}
_ASKS_HOLDER = frozenset({"4917610000000000"})

# Holder's name: result code, refusal reason code, refusal reason.
REFUSALS = {
    "DECLINED": ("Refused", "2", "Refused"),
    "REFERRAL": ("Refused", "3", "Referral"),
    "ERROR": ("Error", "4", "Acquirer Error"),
    "BLOCK_CARD": ("Refused", "5", "Blocked Card"),
    "CARD_EXPIRED": ("Refused", "6", "Expired Card"),
    "INVALID_AMOUNT": ("Refused", "7", "Invalid Amount"),
    "INVALID_CARD": ("Refused", "8", "Invalid Card Number"),
    "NOT_SUPPORTED": ("Refused", "10", "Not supported"),
    "NOT_3D_AUTHENTICATED": ("Refused", "11", "3D Not Authenticated"),
    "NOT_ENOUGH_BALANCE": ("Refused", "12", "Not enough balance"),
    "CVC_DECLINED": ("Refused", "24", "CVC Declined"),
    "AUTHENTICATION_REQUIRED": ("Refused", "38", "Authentication required"),
}
LATER = "LATER "
_ENCRYPTED = "test_"


@dataclass(frozen=True, kw_only=True)
class Card:
    """A test card as it was entered. Only its last digits are kept."""

    last_four: str
    brand: str
    expiry_month: str
    expiry_year: str
    holder: str
    asks_holder: bool

    @property
    def refusal(self) -> tuple[str, str, str] | None:
        """What its bank says to whoever enters it; None: it is good."""
        return REFUSALS.get(self.holder)

    @property
    def later(self) -> str:
        """What happens when it is charged once it is kept, such as `DECLINED`; empty: it pays."""
        return self.holder.removeprefix(LATER) if self.holder.startswith(LATER) else ""


def card_of(method: dict[str, str]) -> Card | None:
    """The card in encrypted fields as Adyen's test environment takes them (`test_4111111111111111`); None where it is none."""
    fields = ("encryptedCardNumber", "encryptedExpiryMonth", "encryptedExpiryYear", "encryptedSecurityCode")
    texts = [method.get(name, "") for name in fields]
    if not all(text.startswith(_ENCRYPTED) for text in texts):
        return None
    number, month, year, _ = (text.removeprefix(_ENCRYPTED) for text in texts)
    if number not in _NUMBERS:
        return None
    return Card(
        last_four=number[-4:],
        brand=_NUMBERS[number],
        expiry_month=month,
        expiry_year=year,
        holder=method.get("holderName", ""),
        asks_holder=number in _ASKS_HOLDER,
    )
