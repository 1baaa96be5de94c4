"""Loads one event file as one batch: all of it or nothing, once, whatever happens in between.

    bytes ─► stage (parsed once, on the server) ─► identity check ─► intent ─► raw and ops ─► ops.batches = the commit

A crash before the commit costs a load: the next one removes what the attempt left behind. Callers hold the pipeline's
lease, so there is one loader at a time. How a line is read stands in sql/.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client

from ingestion.sources import files
from ingestion.sql.commit import count_lines, move_rows
from ingestion.sql.identity import find_refused
from ingestion.sql.parquet import lines_of
from ingestion.sql.stage import Stage
from warehouse.errors import InputError, WarehouseError
from warehouse.settings import Settings
from warehouse.streaming import StatementError, stream

# The tables that carry rows of a batch under its batch_seq, all but the ledger itself.
_RAW_TABLES = ("usage_events", "lifecycle_events", "event_identities", "usage_windows", "lifecycle_windows")
_OPS_TABLES = ("rejected_events", "event_conflicts", "batch_intents")

_READ_OPTIONS: dict[str, str | int] = {
    "parallel_view_processing": 1,
    "input_format_parallel_parsing": 1,
    "input_format_parquet_preserve_order": 1,
    "min_insert_block_size_rows": 262_144,  # rows of a part in the stage; larger ones cost memory, smaller ones merges
    "min_insert_block_size_bytes": 134_217_728,
    "materialized_views_ignore_errors": 0,
}


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """What became of a file's lines. Counts of a file that was loaded before are those of that load."""

    location: str
    batch_id: str
    rows_read: int
    accepted: int
    duplicates: int
    conflicts: int
    rejected: int
    already_loaded: bool


def load_file(client: Client, settings: Settings, path: Path, *, source_name: str = "files") -> LoadResult:
    """Load a file, or find that its content is loaded.

    Args:
        client: of the pipeline user.
        settings: of the deployment; its clock decides what is in the future.
        path: .jsonl, .jsonl.gz, .jsonl.zst or .parquet.
        source_name: for the ledger.

    Raises:
        InputError: the file is missing, damaged, cut off, or changed while it was read. Nothing of it was loaded.
        WarehouseError: the server failed. Nothing of it counts as loaded.
    """
    if files.suffix_of(path) is None:
        raise InputError(f"{path}: not an event file; the suffix must be one of {', '.join(files.ENCODINGS)}")
    batch_id = files.content_hash(path)
    known = _known(client, settings, batch_id)
    if known is not None:
        return known
    files.check_whole(path)
    recover(client, settings)
    batch_seq = _last_batch_seq(client, settings) + 1
    now = settings.now()
    now_milliseconds = int(now.timestamp() * 1000)
    with _stage(client, settings, now_milliseconds=now_milliseconds) as stage:
        _send(settings, stage, path, batch_id)
        if client.query(f"SELECT count() FROM {stage.odd}").result_rows[0][0]:
            _run(client, stage, stage.read_odd(now_milliseconds=now_milliseconds))
        _run(client, stage, find_refused(stage, batch_seq=batch_seq))
        lines, blank, accepted, duplicates, conflicts, rejected, first_at, last_at = client.query(count_lines(stage)).result_rows[0]
        if lines != blank + accepted + duplicates + conflicts + rejected:
            raise WarehouseError(
                f"{path}: {lines} lines do not add up ({blank} blank, {accepted} accepted, {duplicates} duplicates,"
                f" {conflicts} conflicts, {rejected} rejected); nothing was loaded, please report this file"
            )
        ops = settings.database("ops")
        client.insert(f"{ops}.batch_intents", [[batch_seq, batch_id, now]], column_names=["batch_seq", "batch_id", "intended_at"])
        for statement in move_rows(stage, batch_seq=batch_seq, batch_id=batch_id, now_milliseconds=now_milliseconds):
            _run(client, stage, statement)
        row = {
            "batch_seq": batch_seq,
            "batch_id": batch_id,
            "source_name": source_name,
            "location": str(path),
            "lines": lines,
            "blank": blank,
            "rows_read": lines - blank,
            "rows_accepted": accepted,
            "rows_duplicate": duplicates,
            "rows_conflict": conflicts,
            "rows_rejected": rejected,
            "first_event_at": first_at,
            "last_event_at": last_at,
            "loaded_at": now,
        }
        client.insert(f"{ops}.batches", [list(row.values())], column_names=list(row))
    return LoadResult(
        location=str(path),
        batch_id=batch_id,
        rows_read=lines - blank,
        accepted=accepted,
        duplicates=duplicates,
        conflicts=conflicts,
        rejected=rejected,
        already_loaded=False,
    )


