"""A source that fails holds up no other, and is named."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from clickhouse_connect.driver.client import Client

from ingestion.door.spool import Spool
from ingestion.sources import frames
from orchestration.loading import load_sources
from tests.sources_bench.events import event, lines
from warehouse.settings import Settings


def test_every_source_that_can_be_read_is_loaded_whatever_the_others_say(client: Client, settings: Settings, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    (landing / "1.jsonl").write_text(lines([1]))
    (landing / "2.jsonl.zst").write_bytes(b"no zstd")
    folder = frames.folder(settings.home)
    if folder.is_symlink():  # of a test before
        folder.unlink()
    spool = Spool(folder, limit_bytes=1 << 20)
    asyncio.run(spool.append(event(3).encode() + b"\n"))
    spool.close()
    own = settings.model_copy(update={"landing": str(landing), "kafka_brokers": "127.0.0.1:1"})

    results, unreadable = load_sources(client, own)

    assert sorted(result.location.rpartition(".")[2] for result in results) == ["jsonl", "sealed"]
    assert [("2.jsonl.zst" in sentence, "METERHOUSE_KAFKA_TOPICS" in sentence) for sentence in unreadable] == [(True, False), (False, True)]

    results, unreadable = load_sources(client, own.model_copy(update={"landing": str(tmp_path / "gone"), "kafka_brokers": None}))
    assert (results, len(unreadable)) == ([], 1)
    assert "METERHOUSE_LANDING names" in unreadable[0]
    shutil.rmtree(folder)
