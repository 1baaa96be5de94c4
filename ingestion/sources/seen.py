"""Which files and objects were looked at before, so that a tick reads only what is new or has changed.

A memory, not a ledger: what counts is in ops.batches, and an input that is forgotten here is found loaded there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from types import TracebackType
from typing import Protocol, TypeVar

from clickhouse_connect.driver.client import Client

from warehouse.settings import Settings

# Inputs that are compared with what is known in one question.
_COMPARED_AT_ONCE = 5_000
# Rows that are written together: each write is a part of the table and waits for the disk.
_WRITTEN_AT_ONCE = 500


class Input(Protocol):
    """A file or object as it is now."""

    @property
    def location(self) -> str:
        """Path or URL."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever its content may have."""
        ...


T = TypeVar("T", bound=Input)


def new_or_changed(client: Client, settings: Settings, inputs: Iterable[T]) -> Iterator[T]:
    """Those that do not look as they did when their batch was loaded, in the order given, which is that of their locations."""
    waiting = iter(inputs)
    while some := list(islice(waiting, _COMPARED_AT_ONCE)):
        known = _known(client, settings, some)
        yield from (item for item in some if known.get(item.location) != item.fingerprint)


def settled_before(client: Client, settings: Settings, prefix: str) -> str:
    """The location up to which everything under a prefix is loaded for a day and longer; empty where there is none.

    Whoever names inputs in the order of time, late by less than a day, needs to be asked only for those that sort after it.
    One that could not be loaded is asked for again for as long as it cannot.
    """
    found: tuple[str, str] = tuple(
        client.query(
            "SELECT maxIf(location, notEmpty(batch) AND seen < now() - INTERVAL 1 DAY), minIf(location, empty(batch))"
            " FROM (SELECT location, argMax(batch_id, seen_at) AS batch, max(seen_at) AS seen"
            f" FROM {settings.database('ops')}.seen_inputs WHERE startsWith(location, {{prefix:String}}) GROUP BY location)",
            parameters={"prefix": prefix},
        ).result_rows[0]
    )
    last, failing = found
    return last if not failing or last < failing else ""


class Memory:
    """Remembers inputs that were looked at; all are written at the end of the block, however it ends."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._table = f"{settings.database('ops')}.seen_inputs"
        self._rows: list[tuple[str, str, str, datetime]] = []

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._write()

    def remember(self, item: Input, batch_id: str) -> None:
        """Note that this state of the input is in a batch; an empty id says that it could not be loaded."""
        self._rows.append((item.location, item.fingerprint, batch_id, datetime.now(UTC)))
        if len(self._rows) >= _WRITTEN_AT_ONCE:
            self._write()

    def _write(self) -> None:
        if self._rows:
            self._client.insert(self._table, self._rows, column_names=["location", "fingerprint", "batch_id", "seen_at"])
            self._rows = []


def _known(client: Client, settings: Settings, inputs: Sequence[Input]) -> dict[str, str]:
    """Fingerprints by location, of inputs whose batch is in the ledger."""
    ops = settings.database("ops")
    found = client.query(
        "SELECT location, argMax(fingerprint, seen_at), argMax(batch_id, seen_at) AS batch"
        f" FROM {ops}.seen_inputs WHERE location BETWEEN {{first:String}} AND {{last:String}}"
        f" GROUP BY location HAVING batch IN (SELECT batch_id FROM {ops}.batches)",
        parameters={"first": min(item.location for item in inputs), "last": max(item.location for item in inputs)},
    ).result_rows
    return {location: fingerprint for location, fingerprint, _ in found}
