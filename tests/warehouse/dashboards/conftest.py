"""A deployment whose pages can be drawn in this process, as the analyst of a configured server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import streamlit as st
from clickhouse_connect.driver.client import Client

from tests.warehouse.dashboards import public_tables
from warehouse import embedded
from warehouse.secrets import passwords
from warehouse.settings import Settings, load_settings


@pytest.fixture
def page_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Iterator[Settings]:
    """What `load_settings()` gives while the test runs: the databases of `settings` on a configured server.

    The embedded analyst sees databases without a prefix only, so the pipeline's user stands in for the analyst of that
    server; the browser tests read as the real one.
    """
    monkeypatch.chdir(str(tmp_path))
    secret = passwords(settings.home)["pipeline"]
    values = {
        "CLICKHOUSE_URL": f"http://127.0.0.1:{embedded.http_port(settings.home)}",
        "CLICKHOUSE_USER": "pipeline",
        "CLICKHOUSE_PASSWORD": secret,
        "ANALYST_USER": "pipeline",
        "ANALYST_PASSWORD": secret,
        "DATABASE_PREFIX": settings.database_prefix,
        "HOME": str(tmp_path),
    }
    for name, value in values.items():
        monkeypatch.setenv(f"METERHOUSE_{name}", value)
    load_settings.cache_clear()
    st.cache_data.clear()
    yield load_settings()
    load_settings.cache_clear()
    st.cache_data.clear()


@pytest.fixture
def filled(client: Client, settings: Settings) -> Client:
    """A client of databases that hold the deployment of public_tables.py."""
    public_tables.create(client, settings)
    public_tables.fill(client, settings)
    return client
