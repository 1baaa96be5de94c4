"""SIGKILL in the middle of a tick: the next run leaves the same tables as a run that nobody disturbed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command_line import Home, fingerprints

SEEDS = (1, 2, 3)
NOW = {"METERHOUSE_NOW": "2026-02-03T00:00:00Z"}


@dataclass(frozen=True)
class Undisturbed:
    """A home with everything loaded and no tick, and what a tick makes of it in how many seconds."""

    loaded: Path
    tables: dict[str, tuple[int, int]]
    seconds: float


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    home = Home(folder / "home", NOW)
    (generated,) = home.rows("generate", "--events", "2000", "--seed", "11", "--accounts", "2", "--out", str(folder / "cloud"))
    home.rows("catalog", "apply", generated["catalog"])
    home.rows("ingest", generated["events"])
    loaded = folder / "loaded"
    shutil.copytree(home.path, loaded, ignore=shutil.ignore_patterns("*.fifo"))
    home.rows("sql", "SELECT 1")  # so that what is measured is a tick and not a cold disk
    started = time.monotonic()
    home.rows("run")
    return Undisturbed(loaded=loaded, tables=fingerprints(home), seconds=time.monotonic() - started)


@pytest.fixture
def home(undisturbed: Undisturbed, tmp_path: Path) -> Iterator[Home]:
    """A copy of the loaded home. Its commands stop what they start, and what a killed one left."""
    shutil.copytree(undisturbed.loaded, tmp_path / "home")
    home = Home(tmp_path / "home", NOW)
    yield home
    home.call("down")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tick_that_was_killed_leaves_the_same_tables_after_the_next_one(home: Home, undisturbed: Undisturbed, seed: int) -> None:
    # The first third of a tick imports; a kill there shows little.
    moment = undisturbed.seconds * random.Random(seed).uniform(0.35, 1.0)  # noqa: S311 - a test's chance, repeatable by its seed
    killed = home.start("run")
    time.sleep(moment)
    was_running = killed.poll() is None
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    home.rows("run")
    assert fingerprints(home) == undisturbed.tables, f"killed after {moment:.1f} s, {'running' if was_running else 'ended'}"
    (ticks,) = home.rows("sql", "SELECT countIf(status = 'committed') AS committed, max(tick_id) AS attempts FROM ops.ticks")
    assert ticks["committed"] >= 1
    off = "lines != blank + accepted + duplicates + conflicts + rejected"
    assert home.rows("sql", f"SELECT count() AS wrong FROM ops.event_accounting WHERE {off}") == [{"wrong": 0}]
