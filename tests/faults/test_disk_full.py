"""A full disk under the warehouse or under the door's spool: what was refused counts nowhere, what was answered stays, space mends it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.loader import load_file
from ingestion.sources import frames
from tests.conftest import make_settings
from tests.control_bench.stores import fresh_sqlite, settings_of
from tests.sources_bench.disks import SmallDisk, small_disk
from tests.sources_bench.doors import running_door
from tests.sources_bench.events import event, lines
from tests.warehouse.loader.deployments import NOW, Deployment, write_lines
from tests.warehouse.loader.inventions import random_lines
from warehouse import embedded
from warehouse.client import connect
from warehouse.errors import MeterhouseError
from warehouse.migrate import migrate

# From nothing to what the stage of the load below takes; with more it succeeds.
LEFT_BYTES = (0, 1 << 20, 6 << 20)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", megabytes=96) as disk:
        yield disk


@pytest.fixture
def here(disk: SmallDisk, tmp_path: Path) -> Iterator[Deployment]:
    settings = make_settings(home=disk.folder / "home", METERHOUSE_NOW=NOW.isoformat())
    embedded.start(settings.home)
    with contextlib.closing(connect(settings)) as client:
        migrate(client, settings)
        yield Deployment(settings, client, tmp_path)
    embedded.stop(settings.home)


def test_a_load_that_finds_no_space_is_taken_again_whole_when_there_is_some(disk: SmallDisk, here: Deployment, tmp_path: Path) -> None:
    server = embedded.running(here.settings.home)
    assert server is not None
    before = here.load(random_lines(seed=96, count=100), name="before.jsonl")
    path = write_lines(tmp_path / "events.jsonl", random_lines(seed=97, count=20_000))
    for left_bytes in LEFT_BYTES:
        with disk.full(server.pid, left_bytes=left_bytes), pytest.raises(MeterhouseError, match="nothing of it was loaded"):
            load_file(here.client, here.settings, path)
        assert here.rows("ops.batches", "batch_id") == [(before.batch_id,)]

    loaded = load_file(here.client, here.settings, path)

    assert (loaded.already_loaded, loaded.rows_read > 19_000) == (False, True)
    assert here.stage_tables() == []
    ledger = here.rows("ops.event_accounting", "lines, blank + accepted + duplicates + conflicts + rejected")
    assert [read == accounted for read, accounted in ledger] == [True, True]
    accepted = here.rows("ops.event_accounting", "sum(accepted)")
    stored = [here.rows(f"raw.{table}", "count()")[0][0] for table in ("usage_events", "lifecycle_events", "identities")]
    assert accepted == [(stored[0] + stored[1],)] == [(stored[2],)]


def test_an_answer_is_never_empty_because_the_disk_is_full(disk: SmallDisk, here: Deployment) -> None:
    server = embedded.running(here.settings.home)
    assert server is not None
    with disk.full(server.pid):
        assert here.client.query("SELECT count() FROM numbers(100)").result_rows == [(100,)]
        assert len(here.client.query("SELECT toString(number) AS text FROM numbers(1000000)").result_rows) == 1_000_000


def test_a_door_without_space_answers_for_nothing_and_goes_on_when_there_is_some(disk: SmallDisk, tmp_path: Path) -> None:
    with running_door(settings_of(fresh_sqlite(tmp_path), disk.folder)) as door:
        assert door.process is not None
        assert door.send(event(1).encode()).status == 202
        with disk.full(door.process.pid):
            refused = [door.send(lines(range(first, first + 100)).encode()) for first in (100, 200)]  # more than the page begun
        assert [(answer.status, answer.content["type"]) for answer in refused] == [(503, "urn:meterhouse:problem:spool-failed")] * 2
        assert door.send(event(4).encode()).status == 202

    sealed = [frames.seal(path) for path in sorted(frames.folder(disk.folder).iterdir())]
    kept = b"".join(piece for path in sealed if path is not None for piece in frames.payload_of(path))
    # What was not promised may be there whole: its producer sends it again, and it counts once.
    assert {event(1), event(4)} <= set(kept.decode().splitlines()) <= {event(number) for number in (1, 4, *range(100, 300))}
