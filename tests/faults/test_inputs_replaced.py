"""Files and objects that are replaced while they are read: nothing of either state is taken in part, the next run takes the new one."""

from __future__ import annotations

from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from ingestion import loader
from ingestion.sources.objects.store import Listed
from ingestion.sources.objects.store import ObjectStore as Reader
from tests.sources_bench.deployments import Loading
from tests.sources_bench.events import lines
from tests.sources_bench.object_stores import VARIABLES, running_store
from warehouse.settings import Settings

BEFORE, AFTER = lines(range(10)), lines(range(100, 120))


@pytest.mark.parametrize("reading", ["chunks", "table"])  # streamed through us, or fetched by the server
def test_an_object_that_is_replaced_between_listing_and_reading(
    client: Client, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reading: str
) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    original = getattr(Reader, reading)

    def replaced(self: Reader, item: Listed, **options: str) -> object:
        store.put("landing", item.key, AFTER.encode())
        return original(self, item, **options)

    with running_store(tmp_path) as store:
        store.bucket("landing")
        store.put("landing", "1.jsonl", BEFORE.encode())
        loading = Loading(client=client, settings=settings.model_copy(update={"landing": "s3://landing", "s3_endpoint": store.endpoint}))
        with monkeypatch.context() as meanwhile:
            if reading == "chunks":
                meanwhile.setattr(Reader, "table", lambda *_, **__: None)
            meanwhile.setattr(Reader, reading, replaced)
            results, (sentence,) = loading.with_failures()
        assert results == []
        assert sentence.startswith("s3://landing/1.jsonl: replaced or removed while it was read")
        loading.run()
    assert loading.numbers() == set(range(100, 120))


def test_a_file_that_is_replaced_between_hashing_and_reading(
    client: Client, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    (landing / "1.jsonl").write_text(BEFORE)
    loading = Loading(client=client, settings=settings.model_copy(update={"landing": str(landing)}))
    original = loader.content_hash

    def replaced(path: Path) -> str:
        found = original(path)
        path.write_text(AFTER)
        return found

    monkeypatch.setattr(loader, "content_hash", replaced)
    results, (sentence,) = loading.with_failures()
    assert results == []
    assert "changed while it was read" in sentence
    monkeypatch.setattr(loader, "content_hash", original)
    loading.run()
    assert loading.numbers() == set(range(100, 120))
