"""Who stands on a document: the seller and the buyer, as they were when it was issued."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Seller:
    """The legal entity that issues. Empty texts are not set."""

    legal_name: str
    address: str
    postal_code: str
    city: str
    country_code: str
    tax_id: str

    @property
    def key(self) -> str:
        """What makes two sellers one legal entity, hence one number series: the tax id, else the legal name.

        Correcting an address keeps the series; so does correcting the name of a seller with a tax id.
        Empty where neither is set.
        """
        return f"{self.country_code}/{self.tax_id}" if self.tax_id else self.legal_name


@dataclass(frozen=True, kw_only=True)
class Buyer:
    """The account as the document names it. `legal_name` empty: `name` is the legal name."""

    name: str
    legal_name: str
    address: str
    postal_code: str
    city: str
    country_code: str
    tax_id: str
