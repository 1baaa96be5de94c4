"""Which tax an account pays in a month. The same rule as the models' int_account_taxes, for accounts without a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from control.domain.accounts import AccountRow

REVERSE_CHARGE = "reverse_charge"


class TaxTreatment(StrEnum):
    """Why a document carries the tax it does."""

    STANDARD = "standard"
    REVERSE_CHARGE = "reverse_charge"  # the buyer owes the tax
    EXEMPT = "exempt"  # the buyer is exempt
    ZERO = "zero"  # the seller's own country taxes nothing
    OUT_OF_SCOPE = "out_of_scope"  # another country, of which the catalog knows no tax


@dataclass(frozen=True, kw_only=True)
class TaxRates:
    """Rates at one instant: country code to the sum of its rates in percent, and the country of the seller."""

    percents: Mapping[str, Decimal]
    seller_country: str


@dataclass(frozen=True, kw_only=True)
class AccountTax:
    """`percent` of what is left after credits, and `reverse_charge` or nothing as the note on the document."""

    percent: Decimal
    note: str


def tax_of(account: AccountRow, rates: TaxRates) -> AccountTax:
    """An exempt account pays none; one with a tax id in another country than the seller's owes the tax itself."""
    if not account.is_tax_exempt:
        return AccountTax(percent=rates.percents.get(account.country_code, Decimal(0)), note="")
    is_reversed = bool(account.tax_id) and account.country_code != rates.seller_country
    return AccountTax(percent=Decimal(0), note=REVERSE_CHARGE if is_reversed else "")
