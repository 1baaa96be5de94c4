"""Deployments for the loader's tests: a fixed clock, files made of lines, and tables read back whole."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from ingestion.loader import LoadResult, load_file
from tests.conftest import make_settings
from warehouse.client import connect
from warehouse.migrate import migrate
from warehouse.settings import LAYERS, Settings

NOW = datetime(2026, 2, 1, tzinfo=UTC)
# Everything a load writes, but for the stage. Each row has its place, so two loads can be compared row by row.
TABLES = (
    "raw.usage_events",
    "raw.lifecycle_events",
    "raw.identities",
    "ops.rejected_events",
    "ops.event_conflicts",
    "ops.batches",
    "ops.batch_intents",
)
# Of these a load writes one row for all of its batches.
WINDOWS = {
    "raw.usage_windows": "hour_at, account_id, resource_id, max(last_event_at)",
    "raw.lifecycle_windows": "source, resource_id, min(first_event_at), max(last_event_at)",
}


@dataclass(frozen=True)
class Deployment:
    """An own prefix on a server, migrated, whose clock stands at NOW."""

    settings: Settings
    client: Client
    folder: Path

    def load(self, lines: Iterable[str | bytes], *, name: str = "events.jsonl") -> LoadResult:
        """Write lines as a file and load it."""
        return load_file(self.client, self.settings, write_lines(self.folder / name, lines))

    def rows(self, table: str, columns: str = "*", order: str = "ALL", *, group_by: str = "") -> list[tuple[Any, ...]]:
        """A table's rows in a fixed order."""
        layer, _, name = table.partition(".")
        grouping = f" GROUP BY {group_by}" if group_by else ""
        found = self.client.query(f"SELECT {columns} FROM {self.settings.database(layer)}.{name}{grouping} ORDER BY {order}")
        return [tuple(row) for row in found.result_rows]

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all tables that loads write, and of windows what they say, however many batches came at once."""
        windows = {table: self.rows(table, columns, group_by="ALL") for table, columns in WINDOWS.items()}
        return {table: self.rows(table) for table in TABLES} | windows

    def stage_tables(self) -> list[str]:
        """What is left of stages."""
        found = self.client.query(
            f"SELECT name FROM system.tables WHERE database = '{self.settings.database('raw')}' AND startsWith(name, 'incoming')"
        )
        return [row[0] for row in found.result_rows]


@contextlib.contextmanager
def open_deployment(home: Path, folder: Path) -> Iterator[Deployment]:
    """A new deployment on the server that runs in `home`; its databases go with it."""
    settings = make_settings(home=home, database_prefix=f"t{uuid.uuid4().hex[:12]}_", METERHOUSE_NOW=NOW.isoformat())
    with contextlib.closing(connect(settings)) as client:
        migrate(client, settings)
        yield Deployment(settings, client, folder)
        for layer in LAYERS:
            client.command(f"DROP DATABASE IF EXISTS {settings.database(layer)} SYNC")


def write_lines(path: Path, lines: Iterable[str | bytes]) -> Path:
    """Write lines, each with a line feed at its end."""
    encoded: Sequence[bytes] = [line.encode() if isinstance(line, str) else line for line in lines]
    path.write_bytes(b"".join(line + b"\n" for line in encoded))
    return path
