"""The order of all changes: every changed row takes the next revision from one counter, in the transaction that changes it.

Transactions that write wait for each other at the counter, so revisions become visible in their order: who has seen
revision n will never meet a smaller one for the first time. Publishing rests on that.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, select, update

from control.store.tables import counters

NAME = "revision"


def take(connection: Connection, count: int) -> Iterator[int]:
    """The next `count` revisions, rising. Taking none still waits for all writers before, and keeps others waiting."""
    connection.execute(update(counters).where(counters.c.name == NAME).values(value=counters.c.value + count))
    last = current(connection)
    return iter(range(last - count + 1, last + 1))


def current(connection: Connection) -> int:
    """The greatest revision taken; 0 in a fresh store."""
    value: int = connection.execute(select(counters.c.value).where(counters.c.name == NAME)).scalar_one()
    return value
