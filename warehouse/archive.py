"""The tables of a deployment into an archive and out of it, exact to the last row, over HTTP: on any ClickHouse server.

Only tables that hold rows are archived; views are made from them by migrations and by the next run. A restore fills databases
beside the real ones and renames its tables into place at the end, so a restore that was cut off has changed nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, cast
from zipfile import BadZipFile, ZipFile

import zstandard
from clickhouse_connect.driver.client import Client

from warehouse.clone import drop
from warehouse.errors import InputError
from warehouse.migrate import migrate
from warehouse.settings import LAYERS, Settings
from warehouse.streaming import stream

_CHUNK_BYTES = 1 << 20
_ZSTD_LEVEL = 3
_LEDGER = "schema_migrations"  # says what was applied to these databases, wherever their rows came from


@dataclass(frozen=True, kw_only=True)
class ArchivedTable:
    """A table in an archive: its rows as ClickHouse's Native format, zstd, in the member `warehouse/<layer>.<name>`."""

    layer: str
    name: str
    create: str  # everything of CREATE TABLE after the table's name
    rows: int

    @property
    def member(self) -> str:
        """Its name in the archive."""
        return f"warehouse/{self.layer}.{self.name}.native.zst"


def schema(client: Client, settings: Settings) -> list[str]:
    """The migrations that made the tables of raw and ops: an archive fits where they are the same."""
    return [name for (name,) in client.query(f"SELECT name FROM {settings.database('ops')}.{_LEDGER} ORDER BY name").result_rows]


def archive_tables(client: Client, settings: Settings, archive: ZipFile) -> list[ArchivedTable]:
    """Write the rows of all tables to `archive`. Nobody may write meanwhile: callers hold the pipeline's lease."""
    return [_archived(client, settings, archive, layer, name) for layer, name in _tables(client, settings)]


def restore_tables(client: Client, settings: Settings, archive: ZipFile, tables: Sequence[ArchivedTable]) -> None:
    """Replace all tables of a deployment by those of an archive.

    Raises:
        InputError: the archive is damaged; nothing was changed.
        WarehouseError: the warehouse failed.
    """
    beside = settings.model_copy(update={"database_prefix": f"{settings.database_prefix}restore_"})
    drop(client, beside)
    try:
        migrate(client, beside)
        for table in tables:
            _fill(client, beside, archive, table)
        for table in tables:
            target = f"{settings.database(table.layer)}.{table.name}"
            client.command(f"DROP TABLE IF EXISTS {target} SYNC")
            client.command(f"RENAME TABLE {beside.database(table.layer)}.{table.name} TO {target}")
    finally:
        drop(client, beside)


def holds_events(client: Client, settings: Settings) -> bool:
    """Whether anything was ever loaded here."""
    return bool(client.query(f"SELECT count() FROM {settings.database('ops')}.batches").result_rows[0][0])


def _tables(client: Client, settings: Settings) -> list[tuple[str, str]]:
    found = client.query(
        "SELECT database, name FROM system.tables WHERE database IN {databases:Array(String)} AND engine LIKE '%MergeTree'"
        " ORDER BY database, name",
        parameters={"databases": [settings.database(layer) for layer in LAYERS]},
    ).result_rows
    return [(database.removeprefix(settings.database_prefix), name) for database, name in found if name != _LEDGER]


def _archived(client: Client, settings: Settings, archive: ZipFile, layer: str, name: str) -> ArchivedTable:
    table = f"{settings.database(layer)}.{name}"
    statement: str = client.query(
        "SELECT create_table_query FROM system.tables WHERE database = {database:String} AND name = {name:String}",
        parameters={"database": settings.database(layer), "name": name},
    ).result_rows[0][0]
    rows = client.query(f"SELECT count() FROM {table}").result_rows[0][0]
    archived = ArchivedTable(layer=layer, name=name, create=statement[statement.index("(") :], rows=rows)
    with archive.open(archived.member, "w", force_zip64=True) as member:
        packer = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).stream_writer(member, closefd=False)
        with packer, cast("IO[bytes]", client.raw_stream(f"SELECT * FROM {table}", fmt="Native")) as body:
            while chunk := body.read(_CHUNK_BYTES):
                packer.write(chunk)
    return archived


def _fill(client: Client, beside: Settings, archive: ZipFile, table: ArchivedTable) -> None:
    target = f"{beside.database(table.layer)}.{table.name}"
    client.command(f"CREATE TABLE IF NOT EXISTS {target} {table.create}")
    # Merged rows of one key become one, and then they could not be counted.
    client.command(f"SYSTEM STOP MERGES {target}")
    if table.rows:
        stream(
            beside,
            f"INSERT INTO {target} FORMAT Native",
            _body(archive, table.member),
            query_id=f"meterhouse-restore-{target}",
            encoding="zstd",
            options={"max_partitions_per_insert_block": 0, "optimize_on_insert": 0},
        )
    found = client.query(f"SELECT count() FROM {target}").result_rows[0][0]
    if found != table.rows:
        raise InputError(
            f"the backup holds {found} of {table.rows} rows of {table.layer}.{table.name}; nothing was restored, use another one"
        )
    client.command(f"SYSTEM START MERGES {target}")


def _body(archive: ZipFile, member: str) -> Iterator[bytes]:
    try:
        with archive.open(member) as body:
            while chunk := body.read(_CHUNK_BYTES):
                yield chunk
    except (BadZipFile, KeyError, zlib.error, EOFError) as error:
        raise InputError(f"the backup is damaged in {member} ({error}); nothing was restored, use another one") from error
