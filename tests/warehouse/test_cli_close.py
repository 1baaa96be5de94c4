"""Closing and pushing from the command line, on a home of its own: issued once, charged once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from pypdf import PdfReader

from control.bootstrap import open_control
from control.documents.einvoice import Syntax, problems_of
from control.services.payment_methods import save_card
from control.settings import ControlSettings
from control.testing.stripe_server import StripeServer
from tests.command_line import Home, fingerprints
from tests.conftest import make_settings

PERIOD = "2026-01"
SELLER = {
    "METERHOUSE_SELLER_LEGAL_NAME": "Cloud AG",
    "METERHOUSE_SELLER_ADDRESS": "Hauptstrasse 1",
    "METERHOUSE_SELLER_COUNTRY": "DE",
    "METERHOUSE_SELLER_TAX_ID": "DE136695976",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with a month of events, a gateway that knows no card, and a server that keeps running."""
    folder: Path = tmp_path_factory.mktemp("close")
    with StripeServer() as gateway:
        settings = {"STRIPE_API_KEY": "sk_test_local", "STRIPE_API_BASE": gateway.url, "METERHOUSE_NOW": "2026-02-03T00:00:00Z"}
        home = Home(folder / "home", settings | SELLER)
        try:
            home.rows("warehouse", "start")
            (generated,) = home.rows("generate", "--events", "2000", "--seed", "3", "--accounts", "2", "--out", str(folder / "cloud"))
            home.rows("catalog", "apply", generated["catalog"])
            home.rows("ingest", generated["events"])
            yield home
        finally:
            home.call("down")


def save_cards(home: Home, account_ids: list[str]) -> None:
    """As the gateway's own form in the customer's browser would."""
    control_settings = ControlSettings(
        _env_file=None, stripe_api_key=SecretStr(home.settings["STRIPE_API_KEY"]), stripe_api_base=home.settings["STRIPE_API_BASE"]
    )
    with open_control(make_settings(home=home.path), control_settings) as control:
        for account_id in account_ids:
            save_card(control, account_id, "pm_card_visa")


def test_a_month_is_issued_once_charged_once_and_stays_as_it_is(home: Home) -> None:
    issued = home.rows("close", PERIOD)
    assert [row["invoice_number"] for row in issued] == ["INV-000001", "INV-000002"]
    assert {row["status"] for row in issued} == {"issued"}
    tables = fingerprints(home)

    assert home.rows("close", PERIOD) == issued
    assert fingerprints(home) == tables
    assert home.rows("invoice", "list", PERIOD) == issued
    (shown,) = home.rows("invoice", "show", "INV-000001")
    assert shown["invoice_id"] == issued[0]["invoice_id"]

    assert "2 documents were not sent, INV-000001 first: set STRIPE_API_KEY" in Home(home.path).refusal("push", PERIOD)
    skipped = home.rows("push", PERIOD)
    assert [row["result"] for row in skipped] == ["skipped", "skipped"], "no card was saved, and each outcome says so"
    assert {row["status"] for row in home.rows("invoice", "list", PERIOD)} == {"issued"}

    save_cards(home, [row["account_id"] for row in issued])
    pushed = home.rows("push", PERIOD)
    assert [row["result"] for row in pushed] == ["paid", "paid"]
    paid = home.rows("invoice", "list", PERIOD)
    assert [row["paid_amount"] for row in paid] == [row["total_amount"] for row in issued]
    assert home.rows("push") == [], "what is paid is not sent again"
    assert home.rows("invoice", "list", PERIOD) == paid


def test_an_issued_document_is_written_as_pdf_and_as_e_invoice(home: Home, tmp_path: Path) -> None:
    file, e_invoice = tmp_path / "invoice.pdf", tmp_path / "invoice.xml"
    (written,) = home.rows("invoice", "pdf", "INV-000001", "--out", str(file))
    assert (written["e_invoice"], written["message"]) == ("factur-x", "")
    page = "".join(page.extract_text() for page in PdfReader(file).pages)
    assert "Usage · " in page, "a line has its SKU's name, and the id beneath"
    (written,) = home.rows("invoice", "xml", "INV-000001", "--out", str(e_invoice), "--syntax", "ubl")
    assert written["bytes"] == e_invoice.stat().st_size
    assert problems_of(e_invoice.read_bytes(), Syntax.UBL) == []


def test_a_backup_brings_all_of_it_to_another_home(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "meterhouse.zip"
    (written,) = home.rows("backup", str(file))
    assert written["created_at"] == home.settings["METERHOUSE_NOW"]
    assert file.stat().st_mode & 0o777 == 0o600
    tables, invoices = fingerprints(home), home.rows("invoice", "list", PERIOD)
    assert "a backup is never overwritten" in home.refusal("backup", str(file))
    assert "restore into an empty home" in home.refusal("restore", str(file))

    copy = Home(tmp_path / "home", home.settings)
    try:
        copy.rows("warehouse", "start")
        broken = bytearray(file.read_bytes())
        broken[len(broken) // 2] ^= 1
        (tmp_path / "damaged.zip").write_bytes(broken)
        assert "nothing was restored" in copy.refusal("restore", str(tmp_path / "damaged.zip"))
        (tmp_path / "cut.zip").write_bytes(file.read_bytes()[:-1000])
        assert "nothing was restored" in copy.refusal("restore", str(tmp_path / "cut.zip"))

        assert copy.rows("restore", str(file)) == [written]
        assert "restore into an empty home" in copy.refusal("restore", str(file))
        assert fingerprints(copy) == tables
        copy.rows("run")
        assert fingerprints(copy) == tables
        assert copy.rows("invoice", "list", PERIOD) == invoices
        assert copy.rows("push") == [], "what is paid stays paid"
    finally:
        copy.call("down")
