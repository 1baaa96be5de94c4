"""The control plane over each database, with the gateway in memory that passes the gateways' contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from control.bootstrap import Control
from tests.contract.fake_gateway import FakeGateway
from tests.control_bench.stores import fresh_postgresql, fresh_sqlite, opened, postgresql_server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    with postgresql_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated store of its own, on each database in turn."""
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
