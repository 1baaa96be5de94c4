"""A second set of databases on the same server that starts as an exact copy: tables share their data files until one changes.

For trying something out (what would this catalog change?) without touching the tables that people read. Copying costs
directory entries, not data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from clickhouse_connect.driver.client import Client

from warehouse.migrate import migrate
from warehouse.settings import LAYERS, Settings


@contextmanager
def cloned(client: Client, settings: Settings, *, purpose: str, layers: Sequence[str] = LAYERS) -> Iterator[Settings]:
    """Settings of a copy of the layers' tables, under the prefix `<prefix><purpose>_`; the copy is dropped at the end.

    Views are not copied: those of migrations are made anew, those of dbt by the next build in the copy. Migrations run before
    tables are copied, because a table that has them all does not fit the early ones. A copy that a crash left behind is replaced.
    """
    copy = settings.model_copy(update={"database_prefix": f"{settings.database_prefix}{purpose}_"})
    drop(client, copy)
    try:
        migrate(client, copy)
        for layer in layers:
            source, target = settings.database(layer), copy.database(layer)
            tables = client.query(
                "SELECT name FROM system.tables WHERE database = {database:String} AND engine LIKE '%MergeTree'",
                parameters={"database": source},
            ).result_rows
            for (name,) in tables:
                client.command(f"DROP TABLE IF EXISTS {target}.`{name}` SYNC")
                client.command(f"CREATE TABLE {target}.`{name}` CLONE AS {source}.`{name}`")
        yield copy
    finally:
        drop(client, copy)


def drop(client: Client, settings: Settings) -> None:
    """Drop all databases of a deployment."""
    for layer in LAYERS:
        client.command(f"DROP DATABASE IF EXISTS {settings.database(layer)} SYNC")
