"""Every contract test runs against every implementation of the port."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.benches import Bench, FakeBench, StripeBench, stripe_bench


@pytest.fixture(params=["fake", "stripe"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Each gateway in turn, with its outside world."""
    if request.param == "fake":
        yield FakeBench()
    else:
        with stripe_bench() as made:
            yield made


@pytest.fixture
def stripe() -> Iterator[StripeBench]:
    """The Stripe adapter with its double, for what only Stripe has."""
    with stripe_bench() as made:
        yield made
