"""The limit runs its three statements on real files, counts what they hold, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

from clickhouse_connect.driver.client import Client

from benchmarks.limit import measure_limit
from benchmarks.slice import Slice, write_slice
from warehouse.settings import Settings


def test_the_limit_reads_all_events_into_cells_and_sums(settings: Settings, client: Client, tmp_path: Path) -> None:
    shape = Slice.scaled(20_000)
    written = write_slice(shape, tmp_path)
    limit = measure_limit(settings, written.files, written.catalog)
    assert limit.rows == shape.events
    assert limit.cells == shape.resources * 7
    assert 0 < limit.lines <= shape.accounts * 28
    assert limit.seconds == limit.insert_seconds + limit.group_seconds + limit.rate_seconds > 0
    assert client.query(f"SHOW TABLES FROM {settings.database('raw')} LIKE 'benchmark%'").result_rows == []
