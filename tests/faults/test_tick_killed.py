"""SIGKILL in the middle of a tick: the next run leaves the same tables as a run that nobody disturbed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command_line import Home, fingerprints
from tests.conftest import make_settings
from warehouse.client import connect
from warehouse.errors import WarehouseError

NOW = {"METERHOUSE_NOW": "2026-02-03T00:00:00Z"}
# A keyed model computes into its delta, swaps partitions and drops the delta: while it exists, the tick is in that model.
# One early, one in the middle of the money, one late.
MOMENTS = ("metering.int_metered_hourly_delta", "rating.charges_hourly_delta", "invoicing.int_recomputed_lines_delta")


@dataclass(frozen=True)
class Undisturbed:
    """A home with one tick behind it and new events loaded, and what the next tick makes of them."""

    loaded: Path
    tables: dict[str, tuple[int, int]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    home = Home(folder / "home", NOW)
    (generated,) = home.rows("generate", "--events", "2000", "--seed", "11", "--accounts", "2", "--out", str(folder / "cloud"))
    files = sorted(Path(generated["events"]).iterdir())
    home.rows("catalog", "apply", generated["catalog"])
    home.rows("ingest", *map(str, files[: len(files) // 2]))
    home.rows("run")
    home.rows("ingest", *map(str, files[len(files) // 2 :]))
    shutil.copytree(home.path, folder / "loaded", symlinks=True, ignore=shutil.ignore_patterns("*.fifo"))
    home.rows("run")
    return Undisturbed(loaded=folder / "loaded", tables=fingerprints(home))


@pytest.fixture
def home(undisturbed: Undisturbed, tmp_path: Path) -> Iterator[Home]:
    """A copy of the loaded home."""
    shutil.copytree(undisturbed.loaded, tmp_path / "home", symlinks=True)
    home = Home(tmp_path / "home", NOW)
    yield home
    home.call("down")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_tick_that_was_killed_leaves_the_same_tables_after_the_next_one(home: Home, undisturbed: Undisturbed, moment: str) -> None:
    tick = home.start("run")
    wait_until_it_exists(home, moment, tick)
    os.kill(tick.pid, signal.SIGKILL)
    tick.communicate()
    attempts = "SELECT countIf(status = 'committed') AS committed, max(tick_id) AS attempts FROM ops.ticks"
    assert home.rows("sql", attempts) == [{"committed": 1, "attempts": 2}]

    home.rows("run")
    assert home.rows("sql", attempts) == [{"committed": 2, "attempts": 3}]
    assert fingerprints(home) == undisturbed.tables


def wait_until_it_exists(home: Home, table: str, tick: subprocess.Popen[str]) -> None:
    """Return while the tick works on the model of that table."""
    settings = make_settings(home=home.path)
    layer, _, name = table.partition(".")
    found = "SELECT count() FROM system.tables WHERE database = {layer:String} AND name = {name:String}"
    with contextlib.ExitStack() as opened:
        client = None
        while tick.poll() is None:
            if client is None:
                time.sleep(0.05)
                with contextlib.suppress(WarehouseError):  # it does not run, or does not answer yet
                    client = opened.enter_context(contextlib.closing(connect(settings)))
            elif client.query(found, parameters={"layer": layer, "name": name}).result_rows[0][0]:
                return
    _, errors = tick.communicate()
    pytest.fail(f"the tick ended before it was seen in the model: {errors}")
