"""Whoever reads while a tick replaces windows sees the month before it or after it, never a hole or half of it."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from clickhouse_connect.driver.client import Client

from tests.generators.stories import merge
from tests.generators.timeline import ONE_MONTH
from tests.generators.worlds import random_stories
from tests.warehouse.engine.stage import open_stage
from warehouse.client import connect
from warehouse.settings import Settings

TABLES = ("metering.int_metered_hourly", "rating.charges_hourly", "rating.charges_daily", "invoicing.int_recomputed_lines")


def test_a_reader_sees_the_month_before_the_tick_or_after_it(settings: Settings, client: Client, tmp_path: Path) -> None:
    story = merge(random_stories(60, first_seed=20_000, timeline=ONE_MONTH))
    first, *later = story.steps
    batches = [batch for step in later for batch in step.batches]
    with open_stage(settings, client, tmp_path) as stage:
        stage.apply(first.catalog)
        stage.load(first.batches)
        stage.tick(first.as_of)
        before = {table: _january(client, settings, table) for table in TABLES}
        stage.apply(later[-1].catalog)
        stage.load(batches)
        seen: dict[str, set[object]] = {table: set() for table in TABLES}
        ended = threading.Event()

        def read() -> None:
            with contextlib.closing(connect(settings)) as reader:
                while not ended.is_set():
                    for table in TABLES:
                        seen[table].add(_january(reader, settings, table))

        thread = threading.Thread(target=read)
        thread.start()
        try:
            stage.tick(later[-1].as_of)
        finally:
            ended.set()
            thread.join()
        for table in TABLES:
            after = _january(client, settings, table)
            assert after != before[table], f"the tick changed nothing in {table}, so the test shows nothing"
            assert seen[table] <= {before[table], after}, table


def _january(client: Client, settings: Settings, table: str) -> object:
    """Row count and checksum of the table's rows of January."""
    layer, _, name = table.partition(".")
    month = {"int_recomputed_lines": "period = '2026-01'", "charges_daily": "toYYYYMM(charge_date) = 202601"}.get(
        name, "toYYYYMM(hour_at) = 202601"
    )
    statement = f"SELECT count(), groupBitXor(cityHash64(*)) FROM {settings.database(layer)}.{name} WHERE {month}"
    return client.query(statement).result_rows[0]
