"""Column types that mean the same in every database: money, decimals and instants as text, exact and ordered.

SQLite keeps Numeric as float and knows no time zones; amounts may pass 64 bits. Text has neither problem. Sums are made in
Python, on integers.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from control.domain.money import plain


class MinorUnits(TypeDecorator[int]):
    """An amount in minor units of the currency that stands beside it; any size."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Int to text; anything else is a defect of ours."""
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"minor units are an int, not {type(value).__name__}")
        return str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Text to int."""
        return None if value is None else int(value)


class Exact(TypeDecorator[Decimal]):
    """A decimal of any precision, in its canonical text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Decimal to text."""
        return None if value is None else plain(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Text to Decimal."""
        return None if value is None else Decimal(value)


class Instant(TypeDecorator[datetime]):
    """An instant in UTC to the millisecond, `2026-01-15T10:00:00.000Z`: orders as text. Finer digits are cut off."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Aware datetime to text."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError(f"an instant needs a time zone: {value}")
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Text to aware datetime."""
        return None if value is None else datetime.fromisoformat(value)
