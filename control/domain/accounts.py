"""Rows whose master is the control store: accounts, credits, budgets. Catalog files only propose changes to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from control.domain.parties import Buyer

UNBOUNDED_FROM = datetime(1970, 1, 1, tzinfo=UTC)
UNBOUNDED_TO = datetime(2299, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class AccountRow:
    """A paying customer. `currency_code` never changes; `gateway` empty: invoices are not pushed anywhere."""

    account_id: str
    name: str
    currency_code: str
    country_code: str
    tax_id: str = ""
    is_tax_exempt: bool = False
    email: str = ""
    gateway: str = ""
    payment_terms_days: int = 0
    legal_name: str = ""
    address: str = ""
    postal_code: str = ""
    city: str = ""

    @property
    def buyer(self) -> Buyer:
        """How a document issued now would name the account."""
        return Buyer(
            name=self.name,
            legal_name=self.legal_name,
            address=self.address,
            postal_code=self.postal_code,
            city=self.city,
            country_code=self.country_code,
            tax_id=self.tax_id,
        )


@dataclass(frozen=True, kw_only=True)
class CreditRow:
    """Money an account may use up instead of paying, on months that overlap `[valid_from, valid_to)`."""

    credit_id: str
    account_id: str
    amount: Decimal  # major units, at most the currency's decimals
    currency_code: str
    valid_from: datetime = UNBOUNDED_FROM
    valid_to: datetime = UNBOUNDED_TO


@dataclass(frozen=True, kw_only=True)
class BudgetRow:
    """What an account wants to be warned about. It never stops usage or changes an amount."""

    budget_id: str
    account_id: str
    scope_type: str
    scope_value: str
    amount: Decimal  # major units, at most the currency's decimals
    currency_code: str
    thresholds: tuple[Decimal, ...] = ()  # percent of amount, at most 2 decimals
