"""Brings databases and raw tables to this version: ordered SQL files, each applied once, each safe to repeat.

Tables of the layers above raw belong to dbt. Add a file to migrations/ to change a raw or ops table; never edit one
that has been released.
"""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from warehouse.errors import WarehouseError
from warehouse.settings import LAYERS, Settings

MIGRATIONS = Path(__file__).parent / "migrations"
_IF_EXISTS = re.compile(r"^-- IF EXISTS (?P<table>\S+)$", re.MULTILINE)  # before a statement that is for tables that are there


def migrate(client: Client, settings: Settings) -> list[str]:
    """Apply what is missing and return the names applied, in order.

    A crash in the middle of a file leaves statements that are safe to run again (IF NOT EXISTS), so the next call
    finishes the work.

    Raises:
        WarehouseError: a statement failed; the message names the file.
    """
    for layer in LAYERS:
        client.command(f"CREATE DATABASE IF NOT EXISTS {settings.database(layer)}")
    ledger = f"{settings.database('ops')}.schema_migrations"
    client.command(f"CREATE TABLE IF NOT EXISTS {ledger} (name String, applied_at DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY name")
    known = {row[0] for row in client.query(f"SELECT name FROM {ledger}").result_rows}
    applied = []
    for path in sorted(MIGRATIONS.glob("*.sql")):
        if path.stem in known:
            continue
        _apply(client, path, {layer: settings.database(layer) for layer in LAYERS})
        client.command(f"INSERT INTO {ledger} SELECT '{path.stem}', now64(3)")
        applied.append(path.stem)
    return applied


def statements(text: str) -> list[str]:
    """The statements of a migration file: a statement ends at a semicolon that ends its line."""
    return [part.strip() for part in f"{text}\n".split(";\n") if part.strip()]


def _apply(client: Client, path: Path, databases: dict[str, str]) -> None:
    for statement in statements(Template(path.read_text()).substitute(databases)):
        try:
            if (wanted := _IF_EXISTS.search(statement)) and not client.command(f"EXISTS TABLE {wanted['table']}"):
                continue
            client.command(statement)
        except ClickHouseError as error:
            raise WarehouseError(f"migration {path.name} failed: {str(error).splitlines()[0][:300]}") from error
