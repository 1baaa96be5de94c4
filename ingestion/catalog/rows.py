"""The typed rows of a catalog. A row that exists here is valid by itself; what rows owe each other is checked before too.

Conventions: texts that are not set are empty; validity is `[valid_from, valid_to)` in UTC with the unbounded ends
`warehouse.ticks.EPOCH` and `FOREVER`; numbers are exact decimals without superfluous zeros. Field names are the columns'.
Nothing is computed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A customer. `payment_terms_days` counts from the day of issue; `gateway` is empty where invoices are paid by bank transfer."""

    account_id: str
    name: str
    currency_code: str
    country_code: str
    tax_id: str
    is_tax_exempt: bool
    email: str
    gateway: str
    payment_terms_days: int
    legal_name: str
    address: str
    postal_code: str
    city: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Sku:
    """What is sold: the usage of `metric` in `region` (empty: any without its own SKU), in units of metric / divisor."""

    sku_id: str
    service: str
    name: str
    metric: str
    region: str
    unit: str
    aggregation: str
    billed_when: str
    divisor: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """A price of a SKU in one currency; with `account_id` a contract.

    `unit_price` is 0 where the model has tiers, `package_size` is 0 unless the model is package.
    """

    price_id: str
    sku_id: str
    account_id: str
    currency_code: str
    model: str
    unit_price: Decimal
    package_size: Decimal
    valid_from: datetime
    valid_to: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceTier:
    """One tier of a graduated or volume price: `(previous up_to, up_to]` units; the last has no `up_to`."""

    price_id: str
    tier: int
    up_to: Decimal | None
    unit_price: Decimal
    flat_fee: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Discount:
    """Percent off on-demand charges of a SKU, a service or all, for one account or (empty) all accounts."""

    discount_id: str
    account_id: str
    scope_type: str
    scope_value: str
    percent: Decimal
    valid_from: datetime
    valid_to: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Commitment:
    """Units an account pays each hour, used or not."""

    commitment_id: str
    account_id: str
    sku_id: str
    quantity_per_hour: Decimal
    unit_price: Decimal
    currency_code: str
    valid_from: datetime
    valid_to: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Credit:
    """Money an account may use up before it pays, in the months that overlap its validity (milliseconds)."""

    credit_id: str
    account_id: str
    amount: Decimal
    currency_code: str
    valid_from: datetime
    valid_to: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Tax:
    """One rate of a country; the rates valid at once add up."""

    country_code: str
    tax_name: str
    percent: Decimal
    valid_from: datetime
    valid_to: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """A monthly amount to watch; `thresholds` are percent of it, rising, at most 2 decimals."""

    budget_id: str
    account_id: str
    scope_type: str
    scope_value: str
    amount: Decimal
    currency_code: str
    thresholds: tuple[Decimal, ...]
