"""A day of history is what the product accepts, whole lives, on the day it stands for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from clickhouse_connect.driver.client import Client

from benchmarks.history import EVENTS_OF_A_LIFE, History
from benchmarks.slice import Slice, resource_texts
from ingestion.loader import load_file
from warehouse.settings import Settings


def test_a_day_of_history_loads_whole(settings: Settings, client: Client, tmp_path: Path) -> None:
    history = History(events=100_000, shape=Slice.scaled(20_000))
    raw = settings.database("raw")
    texts = resource_texts(history.shape)
    client.command(f"CREATE TABLE {raw}.resources (resource_index UInt64, source String, owner String) ENGINE = Memory")
    client.insert(f"{raw}.resources", list(zip(range(history.shape.resources), texts.source, texts.owner, strict=True)), column_names="*")
    path = tmp_path / "day.jsonl"
    path.write_text("".join(f"{line}\n" for (line,) in client.query(history.lines(11, resources=f"{raw}.resources")).result_rows))
    loaded = load_file(client, settings, path)
    assert loaded.accepted == loaded.rows_read == history.lives_a_day * EVENTS_OF_A_LIFE
    begin = history.start + timedelta(days=11)
    usage, first, last, hours, cells = client.query(
        "SELECT count(), min(event_at), max(event_at), uniqExact(toStartOfHour(event_at)),"
        f" uniqExact(toStartOfHour(event_at), resource_id, metric) FROM {raw}.usage_events"
    ).result_rows[0]
    assert begin <= first < last < begin + timedelta(days=1)
    assert (hours, cells, usage) == (24, history.lives_a_day * 7, history.lives_a_day * 70)
    ends = client.query(
        f"SELECT DISTINCT groupArray(toString(kind)) FROM (SELECT * FROM {raw}.lifecycle_events ORDER BY event_at)"
        " GROUP BY resource_id, toStartOfHour(event_at)"
    ).result_rows
    assert ends == [(["started", "updated", "stopped", "deleted"],)]
    accounts = client.query(
        f"SELECT max(c) FROM (SELECT uniqExact(account_id) AS c FROM {raw}.usage_events GROUP BY resource_id)"
    ).result_rows
    assert accounts == [(1,)]
