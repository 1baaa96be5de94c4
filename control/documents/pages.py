"""Divides the lines of a document among pages, with the sum that is carried from each to the next. Pure: nothing is drawn here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from control.documents.content import Item
from control.domain.money import Money


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line with its name broken to the width of its column, and the height this takes in millimetres."""

    item: Item
    name_lines: tuple[str, ...]
    height: float


@dataclass(frozen=True, kw_only=True)
class Page:
    """The rows of one page. `brought` is the sum of all rows before it, `carried` of all rows up to its end."""

    rows: tuple[Row, ...]
    brought: Money
    carried: Money
    has_closing: bool  # the totals and notes stand below its rows


def paginate(rows: Sequence[Row], *, first: float, other: float, closing: float, carry: float, zero: Money) -> list[Page]:
    """Rows in their order on as few pages as hold them.

    Args:
        rows: of the document.
        first: room for rows on the first page, in millimetres; below its head, above its foot.
        other: room on each other page.
        closing: what the totals and notes take; they are kept together, on a page of their own where they must.
        carry: what one line of a carried sum takes: below the rows of a page that others follow, above those of all but the first.
        zero: of the document's currency.
    """
    pages: list[Page] = []
    brought, at, left = zero, 0, sum(row.height for row in rows)
    while True:
        room = other - carry if pages else first
        if left + closing <= room or (pages and at == len(rows)):
            return [*pages, Page(rows=tuple(rows[at:]), brought=brought, carried=_sum(rows[at:], brought), has_closing=True)]
        own = rows[at : at + _fitting(rows, at, room - carry)]
        carried = _sum(own, brought)
        pages.append(Page(rows=tuple(own), brought=brought, carried=carried, has_closing=False))
        brought, at, left = carried, at + len(own), left - sum(row.height for row in own)


def _fitting(rows: Sequence[Row], at: int, room: float) -> int:
    """How many rows from `at` on fit; one where even it does not, for else no page would ever hold it."""
    count, used = 0, 0.0
    while at + count < len(rows) and used + rows[at + count].height <= room:
        used += rows[at + count].height
        count += 1
    return max(count, 1)


def _sum(rows: Sequence[Row], start: Money) -> Money:
    return sum((row.item.amount for row in rows), start=start)
