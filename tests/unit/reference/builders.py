"""Small worlds for tests of the reference model: everything has a default, a test names only what it is about."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from tests.reference import Account, Batch, Catalog, Event, Price, Result, Sku, Tier, World, bill
from tests.reference.events import Junk
from tests.reference.instants import parse_instant, to_datetime

AS_OF = "2026-02-01T00:00:00Z"


def moment(text: str) -> str:
    """`15 10:30` is the 15th of January 2026, 10:30 UTC; a month may stand before the day, seconds after the minutes; RFC 3339 stays."""
    if "T" in text:
        return text
    day, clock = text.split(" ")
    return f"2026-{day if '-' in day else f'01-{day}'}T{clock if clock.count(':') > 1 else f'{clock}:00'}Z"


def at(text: str) -> int:
    """The same in milliseconds."""
    return parse_instant(moment(text))


def usage(
    event_id: str,
    time: str,
    quantity: object = "1",
    *,
    account: str = "acc",
    metric: str = "m",
    subject: str = "r",
    source: str = "/s",
    **data: object,
) -> Event:
    return _event(
        event_id, "usage.recorded", time, subject, source, {"account_id": account, "metric": metric, "quantity": quantity, **data}
    )


def life(
    event_id: str,
    kind: str,
    time: str,
    metrics: dict[str, str] | None = None,
    *,
    account: str = "acc",
    subject: str = "r",
    source: str = "/s",
    **data: object,
) -> Event:
    content: dict[str, object] = {"account_id": account, **data}
    if kind != "deleted":
        content["metrics"] = metrics or {}
    return _event(event_id, f"resource.{kind}", time, subject, source, content)


def _event(event_id: str, kind: str, time: str, subject: str, source: str, data: dict[str, object]) -> Event:  # noqa: PLR0917  # one a field
    envelope = {"specversion": "1.0", "id": event_id, "source": source, "type": kind}
    return {**envelope, "subject": subject, "time": moment(time), "data": data}


def sku(sku_id: str = "sku", *, metric: str = "m", aggregation: str = "sum", **more: Any) -> Sku:  # noqa: ANN401  # any column of the table
    return Sku(sku_id=sku_id, service="service", metric=metric, aggregation=aggregation, **more)


def per_unit(unit_price: str = "1", *, price_id: str = "price", sku_id: str = "sku", **more: Any) -> Price:  # noqa: ANN401  # any column
    return Price(
        **{"price_id": price_id, "sku_id": sku_id, "currency_code": "USD", "model": "per_unit", **more}, unit_price=Fraction(unit_price)
    )


def tiered(model: str, *tiers: tuple[str | None, str, str], price_id: str = "price", sku_id: str = "sku", **more: Any) -> Price:  # noqa: ANN401  # any column
    """Tiers as (up_to, unit_price, flat_fee)."""
    rows = tuple(
        Tier(up_to=Fraction(end) if end else None, unit_price=Fraction(price), flat_fee=Fraction(fee)) for end, price, fee in tiers
    )
    return Price(**{"price_id": price_id, "sku_id": sku_id, "currency_code": "USD", **more}, model=model, tiers=rows)


def account(account_id: str = "acc", currency_code: str = "USD", country_code: str = "US", **more: Any) -> Account:  # noqa: ANN401  # any column
    return Account(account_id=account_id, currency_code=currency_code, country_code=country_code, **more)


def catalog(**tables: Any) -> Catalog:  # noqa: ANN401  # tables by name
    """One account, one SKU summing metric m, at 1 USD; a table given replaces the default one."""
    defaults: dict[str, Any] = {"accounts": (account(),), "skus": (sku(),), "prices": (per_unit(),)}
    return Catalog(**{**defaults, **tables})


def world(events: Iterable[Event | Junk], as_of: str = AS_OF, **tables: Any) -> World:  # noqa: ANN401  # tables by name
    return World(catalog=catalog(**tables), batches=(Batch("b", tuple(events)),), as_of=parse_instant(as_of))


def billed(events: Iterable[Event | Junk], as_of: str = AS_OF, **tables: Any) -> Result:  # noqa: ANN401  # tables by name
    return bill(world(events, as_of, **tables))


def exact(*values: int | str) -> tuple[Fraction, ...]:
    """Expected amounts."""
    return tuple(map(Fraction, values))


def quantities(result: Result) -> dict[tuple[str, str], Fraction]:
    """Consumption by (account, hour as `15 10:00`); for worlds in which that is the grain."""
    rows = {(key.account_id, _clock(key.hour_at)): row.quantity for key, row in result.consumption_hourly.items()}
    assert len(rows) == len(result.consumption_hourly)
    return rows


def charges(result: Result, charge_type: str = "usage") -> dict[str, Fraction]:
    """Amounts of one charge type by hour, resources added up."""
    amounts: dict[str, Fraction] = {}
    for key, row in result.charges_hourly.items():
        if key.charge_type == charge_type:
            amounts[_clock(key.hour_at)] = amounts.get(_clock(key.hour_at), Fraction(0)) + row.amount_unrounded
    return amounts


def _clock(hour: int) -> str:
    start = to_datetime(hour)
    return f"{start:%d %H:%M}" if start.month == 1 else f"{start:%m-%d %H:%M}"
