"""All rows of the control store as JSON lines, and back: between any two databases it runs on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Date, Table, delete, func, insert, select

from control.store import migrate
from control.store.engine import Store
from control.store.tables import accounts, counters, deployment, invoices, leases, metadata
from control.store.types import Exact, Instant
from warehouse.errors import InputError

SCHEMA = migrate.HEAD
# Who acts alone at this moment is no part of what a deployment knows.
_TABLES = tuple(table for table in metadata.sorted_tables if table is not leases)
_ROWS_AT_ONCE = 5_000


def dump(store: Store) -> Iterator[bytes]:
    """One line a row, `[table, {column: value}]`, parents before children; all of one moment."""
    with store.reading() as connection:
        for table in _TABLES:
            for row in connection.execute(select(table)).mappings():
                yield json.dumps([table.name, {name: _written(value) for name, value in row.items()}]).encode() + b"\n"


def is_used(store: Store) -> bool:
    """Whether the store holds an account or an invoice."""
    with store.reading() as connection:
        return any(connection.execute(select(func.count()).select_from(table)).scalar_one() for table in (accounts, invoices))


def load(store: Store, lines: Iterable[bytes]) -> int:
    """Fill a store that is not used yet with what `dump` wrote, in one transaction. Returns the rows.

    What the first migration wrote (who this deployment is, where counting starts) is replaced.

    Raises:
        InputError: a line is not what `dump` writes; nothing was changed.
    """
    rows = [_read(line) for line in lines]

    def fill(connection: Connection) -> int:
        for table in (deployment, counters):
            connection.execute(delete(table))
        for table in _TABLES:
            own = [values for name, values in rows if name == table.name]
            for first in range(0, len(own), _ROWS_AT_ONCE):
                connection.execute(insert(table), own[first : first + _ROWS_AT_ONCE])
        return len(rows)

    return store.transact(fill)


def _read(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        name, values = json.loads(line)
        table = next(table for table in _TABLES if table.name == name)
        return name, {column: _value(table, column, value) for column, value in values.items()}
    except (ValueError, TypeError, KeyError, StopIteration) as error:
        raise InputError("the backup's control store cannot be read; nothing was restored, use another one") from error


def _written(value: object) -> object:
    match value:
        case datetime() | date():
            return value.isoformat()
        case Decimal():
            return str(value)
        case _:
            return value


def _value(table: Table, column: str, value: Any) -> Any:  # noqa: ANN401 - whatever the column holds
    kind = table.c[column].type
    if value is None:
        return None
    if isinstance(kind, Instant):
        return datetime.fromisoformat(value)
    if isinstance(kind, Date):
        return date.fromisoformat(value)
    return Decimal(value) if isinstance(kind, Exact) else value
