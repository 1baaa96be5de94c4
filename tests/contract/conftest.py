"""Every contract test runs against every implementation of the port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.contract.benches import Bench, FakeBench, InvoicingBench, StripeBench, stripe_bench


@pytest.fixture(params=["fake", "stripe"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Each gateway in turn, with its outside world."""
    with _opened(request.param) as made:
        yield made


@pytest.fixture(params=["fake", "stripe"])
def invoicing(request: pytest.FixtureRequest) -> Iterator[InvoicingBench]:
    """Each gateway that keeps invoices of its own."""
    with _opened(request.param) as made:
        yield made


@pytest.fixture
def stripe() -> Iterator[StripeBench]:
    """The Stripe adapter with its double, for what only Stripe has."""
    with stripe_bench() as made:
        yield made


@contextmanager
def _opened(name: str) -> Iterator[InvoicingBench]:
    if name == "fake":
        yield FakeBench()
    else:
        with stripe_bench() as made:
            yield made
