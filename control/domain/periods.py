"""Billing months: `2026-01` is `[2026-01-01T00:00:00Z, 2026-02-01T00:00:00Z)`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from warehouse.errors import InputError

_FORM = re.compile(r"(2[0-9]{3})-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, order=True)
class Period:
    """One month in UTC; periods order by time."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read `YYYY-MM`.

        Raises:
            InputError: any other form.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise InputError(f"{text!r} is not a month; write one such as 2026-01")
        return cls(int(match[1]), int(match[2]))

    @property
    def start_at(self) -> datetime:
        """First instant of the month."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def end_at(self) -> datetime:
        """First instant after the month."""
        return self.next.start_at

    @property
    def next(self) -> Period:
        """The month after."""
        return Period(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def previous(self) -> Period:
        """The month before."""
        return Period(self.year - (self.month == 1), (self.month - 2) % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"
