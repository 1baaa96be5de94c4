"""Every contract test runs against every implementation of the port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.contract.adyen_bench import AdyenBench, adyen_bench
from tests.contract.benches import Bench, FakeBench, InvoicingBench, StripeBench, stripe_bench


@pytest.fixture(params=["fake", "stripe", pytest.param("adyen", marks=pytest.mark.needs_shared_data)])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Each gateway in turn, with its outside world."""
    with adyen_bench() if request.param == "adyen" else _opened(request.param) as made:
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


@pytest.fixture
def adyen() -> Iterator[AdyenBench]:
    """The Adyen adapter with its double, for what only Adyen has. Its tests need the shared data."""
    with adyen_bench() as made:
        yield made


@contextmanager
def _opened(name: str) -> Iterator[InvoicingBench]:
    if name == "fake":
        yield FakeBench()
    else:
        with stripe_bench() as made:
            yield made
