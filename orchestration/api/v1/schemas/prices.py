"""Prices, and what a quantity would cost."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestration.api.v1.schemas.fields import DecimalText, Instant, Schema

Model = Literal["per_unit", "graduated", "volume", "package"]


class Tier(Schema):
    """A tier `(previous up_to, up_to]` of a graduated or volume price."""

    up_to: DecimalText | None = Field(description="Null in the last, open tier.")
    unit_price: DecimalText
    flat_fee: DecimalText


class Price(Schema):
    """A list price, or with an account_id a contract price of that account, which beats it."""

    price_id: str
    sku_id: str
    service: str
    name: str
    unit: str
    account_id: str
    currency_code: str
    model: Model
    unit_price: DecimalText
    package_size: DecimalText
    tiers: list[Tier]
    valid_from: Instant | None
    valid_to: Instant | None


class Estimate(Schema):
    """What a quantity would cost on demand, exact, before credits and tax. Commitments are not looked at."""

    sku_id: str
    account_id: str
    currency_code: str
    quantity: DecimalText
    quantity_before: DecimalText = Field(description="The month's running total that the quantity comes on top of.")
    unit: str
    price_id: str
    price_model: Model
    discount_id: str
    discount_percent: DecimalText
    list_amount_unrounded: DecimalText
    amount_unrounded: DecimalText
    at: Instant
