"""A loader or its server dies anywhere in a load: the next load leaves the tables as if nothing had happened."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from ingestion import batches
from ingestion.loader import load_file, load_files, recover
from ingestion.sql import moving
from ingestion.sql.moving import Counted, Counts
from ingestion.sql.stage import Stage
from tests.conftest import make_settings
from tests.control_bench.killing import count_effects, ended, in_child, start_child
from tests.warehouse.loader.deployments import NOW, Deployment, open_deployment, write_lines
from tests.warehouse.loader.inventions import random_lines
from warehouse import embedded
from warehouse.client import connect
from warehouse.errors import WarehouseError
from warehouse.migrate import migrate
from warehouse.settings import Settings

# What outlives a loader: what the server has done by the time it answers.
ANSWERS = ((http.client.HTTPConnection, "getresponse"),)


@pytest.fixture
def disturbed(server: Settings, tmp_path: Path) -> Iterator[Deployment]:
    with open_deployment(server.home, tmp_path) as opened:
        yield opened


@pytest.fixture
def undisturbed(server: Settings, tmp_path: Path) -> Iterator[Deployment]:
    with open_deployment(server.home, tmp_path) as opened:
        yield opened


def _loading(settings: Settings, *paths: Path) -> Callable[[], object]:
    """A load with connections of its own, for another process."""

    def work() -> None:
        with contextlib.closing(connect(settings)) as client:
            list(load_files(client, settings, paths))

    return work


def test_a_loader_killed_after_any_answer_of_the_server_leaves_nothing_that_counts(
    disturbed: Deployment, undisturbed: Deployment, tmp_path: Path
) -> None:
    def files(number: int) -> list[Path]:
        return [write_lines(tmp_path / f"{number}-{half}.jsonl", random_lines(seed=number + half, count=40)) for half in (0, 1000)]

    answers = count_effects(_loading(disturbed.settings, *files(0)), ANSWERS)
    list(load_files(undisturbed.client, undisturbed.settings, files(0)))
    # Every other answer from the intent to the end, and one before, where nothing has reached raw.
    for number in [answers // 2, *range(answers - 12, answers + 1, 2)]:
        assert in_child(_loading(disturbed.settings, *files(number)), effects=ANSWERS, die_after=number).was_killed
        list(load_files(disturbed.client, disturbed.settings, files(number)))
        assert disturbed.stage_tables() == []
        list(load_files(undisturbed.client, undisturbed.settings, files(number)))

    assert disturbed.contents() == undisturbed.contents()


def test_a_loader_killed_at_any_moment_leaves_nothing_that_counts(disturbed: Deployment, undisturbed: Deployment, tmp_path: Path) -> None:
    paths = [write_lines(tmp_path / f"{seed}.jsonl", random_lines(seed=seed, count=5_000)) for seed in range(96, 100)]
    started = time.monotonic()
    list(load_files(undisturbed.client, undisturbed.settings, paths))
    duration = time.monotonic() - started
    chance = random.Random(4)  # noqa: S311 - reproducible on purpose

    for part in range(6):
        loader = start_child(_loading(disturbed.settings, *paths))
        time.sleep(duration * (part + chance.random()) / 6)
        with contextlib.suppress(ProcessLookupError):
            os.kill(loader, signal.SIGKILL)
        ended(loader)
    list(load_files(disturbed.client, disturbed.settings, paths))

    assert disturbed.contents() == undisturbed.contents()
    assert disturbed.stage_tables() == []


def test_a_server_killed_in_the_middle_of_a_load_takes_the_load_again(undisturbed: Deployment, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "events.jsonl", random_lines(seed=98, count=20_000))
    started = time.monotonic()
    load_file(undisturbed.client, undisturbed.settings, path)
    duration = time.monotonic() - started
    settings = make_settings(home=tmp_path / "home", METERHOUSE_NOW=NOW.isoformat())
    try:
        for part in (0.4, 0.8):
            state = embedded.start(settings.home)
            with contextlib.closing(connect(settings)) as client:
                migrate(client, settings)
                killer = threading.Timer(duration * part, os.kill, (state.pid, signal.SIGKILL))
                killer.start()
                with contextlib.suppress(WarehouseError, ClickHouseError):
                    load_file(client, settings, path)
                killer.join()
            os.waitpid(state.pid, 0)
        embedded.start(settings.home)
        with contextlib.closing(connect(settings)) as client:
            load_file(client, settings, path)
            restarted = Deployment(settings, client, tmp_path)

            assert restarted.contents() == undisturbed.contents()
            assert restarted.stage_tables() == []
    finally:
        embedded.stop(settings.home)


def test_recovering_where_nothing_happened_does_nothing(disturbed: Deployment) -> None:
    disturbed.load(random_lines(seed=1, count=20))
    before = disturbed.contents()

    assert recover(disturbed.client, disturbed.settings) == []
    assert disturbed.contents() == before


def test_recovering_names_the_batches_it_removed_and_leaves_the_others(disturbed: Deployment, tmp_path: Path) -> None:
    committed = disturbed.load(random_lines(seed=1, count=200))
    before = disturbed.contents()
    path = write_lines(tmp_path / "second.jsonl", random_lines(seed=2, count=200))
    answers = count_effects(_loading(disturbed.settings, write_lines(tmp_path / "third.jsonl", ["x"])), ANSWERS)
    before = disturbed.contents()
    assert in_child(_loading(disturbed.settings, path), effects=ANSWERS, die_after=answers - 1).was_killed

    removed = recover(disturbed.client, disturbed.settings)

    assert len(removed) == 1
    assert committed.batch_id not in removed
    assert disturbed.contents() == before
    assert recover(disturbed.client, disturbed.settings) == []


def test_a_statement_that_a_dead_loader_left_running_is_killed_before_its_rows_are_removed(disturbed: Deployment) -> None:
    settings = disturbed.settings
    stage = Stage(settings=settings, attempt="dead")
    for statement in stage.creation(now_milliseconds=0):
        disturbed.client.command(statement)
    slow = f"INSERT INTO {stage.rest} (line_number) SELECT sleepEachRow(1) FROM numbers(120) SETTINGS max_block_size = 1"
    own = _Running(settings, slow, f"{batches.query_prefix(settings)}dead-1")
    other = _Running(settings, slow.replace(stage.rest, stage.refused), "meterhouse-load-another_raw-dead-1")

    recover(disturbed.client, settings)

    assert "QUERY_WAS_CANCELLED" in own.error() or "cancelled" in own.error().lower()
    assert other.is_running()
    disturbed.client.command(f"KILL QUERY WHERE query_id = '{other.query_id}' SYNC")
    other.error()


def test_a_commit_that_a_dead_loader_sent_too_late_commits_nothing(disturbed: Deployment) -> None:
    settings = disturbed.settings
    stage = Stage(settings=settings, attempt="dead")
    for statement in stage.creation(now_milliseconds=0):
        disturbed.client.command(statement)
    batches.intend(disturbed.client, settings, {1: "dead"}, now=NOW)
    dead = Counted(batch_seq=1, batch_id="dead", source_name="files", location="x", counts=Counts())
    late = moving.commit(stage, [dead], now_milliseconds=0)

    assert recover(disturbed.client, settings) == ["dead"]

    with pytest.raises(ClickHouseError, match="UNKNOWN_TABLE"):
        disturbed.client.command(late)
    assert disturbed.rows("ops.batches") == []


class _Running:
    """A statement that runs in a thread until it is killed."""

    def __init__(self, settings: Settings, statement: str, query_id: str) -> None:
        self._settings, self._statement, self.query_id = settings, statement, query_id
        self._message = ""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        while not self.is_running():
            time.sleep(0.02)

    def _run(self) -> None:
        with contextlib.closing(connect(self._settings)) as client:
            try:
                client.command(self._statement, settings={"query_id": self.query_id})
            except ClickHouseError as error:
                self._message = str(error)

    def is_running(self) -> bool:
        """Whether the server works on it."""
        with contextlib.closing(connect(self._settings)) as client:
            return bool(client.query(f"SELECT count() FROM system.processes WHERE query_id = '{self.query_id}'").result_rows[0][0])

    def error(self) -> str:
        """How it ended."""
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()
        return self._message
