"""Kinds of values: decimals are texts without exponent, instants are UTC with a `Z`, ids are printable."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints, WithJsonSchema

from control.domain.money import plain
from warehouse.currencies import MINOR_UNITS

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")
# What the warehouse can hold, and what stands for no bound: whatever lies beyond is the same as these.
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2299, 12, 31, tzinfo=UTC)


class Schema(BaseModel):
    """Base of what is shown and taken. What a request has beyond its fields is refused: it would be lost in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def instant_text(value: datetime) -> str:
    """RFC 3339 in UTC, with milliseconds where they are not zero."""
    text = value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return text.replace(".000Z", "Z")


def _instant(value: Any) -> datetime:  # noqa: ANN401 - what a caller sent
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("must be an RFC 3339 instant such as 2026-01-15T10:00:00Z")
    try:
        instant = datetime.fromisoformat(value.upper())
    except ValueError:
        raise ValueError("does not exist in the calendar") from None
    return min(max(instant, _FIRST), _LAST).astimezone(UTC)


def _currency(value: str) -> str:
    if value not in MINOR_UNITS:
        raise ValueError("must be a currency code of ISO 4217")
    return value


def decimal_text(value: Decimal) -> str:
    """Canonical text: no exponent, no trailing zeros."""
    return plain(value)


Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    PlainSerializer(instant_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Day = Annotated[date, Field(ge=date(1970, 1, 1), le=date(2299, 12, 31))]
# Of invoices it has the currency's own decimals; of what is not rounded, as many as there are.
DecimalText = Annotated[str, StringConstraints(pattern=r"^-?(0|[1-9][0-9]{0,59})(\.[0-9]{1,32})?$")]
PositiveText = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,17})(\.[0-9]{1,12})?$")]
CurrencyCode = Annotated[
    str, AfterValidator(_currency), WithJsonSchema({"type": "string", "enum": sorted(MINOR_UNITS), "title": "Currency code"})
]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$")]
Words = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$")]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+$")]
Period = Annotated[str, StringConstraints(pattern=r"^(19[7-9][0-9]|2[0-2][0-9]{2})-(0[1-9]|1[0-2])$")]
