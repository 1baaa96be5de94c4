"""Batches that are loaded together leave what they leave one after the other."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingestion.loader import LoadResult, file_batch, load_file, load_files, load_together
from ingestion.sources.together import together
from orchestration.loading import load_paths
from tests.warehouse.loader.deployments import Deployment, open_deployment, write_lines
from tests.warehouse.loader.inventions import random_lines
from tests.warehouse.loader.lines import lifecycle, usage
from warehouse.errors import InputError
from warehouse.settings import Settings


@pytest.fixture
def deployment(server: Settings, tmp_path: Path) -> Iterator[Deployment]:
    with open_deployment(server.home, tmp_path) as opened:
        yield opened


@pytest.fixture
def one_by_one(server: Settings, tmp_path: Path) -> Iterator[Deployment]:
    with open_deployment(server.home, tmp_path) as opened:
        yield opened


def _event(number: int, quantity: str = "1") -> str:
    return usage(id=f'"event-{number}"', quantity=f'"{quantity}"')


def _files(folder: Path) -> list[Path]:
    """Lines of all kinds: events that come again and conflict within a file, in another of the load, and with what was loaded."""
    invented = list(random_lines(seed=5, count=900))
    contents: dict[str, list[str | bytes]] = {
        "a": invented[:400],
        "b": [*invented[200:500], _event(1), _event(1), _event(2), ""],
        "c": [],
        "d": [_event(2, "5"), _event(3), "no event", _event(1, "7"), *invented[450:]],
        "e": [_event(4), _event(3)],
    }
    files = [write_lines(folder / f"{name}.jsonl", lines) for name, lines in contents.items()]
    same = folder / "f.jsonl"
    same.write_bytes(files[1].read_bytes())
    return [*files, same]


def test_together_or_one_by_one_all_tables_are_the_same(deployment: Deployment, one_by_one: Deployment, tmp_path: Path) -> None:
    before = write_lines(tmp_path / "before.jsonl", [_event(3, "9"), *random_lines(seed=5, count=30)])
    files = _files(tmp_path)
    for path in (before, files[0]):
        load_file(deployment.client, deployment.settings, path)

    results = list(load_files(deployment.client, deployment.settings, files))

    single = [load_file(one_by_one.client, one_by_one.settings, path) for path in (before, *files)]
    assert [result.already_loaded for result in results if isinstance(result, LoadResult)] == [True, False, False, False, False, True]
    # The first had been loaded before; in every other way each file is told the same.
    assert results[1:] == single[2:]
    assert deployment.contents() == one_by_one.contents()
    assert {row[5] for row in deployment.rows("ops.event_conflicts")} >= {single[0].batch_id, single[2].batch_id}
    assert deployment.stage_tables() == []


def test_a_load_writes_each_window_once_under_the_batch_of_its_last_event(deployment: Deployment, tmp_path: Path) -> None:
    def of(number: int, minute: int) -> list[str]:
        at = f'"2026-01-15T10:{minute}:00Z"'
        return [usage(id=f'"u{number}"', time=at), lifecycle(id=f'"l{number}"', time=at)]

    lines = [of(1, 40), of(2, 20), of(3, 10)]
    files = [write_lines(tmp_path / f"{number}.jsonl", own) for number, own in enumerate(lines)]
    list(load_files(deployment.client, deployment.settings, files[:2]))
    list(load_files(deployment.client, deployment.settings, files))

    def at(minute: int) -> datetime:
        return datetime(2026, 1, 15, 10, minute, tzinfo=UTC)

    assert deployment.rows("raw.usage_windows", "batch_seq, last_event_at") == [(1, at(40)), (3, at(10))]
    lives = deployment.rows("raw.lifecycle_windows", "batch_seq, first_event_at, last_event_at")
    assert lives == [(1, at(20), at(40)), (3, at(10), at(10))]


@pytest.mark.parametrize("damaged", [0, 2, 5])
def test_a_damaged_file_holds_up_no_other(deployment: Deployment, one_by_one: Deployment, tmp_path: Path, damaged: int) -> None:
    files = _files(tmp_path)[:5]
    broken = tmp_path / "broken.jsonl.gz"
    broken.write_bytes(gzip.compress(_event(6).encode() * 50)[:-9])

    results = list(load_files(deployment.client, deployment.settings, [*files[:damaged], broken, *files[damaged:]]))

    (error,) = [result for result in results if isinstance(result, InputError)]
    assert results.index(error) == damaged
    assert str(broken) in str(error)
    assert [result for result in results if result is not error] == [
        load_file(one_by_one.client, one_by_one.settings, path) for path in files
    ]
    assert deployment.contents() == one_by_one.contents()
    assert deployment.stage_tables() == []


def test_a_person_is_told_of_the_first_damaged_file_and_nothing_behind_it_is_loaded(deployment: Deployment, tmp_path: Path) -> None:
    good = [write_lines(tmp_path / f"{name}.jsonl", [_event(number)]) for number, name in enumerate("ace")]
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(_event(6).encode())[:-9])
    loaded: list[LoadResult] = []

    with pytest.raises(InputError, match=r"b\.jsonl\.gz"):
        loaded.extend(load_paths(deployment.client, deployment.settings, [tmp_path]))

    assert deployment.rows("ops.batches", "location") == [(str(good[0]),)]


def test_locations_may_be_longer_than_a_statement_usually_is(deployment: Deployment, tmp_path: Path) -> None:
    files = [file_batch(write_lines(tmp_path / f"{number}.jsonl", [_event(number)])) for number in range(3)]

    wanted = [replace(batch, location=f"{batch.location}{'x' * 100_000}") for batch in files]
    results = list(load_together(deployment.client, deployment.settings, wanted))

    assert [result.accepted for result in results if isinstance(result, LoadResult)] == [1, 1, 1]
    assert deployment.rows("ops.batches", "location") == [(batch.location,) for batch in wanted]


def test_loads_keep_the_order_and_are_bounded_in_bytes_and_number() -> None:
    sizes = [1, 400 << 20, 200 << 20, 600 << 20, 5, *[0] * 501]

    loads = list(together(range(len(sizes)), sizes.__getitem__))

    assert [number for load in loads for number in load] == list(range(len(sizes)))
    assert [len(load) for load in loads] == [2, 1, 1, 500, 2]
