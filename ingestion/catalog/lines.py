"""One line of a file as its cells, read column by column. A cell that is wrong is noted and reading goes on.

After a problem the methods return a value of the right type that means nothing, and `is_good` is false: the row made of
it must be thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TypeVar

from ingestion.catalog import cells
from ingestion.catalog.limits import NumberRule
from ingestion.catalog.problems import Problems
from warehouse.ticks import EPOCH, FOREVER

T = TypeVar("T")


@dataclass
class Line:
    """The cells of one line by column, stripped; optional columns may be absent. `number` counts lines of the file from 1."""

    file_name: str
    number: int
    cells: Mapping[str, str]
    problems: Problems
    is_good: bool = True

    def refuse(self, column: str, reason: str) -> None:
        """Note a problem of this line."""
        self.is_good = False
        self.problems.add(self.file_name, self.number, column, reason=reason)

    def cell(self, column: str) -> str:
        """The text of a cell; empty where not set."""
        return self.cells.get(column, "")

    def identifier(self, column: str, *, default: str | None = None) -> str:
        """An id or code. Without a default the cell must be set; the same holds for all methods below."""
        return self._value(column, cells.identifier, default, "")

    def text(self, column: str, *, default: str | None = "") -> str:
        """A text for people."""
        return self._value(column, cells.free_text, default, "")

    def email(self, column: str) -> str:
        """An e-mail address or empty."""
        return self._value(column, cells.email, "", "")

    def choice(self, column: str, choices: Collection[str], *, default: str | None = None) -> str:
        """One of a few words."""
        return self._value(column, partial(cells.one_of, choices=choices), default, "")

    def currency(self, column: str) -> str:
        """A currency code."""
        return self._value(column, cells.currency, None, "")

    def country(self, column: str, *, default: str | None = None) -> str:
        """A country code."""
        return self._value(column, cells.country, default, "")

    def boolean(self, column: str, *, default: bool) -> bool:
        """True or false."""
        return self._value(column, cells.boolean, default, False)

    def integer(self, column: str, *, lowest: int, highest: int, default: int | None = None) -> int:
        """A whole number."""
        return self._value(column, partial(cells.integer, lowest=lowest, highest=highest), default, lowest)

    def decimal(self, column: str, rule: NumberRule, *, default: Decimal | None = None) -> Decimal:
        """An exact number."""
        return self._value(column, partial(cells.decimal, rule=rule), default, Decimal(0))

    def thresholds(self, column: str, *, default: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
        """Percents of a budget."""
        return self._value(column, cells.thresholds, default, ())

    def hours(self, *, is_from_required: bool = False) -> tuple[datetime, datetime]:
        """valid_from and valid_to on full hours; an empty one is unbounded."""
        return self._validity(cells.full_hour, from_default=None if is_from_required else EPOCH)

    def instants(self) -> tuple[datetime, datetime]:
        """valid_from and valid_to to the millisecond; an empty one is unbounded."""
        return self._validity(cells.instant, from_default=EPOCH)

    def must_be_empty(self, column: str, reason: str) -> None:
        """Refuse a cell that has no meaning in this line: it would be ignored, and its author thinks otherwise."""
        if self.cell(column):
            self.refuse(column, f"must be empty: {reason}")

    def _validity(self, parse: Callable[[str], datetime], *, from_default: datetime | None) -> tuple[datetime, datetime]:
        was_good, self.is_good = self.is_good, True
        valid_from = self._value("valid_from", parse, from_default, EPOCH)
        valid_to = self._value("valid_to", parse, FOREVER, FOREVER)
        if self.is_good and valid_from >= valid_to:
            self.refuse(
                "valid_to", f"{self.cell('valid_to')!r} must be later than valid_from; it is the first instant that is no longer valid"
            )
        self.is_good = self.is_good and was_good
        return valid_from, valid_to

    def _value(self, column: str, parse: Callable[[str], T], default: T | None, stand_in: T) -> T:
        text = self.cell(column)
        if not text:
            if default is None:
                self.refuse(column, "must not be empty")
                return stand_in
            return default
        try:
            return parse(text)
        except cells.CellError as error:
            self.refuse(column, str(error))
            return stand_in
