"""Compares rows of the warehouse with the reference model's, to the last digit.

A row is a dict from public column names to values, as a query returns them. Only says what differs; judging is the test's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.reference.documents import InvoiceKey
from tests.reference.metering import ConsumptionKey, UnratedKey
from tests.reference.model import CreditUseKey, DailyKey, InvoiceLineKey, Result, Row, as_rows
from tests.reference.rating import ChargeKey

# The grain of each table of a result, by the name of the attribute.
GRAINS: Mapping[str, type[Any]] = {
    "consumption_hourly": ConsumptionKey,
    "charges_hourly": ChargeKey,
    "charges_daily": DailyKey,
    "unrated_consumption": UnratedKey,
    "invoices": InvoiceKey,
    "invoice_lines": InvoiceLineKey,
    "credit_uses": CreditUseKey,
}

# Columns of the model that no public table has.
_PRIVATE = frozenset({"number", "is_reverse_charge"})
_SHOWN = 20


def differences(result: Result, table: str, rows: Iterable[Row], *, ignore: Iterable[str] = ()) -> list[str]:
    """Rows that are missing, unexpected, doubled or different, one line each; empty where the tables are equal.

    `table` is a name of GRAINS; `ignore` names columns not to compare (in `charges_daily` the discount and labels of hours are never
    compared). Rows of several kinds the model does not know (refund notes) must be left out by the caller.
    """
    grain: tuple[str, ...] = GRAINS[table]._fields
    ignored = {*_PRIVATE, *ignore, *(("discount_id", "labels") if table == "charges_daily" else ())}
    expected = {_key(row, grain): row for row in as_rows(getattr(result, table))}
    found: list[str] = []
    seen = set()
    for row in rows:
        key = _key(row, grain)
        wanted = expected.get(key)
        if key in seen:
            found.append(f"{table} {key}: more than one row")
        elif wanted is None:
            found.append(f"{table} {key}: unexpected row {dict(row)}")
        else:
            found += [
                f"{table} {key}: {column} is {row.get(column, 'missing')!s}, expected {value!s}"
                for column, value in wanted.items()
                if column not in ignored and _comparable(row.get(column)) != _comparable(value)
            ]
        seen.add(key)
    found += [f"{table} {key}: missing row, expected {dict(row)}" for key, row in expected.items() if key not in seen]
    return found


def report(found: list[str]) -> str:
    """The first differences and how many there are, for a test's message."""
    more = [f"... and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return "\n".join([*found[:_SHOWN], *more])


def _key(row: Row, grain: tuple[str, ...]) -> tuple[object, ...]:
    return tuple(_comparable(row[column]) for column in grain)


def _comparable(value: object) -> object:
    """Instants of a driver may lack their time zone; they are UTC. A number compares by value, whatever its trailing zeros."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value
