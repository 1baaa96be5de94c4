"""Metering: hourly consumption per (account, project, resource, region, sku), and what cannot be attributed to a SKU (section 4.1).

Prices and accounts are unknown here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from tests.reference.catalog import TIME_WEIGHTED, Catalog, Sku
from tests.reference.events import Accepted, Labels, State, Usage
from tests.reference.instants import HOUR, hour_of
from tests.reference.lives import intervals
from tests.reference.numbers import QUANTITY_PLACES, round_half_away


class ConsumptionKey(NamedTuple):
    account_id: str
    project_id: str
    resource_id: str
    region: str
    sku_id: str
    hour_at: int


class UnratedKey(NamedTuple):
    account_id: str
    project_id: str
    resource_id: str
    region: str
    sku_id: str
    metric: str
    hour_at: int
    reason_code: str


@dataclass(frozen=True, kw_only=True)
class Consumption:
    """Quantity in the SKU's unit, rounded to 12 decimals. Zero consumption is a row too."""

    quantity: Fraction
    unit: str
    labels: Labels


@dataclass(frozen=True, kw_only=True)
class Metered:
    consumption: dict[ConsumptionKey, Consumption]
    misfits: dict[UnratedKey, Consumption]


class _Cell(NamedTuple):
    """What is metered together: one metric of one resource in one hour."""

    account_id: str
    project_id: str
    resource_id: str
    region: str
    metric: str
    hour_at: int


@dataclass
class _Held:
    """Value times milliseconds of the billed intervals in a cell, and the latest of their states."""

    latest: State
    weighted: Fraction = field(default_factory=Fraction)

    @property
    def value_hours(self) -> Fraction:
        return self.weighted / HOUR


# Hourly quantity of usage events by aggregation, before the divisor.
_AGGREGATIONS: dict[str, Callable[[Sequence[Usage]], Fraction]] = {
    "sum": lambda events: sum((event.quantity for event in events), Fraction(0)),
    "count": lambda events: Fraction(len(events)),
    "max": lambda events: max(event.quantity for event in events),
    "latest": lambda events: max(events, key=lambda event: event.rank).quantity,
    "unique": lambda events: Fraction(len({event.value for event in events} - {""})),
}


def meter(catalog: Catalog, usage: Iterable[Usage], states: Iterable[State], as_of: int) -> Metered:
    """Hourly quantities of everything that happened up to as-of (usage at as-of included, states up to it)."""
    used: dict[_Cell, list[Usage]] = defaultdict(list)
    for event in usage:
        if event.time <= as_of:
            used[_cell(event, event.metric, hour_of(event.time))].append(event)
    held = _held(catalog, states, as_of)

    consumption: dict[ConsumptionKey, Consumption] = {}
    misfits: dict[UnratedKey, Consumption] = {}
    for cell in used.keys() | held.keys():
        sku = catalog.sku_of(cell.metric, cell.region)
        events, state = used.get(cell, []), held.get(cell)
        if sku is None:
            quantity = _AGGREGATIONS["sum"](events) + (state.value_hours if state else 0)
            latest: list[Accepted] = [*events, *([state.latest] if state else [])]
            misfits[_unrated(cell, None, "unknown_metric")] = _consumption(quantity, None, latest)
            continue
        if events:
            if sku.aggregation == TIME_WEIGHTED:
                misfits[_unrated(cell, sku, "aggregation_mismatch")] = _consumption(_AGGREGATIONS["sum"](events), sku, events)
            else:
                consumption[_consumed(cell, sku)] = _consumption(_AGGREGATIONS[sku.aggregation](events), sku, events)
        if state:
            if sku.aggregation == TIME_WEIGHTED:
                consumption[_consumed(cell, sku)] = _consumption(state.value_hours, sku, [state.latest])
            else:
                misfits[_unrated(cell, sku, "aggregation_mismatch")] = _consumption(state.value_hours, sku, [state.latest])
    return Metered(consumption=consumption, misfits=misfits)


def _held(catalog: Catalog, states: Iterable[State], as_of: int) -> dict[_Cell, _Held]:
    """Lives of several sources on one subject add up in one cell."""
    held: dict[_Cell, _Held] = {}
    for interval in intervals(states, as_of):
        state = interval.state
        for metric, value in state.metrics:
            if not _is_billed(catalog.sku_of(metric, state.region), state):
                continue
            for hour, milliseconds in interval.hours():
                cell = held.setdefault(_cell(state, metric, hour), _Held(latest=state))
                cell.weighted += value * milliseconds
                cell.latest = max(cell.latest, state, key=lambda each: each.rank)
    return held


def _is_billed(sku: Sku | None, state: State) -> bool:
    """A stopped resource is billed only by a time-weighted SKU that is billed while it exists."""
    exists = sku is not None and sku.aggregation == TIME_WEIGHTED and sku.billed_when == "exists"
    return exists or state.is_running


def _consumption(quantity: Fraction, sku: Sku | None, events: Sequence[Accepted]) -> Consumption:
    divisor = sku.divisor if sku else Fraction(1)
    return Consumption(
        quantity=round_half_away(quantity / divisor, QUANTITY_PLACES),
        unit=sku.unit if sku else "",
        labels=max(events, key=lambda event: event.rank).labels,
    )


def _cell(event: Accepted, metric: str, hour: int) -> _Cell:
    return _Cell(event.account_id, event.project_id, event.subject, event.region, metric, hour)


def _consumed(cell: _Cell, sku: Sku) -> ConsumptionKey:
    return ConsumptionKey(cell.account_id, cell.project_id, cell.resource_id, cell.region, sku.sku_id, cell.hour_at)


def _unrated(cell: _Cell, sku: Sku | None, reason_code: str) -> UnratedKey:
    sku_id = sku.sku_id if sku else ""
    return UnratedKey(cell.account_id, cell.project_id, cell.resource_id, cell.region, sku_id, cell.metric, cell.hour_at, reason_code)
