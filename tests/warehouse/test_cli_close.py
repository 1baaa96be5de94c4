"""Closing and pushing from the command line, on a home of its own: issued once, charged once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from control.testing.stripe_server import StripeServer
from tests.command_line import Home, fingerprints

PERIOD = "2026-01"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with a month of events, a gateway that knows no card, and a server that keeps running."""
    folder: Path = tmp_path_factory.mktemp("close")
    with StripeServer() as gateway:
        settings = {"STRIPE_API_KEY": "sk_test_local", "STRIPE_API_BASE": gateway.url, "METERHOUSE_NOW": "2026-02-03T00:00:00Z"}
        home = Home(folder / "home", settings)
        home.rows("warehouse", "start")
        (generated,) = home.rows("generate", "--events", "2000", "--seed", "3", "--accounts", "2", "--out", str(folder / "cloud"))
        home.rows("catalog", "apply", generated["catalog"])
        home.rows("ingest", generated["events"])
        yield home
        home.call("down")


def test_a_month_is_closed_once_and_stays_as_it_was_issued(home: Home) -> None:
    issued = home.rows("close", PERIOD)
    assert [row["invoice_number"] for row in issued] == ["INV-000001", "INV-000002"]
    assert {row["status"] for row in issued} == {"issued"}
    tables = fingerprints(home)

    assert home.rows("close", PERIOD) == issued
    assert fingerprints(home) == tables
    assert home.rows("invoice", "list", PERIOD) == issued
    (shown,) = home.rows("invoice", "show", "INV-000001")
    assert shown["invoice_id"] == issued[0]["invoice_id"]

    pushed = home.rows("push", PERIOD)
    assert [row["result"] for row in pushed] == ["refused", "refused"], "no card was saved, and each outcome says so"
    assert all("card" in row["message"] for row in pushed)
    assert {row["status"] for row in home.rows("invoice", "list", PERIOD)} == {"issued"}
