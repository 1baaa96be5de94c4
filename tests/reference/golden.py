"""A fact of another billing system as a small world, and what to read off the public tables.

`Scene` collects the rows and events of one case under ids of its own, so that all cases can be billed together. What the case files say is
translated in `pricing_cases` and `aggregation_cases`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

from tests.reference.catalog import Account, Catalog, Price, Sku, Tax
from tests.reference.events import Batch, Event
from tests.reference.instants import format_instant, parse_catalog_instant, parse_instant
from tests.reference.model import Row, World
from tests.reference.numbers import exact_decimal

# All cases share one as-of, so that their worlds can be billed together; no state of theirs is left open.
AS_OF = parse_instant("2026-02-01T00:00:00Z")
FIRST_HOUR = parse_instant("2026-01-05T00:00:00Z")

_EVENT_PLACES = 9

Raw = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]
Values = Mapping[str, Fraction]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A world, what to read off its public tables, and the values that must come out (as far off as the case itself allows)."""

    id: str
    world: World
    observe: Callable[[Tables], Values]
    expected: Values
    tolerance: Fraction = Fraction(0)

    @property
    def account_id(self) -> str:
        """The case's only account."""
        return self.world.catalog.accounts[0].account_id

    def failures(self, tables: Tables) -> list[str]:
        """What differs, one line each; empty where the case holds. Rows of other accounts are ignored."""
        observed = self.observe({name: [row for row in rows if row["account_id"] == self.account_id] for name, rows in tables.items()})
        return [
            f"{self.id}, {name}: expected {value}, got {observed.get(name, 'nothing')}"
            for name, value in self.expected.items()
            if name not in observed or abs(observed[name] - value) > self.tolerance
        ]


@dataclass(frozen=True, kw_only=True)
class OutOfScope:
    """A case of a feature that the contract does not have."""

    id: str
    reason: str


@dataclass(kw_only=True)
class Scene:
    """The rows and events of one case; every id begins with the case's."""

    id: str
    currency_code: str = "USD"
    country_code: str = "US"
    skus: list[Sku] = field(default_factory=list)
    prices: list[Price] = field(default_factory=list)
    taxes: list[Tax] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def prefix(self) -> str:
        return f"{self.id}/"

    def sell(self, name: str, *, aggregation: str = "sum", price: Mapping[str, Any] | None = None) -> None:
        """Add a SKU that meters the metric of its name; without price terms its usage stays unrated."""
        sku_id = f"{self.prefix}{name}"
        self.skus.append(Sku(sku_id=sku_id, service=f"{self.prefix}service", name=name, metric=sku_id, aggregation=aggregation))
        if price:
            self.prices.append(Price(price_id=f"{sku_id}-price", sku_id=sku_id, currency_code=self.currency_code, **price))

    def use(self, name: str, instant: int, quantity: Fraction | str, *, subject: str = "resource") -> None:
        """Record usage of a SKU."""
        self._add("usage.recorded", subject, instant, {"metric": f"{self.prefix}{name}", "quantity": event_quantity(Fraction(quantity))})

    def hold(self, name: str, instant: int, level: Fraction, *, subject: str) -> None:
        """From the instant on the resource holds this level of a SKU; a later call at the same instant replaces it."""
        data = {"state": "running", "metrics": {f"{self.prefix}{name}": event_quantity(level)}, "sequence": len(self.events)}
        self._add("resource.updated", subject, instant, data)

    def delete(self, instant: int, *, subject: str) -> None:
        """End a resource."""
        self._add("resource.deleted", subject, instant, {"sequence": len(self.events)})

    def _add(self, kind: str, subject: str, instant: int, data: Mapping[str, object]) -> None:
        event = {
            "specversion": "1.0",
            "id": f"{self.prefix}{len(self.events)}",
            "source": "/cases",
            "type": kind,
            "subject": f"{self.prefix}{subject}",
            "time": format_instant(instant),
            "data": {"account_id": f"{self.prefix}account", **data},
        }
        self.events.append(event)

    def case(self, observe: Callable[[Tables], Values], expected: Mapping[str, str | Fraction], *, tolerance: str = "0") -> Case:
        """The finished case."""
        account = Account(
            account_id=f"{self.prefix}account", name=self.id, currency_code=self.currency_code, country_code=self.country_code
        )
        catalog = Catalog(accounts=(account,), skus=tuple(self.skus), prices=tuple(self.prices), taxes=tuple(self.taxes))
        return Case(
            id=self.id,
            world=World(catalog=catalog, batches=(Batch(self.id, tuple(self.events)),), as_of=AS_OF),
            observe=observe,
            expected={name: Fraction(value) for name, value in expected.items()},
            tolerance=Fraction(tolerance),
        )


def event_quantity(value: Fraction) -> str:
    """A quantity as an event carries it: at most 9 decimals."""
    return format(exact_decimal(value, _EVENT_PLACES), "f")


def instant_of(text: str) -> int:
    """An instant or a date of a case file."""
    return cast("int", parse_catalog_instant(text))


def number(cell: object) -> Fraction:
    """A numeric cell of a public table."""
    return Fraction(cast("Decimal", cell))


def hour_of_row(row: Row) -> datetime:
    """The hour of a row of an hourly table."""
    return cast("datetime", row["hour_at"])


def summed(cells: Iterable[tuple[str, object]]) -> dict[str, Fraction]:
    """Named numeric cells, added up per name."""
    sums: dict[str, Fraction] = defaultdict(Fraction)
    for name, cell in cells:
        sums[name] += number(cell)
    return sums
