"""The landing folder: a file that was loaded is not read again until it may have changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from ingestion import loader
from tests.sources_bench.deployments import Loading
from tests.sources_bench.events import lines
from warehouse.settings import Settings

LONG_AGO_NS = time.time_ns() - 3_600_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "landing"
    path.mkdir()
    return path


@pytest.fixture
def loading(client: Client, settings: Settings, folder: Path) -> Loading:
    return Loading(client=client, settings=settings.model_copy(update={"landing": str(folder)}))


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of files whose bytes were read to be hashed."""
    names: list[str] = []
    original = loader.content_hash

    def spy(path: Path) -> str:
        names.append(path.name)
        return original(path)

    monkeypatch.setattr(loader, "content_hash", spy)
    return names


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if all changes were of a while ago."""
    monkeypatch.setattr("ingestion.sources.landing._SETTLED_NANOSECONDS", -1)


@pytest.mark.usefixtures("settled")
def test_files_that_were_loaded_are_not_read_again(loading: Loading, folder: Path, hashed: list[str]) -> None:
    for number in range(3):
        (folder / f"{number}.jsonl").write_text(lines([number]))
    assert len(loading.run()) == 3
    hashed.clear()
    (folder / "3.jsonl").write_text(lines([3]))

    (new,) = loading.run()

    assert new.location.endswith("3.jsonl")
    assert hashed == ["3.jsonl"]
    assert loading.numbers() == {0, 1, 2, 3}


@pytest.mark.usefixtures("settled")
def test_a_file_that_changed_is_read_again_even_if_size_and_time_of_modification_are_the_same(
    loading: Loading, folder: Path, hashed: list[str]
) -> None:
    path = folder / "1.jsonl"
    path.write_text(lines([1]))
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    loading.run()
    with path.open("r+") as file:
        file.write(lines([2]))
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    assert len(loading.run()) == 1

    (folder / "new").write_text(lines([3]))
    os.utime(folder / "new", ns=(LONG_AGO_NS, LONG_AGO_NS))
    (folder / "new").rename(path)
    assert len(loading.run()) == 1
    assert hashed == ["1.jsonl"] * 3
    assert loading.numbers() == {1, 2, 3}


def test_a_file_that_has_just_changed_is_looked_at_once_more(loading: Loading, folder: Path, hashed: list[str]) -> None:
    (folder / "1.jsonl").write_text(lines([1]))
    loading.run()
    assert loading.run() == []
    assert hashed == ["1.jsonl", "1.jsonl"]


@pytest.mark.usefixtures("settled")
def test_what_is_remembered_counts_only_while_its_batch_is_in_the_ledger(loading: Loading, folder: Path) -> None:
    (folder / "1.jsonl").write_text(lines([1]))
    loading.run()
    loading.client.command(f"ALTER TABLE {loading.settings.database('ops')}.batches DELETE WHERE 1 SETTINGS mutations_sync = 2")
    assert len(loading.run()) == 1
