"""A generated cloud, loaded by the real loader: it counts what the generator says it wrote."""

from __future__ import annotations

from pathlib import Path

from clickhouse_connect.driver.client import Client

from ingestion.loader import load_file
from ingestion.synthetic import generate
from warehouse.settings import Settings


def test_a_load_counts_exactly_what_was_generated(settings: Settings, client: Client, tmp_path: Path) -> None:
    cloud = generate(events=20_000, seed=5, accounts=6, out=tmp_path / "cloud")
    results = [load_file(client, settings, path) for path in cloud.files]
    assert sum(result.rows_read for result in results) == cloud.lines
    assert sum(result.accepted for result in results) == cloud.accepted
    assert sum(result.duplicates for result in results) == cloud.duplicates
    assert sum(result.conflicts for result in results) == cloud.conflicts
    reasons = client.query(f"SELECT reason_code, count() FROM {settings.database('ops')}.rejected_events GROUP BY reason_code").result_rows
    assert dict(reasons) == cloud.rejected
