"""What the ledger in ops says about batches: which are loaded, which were begun, and what those that never ended left behind.

Callers hold the pipeline's lease: what is begun and not committed belongs to a loader that died.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from clickhouse_connect.driver.client import Client

from ingestion.sql.literals import texts
from ingestion.sql.moving import BATCH_TABLES
from ingestion.sql.stage import PREFIX
from warehouse.settings import Settings


def query_prefix(settings: Settings) -> str:
    """What the ids of all statements of a load begin with, apart from those of other deployments on the server."""
    return f"meterhouse-load-{settings.database('raw')}-"


def committed(client: Client, settings: Settings, batch_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """Of those that are loaded, the counts by batch id, as LoadResult names them."""
    columns = {
        "rows_read": "rows_read",
        "accepted": "rows_accepted",
        "duplicates": "rows_duplicate",
        "conflicts": "rows_conflict",
        "rejected": "rows_rejected",
    }
    found = client.query(
        f"SELECT batch_id, {', '.join(columns.values())} FROM {settings.database('ops')}.batches WHERE batch_id IN {texts(batch_ids)}"
    ).result_rows
    return {batch_id: dict(zip(columns, counts, strict=True)) for batch_id, *counts in found}


def last_batch_seq(client: Client, settings: Settings) -> int:
    """batch_seq of the latest commit; 0 before the first."""
    last: int = client.query(f"SELECT max(batch_seq) FROM {settings.database('ops')}.batches").result_rows[0][0]
    return last


def intend(client: Client, settings: Settings, batch_ids: Mapping[int, str], *, now: datetime) -> None:
    """Record that rows of batches, ids by batch_seq, are about to reach raw."""
    client.insert(
        f"{settings.database('ops')}.batch_intents",
        [[batch_seq, batch_id, now] for batch_seq, batch_id in batch_ids.items()],
        column_names=["batch_seq", "batch_id", "intended_at"],
    )


def remove_leftovers(client: Client, settings: Settings) -> list[str]:
    """Remove what loads that never committed left behind: running statements, stages, rows, at last their intents.

    A second crash in here loses nothing, the next call starts over.

    Returns:
        The ids of the batches that had reached raw.
    """
    stages = _stage_tables(client, settings)
    if not stages and not _uncommitted(client, settings):
        return []
    # In this order: a statement that the server has yet to start finds no stage; one that runs is killed; and only then is
    # it certain which batches will never commit.
    if stages:
        client.command(f"DROP TABLE IF EXISTS {', '.join(stages)}")
    client.command(f"KILL QUERY WHERE startsWith(query_id, '{query_prefix(settings)}') SYNC")
    left = _uncommitted(client, settings)
    if left:
        beyond = f"batch_seq > {last_batch_seq(client, settings)}"
        for layer, names in BATCH_TABLES.items():
            for name in names:
                _delete(client, f"{settings.database(layer)}.{name}", beyond)
        _delete(client, f"{settings.database('ops')}.batch_intents", beyond)
    return left


def _uncommitted(client: Client, settings: Settings) -> list[str]:
    ops = settings.database("ops")
    last = f"(SELECT max(batch_seq) FROM {ops}.batches)"
    found = client.query(f"SELECT DISTINCT batch_id FROM {ops}.batch_intents WHERE batch_seq > {last} ORDER BY batch_id").result_rows
    return [batch_id for (batch_id,) in found]


def _stage_tables(client: Client, settings: Settings) -> list[str]:
    """Tables of all stages, views before what they stand on."""
    raw = settings.database("raw")
    found = client.query(
        "SELECT name FROM system.tables WHERE database = {database:String} AND startsWith(name, {prefix:String})"
        " ORDER BY engine != 'MaterializedView', name",
        parameters={"database": raw, "prefix": f"{PREFIX}_"},
    ).result_rows
    return [f"{raw}.{name}" for (name,) in found]


def _delete(client: Client, table: str, condition: str) -> None:
    """Delete rows and wait until they are gone; a table without any is not rewritten."""
    if client.query(f"SELECT count() > 0 FROM {table} WHERE {condition}").result_rows[0][0]:
        client.command(f"ALTER TABLE {table} DELETE WHERE {condition} SETTINGS mutations_sync = 2")
