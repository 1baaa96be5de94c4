"""Fixtures for all tests: one real ClickHouse server a worker process, one set of databases a test."""

from __future__ import annotations

import contextlib
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


def make_settings(**values: object) -> Settings:
    """Settings from these values and defaults only: no .env file, and no variable of the shell that runs the tests."""
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]  # keyword values are checked by pydantic


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a running embedded server. Use `settings` unless the test is about the server itself."""
    home = tmp_path_factory.mktemp("server")
    embedded.start(home)
    yield make_settings(home=home)
    embedded.stop(home)


@pytest.fixture
def settings(server: Settings, tmp_path: Path) -> Iterator[Settings]:
    """A deployment of its own: an own prefix on the session's server, an own control store, databases migrated."""
    prefix = f"t{uuid.uuid4().hex[:12]}_"
    own = make_settings(home=server.home, database_prefix=prefix, control_url=SecretStr(f"sqlite:///{tmp_path}/control.db"))
    with contextlib.closing(connect(own)) as client:
        migrate(client, own)
        yield own
        for layer in LAYERS:
            client.command(f"DROP DATABASE IF EXISTS {own.database(layer)} SYNC")


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    """A pipeline client of `settings`."""
    with contextlib.closing(connect(settings)) as opened:
        yield opened
