"""The control plane over each database, with the gateway in memory that passes the gateways' contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from control.bootstrap import Control
from tests.contract.fake_gateway import FakeGateway
from tests.control_bench.stores import emptied_postgresql, fresh_postgresql, fresh_sqlite, opened, postgresql_server

# Examples are judged by what they find, not by how busy the machine is.
hypothesis_settings.register_profile("patient", deadline=None)
hypothesis_settings.load_profile("patient")

DATABASES = ["sqlite", "postgresql"]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    with postgresql_server() as url:
        yield url


@pytest.fixture(params=DATABASES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated, empty store, on each database in turn. A test that changes the schema takes `own_store_url`."""
    if request.param == "sqlite":
        return fresh_sqlite(tmp_path)
    return emptied_postgresql(request.getfixturevalue("postgresql"))


@pytest.fixture(params=DATABASES)
def own_store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated store that no other test will see."""
    if request.param == "sqlite":
        yield fresh_sqlite(tmp_path)
    else:
        with fresh_postgresql(request.getfixturevalue("postgresql")) as url:
            yield url


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def control(store_url: str, tmp_path: Path, gateway: FakeGateway) -> Iterator[Control]:
    with opened(store_url, tmp_path, gateways=lambda _: gateway) as control:
        yield control


@pytest.fixture
def own_control(own_store_url: str, tmp_path: Path, gateway: FakeGateway) -> Iterator[Control]:
    """The control plane over a store whose schema the test may change."""
    with opened(own_store_url, tmp_path, gateways=lambda _: gateway) as control:
        yield control
