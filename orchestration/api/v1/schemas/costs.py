"""Cost and usage breakdowns."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from orchestration.api.v1.schemas.fields import DecimalText, Instant, Schema


class Granularity(StrEnum):
    """How long the periods are that amounts are shown for."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    TOTAL = "total"  # the whole period as one


# Columns of the public tables, and labels.
COLUMNS = ("account_id", "charge_type", "price_id", "project_id", "region", "resource_id", "service", "sku_id")
LABEL = "label:"
Dimension = Annotated[str, StringConstraints(pattern=rf"^({'|'.join(COLUMNS)}|label:[^\x00-\x1f\x7f]{{1,100}})$")]
UsageDimension = Annotated[str, StringConstraints(pattern=r"^(account_id|project_id|region|resource_id|label:[^\x00-\x1f\x7f]{1,100})$")]
LabelFilter = Annotated[str, StringConstraints(pattern=r"^[^=\x00-\x1f\x7f]{1,100}=[^\x00-\x1f\x7f]{0,500}$")]


class Group(Schema):
    """What a row is about. What the breakdown does not divide by is null."""

    starts_at: Instant | None = Field(description="Of the hour, day or month; null with granularity `total`.")
    account_id: str | None
    project_id: str | None
    region: str | None
    resource_id: str | None
    sku_id: str | None
    labels: dict[str, str] = Field(description="Of each `label:<key>` asked for; empty text where there is none.")


class Cost(Group):
    """A sum of charges in one currency, exact and unrounded, before credits and tax."""

    service: str | None
    charge_type: str | None
    price_id: str | None
    currency_code: str
    quantity: DecimalText | None = Field(description="In `unit`; null unless divided by sku_id, since units do not add up.")
    unit: str | None
    list_amount_unrounded: DecimalText = Field(description="At list prices, before discounts.")
    amount_unrounded: DecimalText


class Usage(Group):
    """A sum of consumption of one SKU, priced or not."""

    quantity: DecimalText
    unit: str
