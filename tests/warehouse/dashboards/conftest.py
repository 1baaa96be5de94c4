"""Deployments whose pages can be drawn in this process: one that is filled and only read, and one a test that it may change."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from clickhouse_connect.driver.client import Client

from tests.warehouse.dashboards import public_tables
from warehouse import embedded
from warehouse.client import connect
from warehouse.migrate import migrate
from warehouse.secrets import passwords
from warehouse.settings import LAYERS, Settings, load_settings


@pytest.fixture(scope="package")
def example(server: Settings) -> Iterator[Settings]:
    """The deployment of public_tables.py. Tests read it; one that writes takes `filled`."""
    own = server.model_copy(update={"database_prefix": f"t{uuid.uuid4().hex[:12]}_"})
    with contextlib.closing(connect(own)) as client:
        migrate(client, own)
        public_tables.create(client, own)
        public_tables.fill(client, own)
        yield own
        for layer in LAYERS:
            client.command(f"DROP DATABASE IF EXISTS {own.database(layer)} SYNC")


@pytest.fixture(scope="package")
def reader(example: Settings) -> Iterator[Client]:
    """A client of `example`."""
    with contextlib.closing(connect(example)) as client:
        yield client


@pytest.fixture
def filled(client: Client, settings: Settings) -> Client:
    """A client of databases of the test's own that hold the same."""
    public_tables.create(client, settings)
    public_tables.fill(client, settings)
    return client


@pytest.fixture
def pages(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Settings]:
    """Pages show `settings` while the test runs."""
    with _shown(settings, monkeypatch, tmp_path) as shown:
        yield shown


@pytest.fixture
def example_pages(example: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Settings]:
    """Pages show `example` while the test runs."""
    with _shown(example, monkeypatch, tmp_path) as shown:
        yield shown


@contextlib.contextmanager
def _shown(settings: Settings, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[Settings]:
    """Make `load_settings()` give the databases of `settings`, on a configured server.

    The embedded analyst sees databases without a prefix only, so the pipeline's user stands in for the analyst of that
    server; the browser tests read as the real one.
    """
    secret = passwords(settings.home)["pipeline"]
    values = {
        "CLICKHOUSE_URL": f"http://127.0.0.1:{embedded.http_port(settings.home)}",
        "CLICKHOUSE_USER": "pipeline",
        "CLICKHOUSE_PASSWORD": secret,
        "ANALYST_USER": "pipeline",
        "ANALYST_PASSWORD": secret,
        "DATABASE_PREFIX": settings.database_prefix,
        "HOME": str(folder),
    }
    monkeypatch.chdir(folder)  # no .env file here
    for name, value in values.items():
        monkeypatch.setenv(f"METERHOUSE_{name}", value)
    load_settings.cache_clear()
    st.cache_data.clear()
    yield load_settings()
    load_settings.cache_clear()
    st.cache_data.clear()
