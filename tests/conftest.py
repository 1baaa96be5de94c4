"""Fixtures for all tests: one real ClickHouse server a worker process, one set of databases a test.

Tests that need what a plain machine may lack carry a marker (NEEDS below). They are left out with a plain word at the top
of the run; in CI a lack fails the run, because nothing may be left out there.
"""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from warehouse import embedded
from warehouse.client import connect
from warehouse.migrate import migrate
from warehouse.settings import LAYERS, Settings

ROOT = Path(__file__).parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"
CHROMIUM = Path("/usr/bin/chromium")
# What dies in a test is a process and never the machine, so the server's files may lie in memory, where writing costs no waiting.
MEMORY = Path("/dev/shm")  # noqa: S108 - the folder there has a name of its own
MEMORY_BYTES = 6 << 30  # free for the servers of three workers; without it they write to the disk
# As in a command (orchestration/cli/main.py): most of what tests make is no garbage, and looking for it took a tenth of their time.
OBJECTS_PER_COLLECTION = 50_000

# The folders of the longest tests begin: one that begins last is waited for by all other workers.
LONG_FIRST = ("tests/warehouse/engine", "tests/warehouse", "tests/faults")

# Marker -> what has to exist, and what to do about it.
NEEDS = {
    "needs_shared_data": (SHARED_DATA, "there is no ../shared/data beside the checkout"),
    "needs_chromium": (CHROMIUM, "there is no /usr/bin/chromium; install Debian's package chromium"),
}


def _lacking() -> dict[str, str]:
    return {marker: reason for marker, (path, reason) in NEEDS.items() if not path.exists()}


def _turn(path: Path) -> int:
    return next((turn for turn, folder in enumerate(LONG_FIRST) if path.is_relative_to(ROOT / folder)), len(LONG_FIRST))


def pytest_configure() -> None:
    """Look for garbage more seldom."""
    gc.set_threshold(OBJECTS_PER_COLLECTION)


def pytest_report_header() -> list[str]:
    """Say what this run leaves out."""
    return [f"LEFT OUT: tests marked {marker}, because {reason}" for marker, reason in _lacking().items()]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what this machine cannot run; refuse to in CI."""
    lacking = _lacking()
    left_out = [item for item in items if any(item.get_closest_marker(marker) for marker in lacking)]
    if left_out and os.environ.get("CI") == "true":  # noqa: TID251 - a fact about the machine, not a setting of the product
        raise pytest.UsageError("in CI nothing may be left out: " + "; ".join(lacking.values()))
    items[:] = sorted((item for item in items if item not in left_out), key=lambda item: _turn(item.path))
    config.hook.pytest_deselected(items=left_out)


def make_settings(**values: object) -> Settings:
    """Settings from these values and defaults only: no .env file, and no variable of the shell that runs the tests."""
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]  # keyword values are checked by pydantic


@pytest.fixture(scope="session")
def server() -> Iterator[Settings]:
    """Settings of a running embedded server. Use `settings` unless the test is about the server itself."""
    has_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES
    with tempfile.TemporaryDirectory(prefix="meterhouse-tests-", dir=MEMORY if has_memory else None) as folder:
        home = Path(folder)
        embedded.start(home)
        try:
            yield make_settings(home=home)
        finally:
            embedded.stop(home)


@contextlib.contextmanager
def fresh_databases(server: Settings, **values: object) -> Iterator[Settings]:
    """An own prefix on a server with its databases migrated; they go with it."""
    own = make_settings(home=server.home, database_prefix=f"t{uuid.uuid4().hex[:12]}_", **values)
    with contextlib.closing(connect(own)) as client:
        migrate(client, own)
        yield own
        for layer in LAYERS:
            client.command(f"DROP DATABASE IF EXISTS {own.database(layer)} SYNC")


@pytest.fixture
def settings(server: Settings, tmp_path: Path) -> Iterator[Settings]:
    """A deployment of its own: an own prefix on the session's server, an own control store, databases migrated."""
    with fresh_databases(server, control_url=SecretStr(f"sqlite:///{tmp_path}/control.db")) as own:
        yield own


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    """A pipeline client of `settings`."""
    with contextlib.closing(connect(settings)) as opened:
        yield opened
