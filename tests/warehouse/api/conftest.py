"""The world behind the public API, built once for a worker. Tests read it, and change only what no other test reads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api_bench.world import World, built_world
from warehouse.settings import Settings


@pytest.fixture(scope="package")
def world(server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with built_world(server, tmp_path_factory.mktemp("api")) as built:
        yield built