def recover(client: Client, settings: Settings) -> list[str]:
    """Remove what batches that never committed left behind. Returns their ids; cheap where there are none.

    Statements of a loader that died may still run on the server: they are killed first, or they would write after the
    removal.
    """
    raw, ops = settings.database("raw"), settings.database("ops")
    last = _last_batch_seq(client, settings)
    left = client.query(f"SELECT DISTINCT batch_id FROM {ops}.batch_intents WHERE batch_seq > {last}").result_rows
    stale = client.query(
        "SELECT name FROM system.tables WHERE database = {database:String} AND startsWith(name, 'incoming')", parameters={"database": raw}
    ).result_rows
    if left or stale:
        client.command(f"KILL QUERY WHERE startsWith(query_id, '{_query_prefix(settings)}') SYNC")
    for name in sorted((row[0] for row in stale), reverse=True):
        client.command(f"DROP TABLE IF EXISTS {raw}.{name} SYNC")
    if left:
        tables = [*(f"{raw}.{name}" for name in _RAW_TABLES), *(f"{ops}.{name}" for name in _OPS_TABLES)]
        for table in tables:
            client.command(f"ALTER TABLE {table} DELETE WHERE batch_seq > {last} SETTINGS mutations_sync = 2")
    return [batch_id for (batch_id,) in left]


def _known(client: Client, settings: Settings, batch_id: str) -> LoadResult | None:
    columns = ("location", "batch_id", "rows_read", "accepted", "duplicates", "conflicts", "rejected")
    found = client.query(
        "SELECT location, batch_id, rows_read, rows_accepted, rows_duplicate, rows_conflict, rows_rejected"
        f" FROM {settings.database('ops')}.batches WHERE batch_id = {{batch:String}}",
        parameters={"batch": batch_id},
    ).result_rows
    return LoadResult(**dict(zip(columns, found[0], strict=True)), already_loaded=True) if found else None


def _last_batch_seq(client: Client, settings: Settings) -> int:
    last: int = client.query(f"SELECT max(batch_seq) FROM {settings.database('ops')}.batches").result_rows[0][0]
    return last


@contextmanager
def _stage(client: Client, settings: Settings, *, now_milliseconds: int) -> Iterator[Stage]:
    stage = Stage(settings=settings, attempt=uuid.uuid4().hex[:12])
    raw = settings.database("raw")
    try:
        for statement in stage.create(now_milliseconds=now_milliseconds):
            client.command(statement)
        yield stage
    finally:
        names = client.query(
            "SELECT name FROM system.tables WHERE database = {database:String} AND startsWith(name, 'incoming')",
            parameters={"database": raw},
        ).result_rows
        for name in sorted((row[0] for row in names), reverse=True):  # views before the tables they stand on
            client.command(f"DROP TABLE IF EXISTS {raw}.{name} SYNC")


def _send(settings: Settings, stage: Stage, path: Path, batch_id: str) -> None:
    """Stream the file's bytes into the stage."""
    is_parquet = files.suffix_of(path) == ".parquet"
    line, structure = lines_of(path) if is_parquet else ("line", "line String")
    statement = (
        f"INSERT INTO {stage.lines} (line_number, line) SELECT rowNumberInAllBlocks() + 1, {line}"
        f" FROM input('{structure}') FORMAT {'Parquet' if is_parquet else 'LineAsString'}"
    )
    content = files.Stream(path, batch_id)
    try:
        stream(
            settings,
            statement,
            content,
            query_id=f"{_query_prefix(settings)}{stage.attempt}-read",
            encoding=files.ENCODINGS[files.suffix_of(path) or ""],
            options=_READ_OPTIONS,
        )
    except StatementError as error:
        if not content.is_unchanged:
            raise InputError(f"{path}: changed while it was read; nothing of it was loaded, load it again") from error
        raise WarehouseError(f"{path}: {error}; nothing of it was loaded") from error
    if not content.is_unchanged:
        raise InputError(f"{path}: changed while it was read; nothing of it was loaded, load it again")


def _run(client: Client, stage: Stage, statement: str) -> None:
    """One server-side statement of the load, findable by its id."""
    client.command(statement, settings={"query_id": f"{_query_prefix(stage.settings)}{stage.attempt}-{uuid.uuid4().hex[:8]}"})


def _query_prefix(settings: Settings) -> str:
    """What the ids of the loader's statements begin with, apart from those of other deployments on the server."""
    return f"meterhouse-load-{settings.database('raw')}-"
