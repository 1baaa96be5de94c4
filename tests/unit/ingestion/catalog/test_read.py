"""What a valid folder becomes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from ingestion.catalog import read_catalog
from ingestion.catalog.files import FORMATS
from ingestion.catalog.rows import Account, Budget, Commitment, Credit, Discount, Price, PriceTier, Sku, Tax
from warehouse.ticks import EPOCH, FOREVER

if TYPE_CHECKING:
    from conftest import CatalogFolder

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
NEXT_JANUARY = datetime(2027, 1, 1, tzinfo=UTC)


def test_every_cell_of_every_file_becomes_a_typed_value(folder: CatalogFolder) -> None:
    catalog = folder.read()
    assert catalog.accounts[0] == Account(
        account_id="acc-1",
        name="Anna AG",
        currency_code="EUR",
        country_code="DE",
        tax_id="DE123",
        is_tax_exempt=False,
        email="billing@anna.example",
        gateway="stripe",
        payment_terms_days=14,
        legal_name="",
        address="",
        postal_code="",
        city="",
    )
    assert catalog.skus[1] == Sku(
        sku_id="cpu",
        service="Compute",
        name="vCPU",
        metric="compute.vcpu",
        region="",
        unit="vCPU-hour",
        aggregation="time_weighted",
        billed_when="exists",
        divisor=Decimal(1),
    )
    assert catalog.prices[3] == Price(
        price_id="cpu-acc-1",
        sku_id="cpu",
        account_id="acc-1",
        currency_code="EUR",
        model="per_unit",
        unit_price=Decimal("0.01"),
        package_size=Decimal(0),
        valid_from=JANUARY,
        valid_to=datetime(2026, 4, 1, tzinfo=UTC),
    )
    assert catalog.price_tiers[1] == PriceTier(price_id="egress-eur", tier=2, up_to=None, unit_price=Decimal("0.05"), flat_fee=Decimal(10))
    assert catalog.discounts[0] == Discount(
        discount_id="d-1",
        account_id="acc-1",
        scope_type="sku",
        scope_value="cpu",
        percent=Decimal("12.5"),
        valid_from=JANUARY,
        valid_to=NEXT_JANUARY,
    )
    assert catalog.commitments == (
        Commitment(
            commitment_id="c-1",
            account_id="acc-1",
            sku_id="cpu",
            quantity_per_hour=Decimal("3.5"),
            unit_price=Decimal("0.009"),
            currency_code="EUR",
            valid_from=JANUARY,
            valid_to=NEXT_JANUARY,
        ),
    )
    assert catalog.credits[0] == Credit(
        credit_id="k-1",
        account_id="acc-1",
        amount=Decimal("100.5"),
        currency_code="EUR",
        valid_from=datetime(2026, 1, 1, 12, 34, 56, 789_000, tzinfo=UTC),
        valid_to=datetime(2026, 12, 31, tzinfo=UTC),
    )
    assert catalog.taxes[1] == Tax(
        country_code="DE", tax_name="VAT", percent=Decimal(19), valid_from=datetime(2021, 1, 1, tzinfo=UTC), valid_to=FOREVER
    )
    assert catalog.budgets[0] == Budget(
        budget_id="b-1",
        account_id="acc-1",
        scope_type="service",
        scope_value="Compute",
        amount=Decimal(1000),
        currency_code="EUR",
        thresholds=(Decimal(50), Decimal(80), Decimal(100)),
    )


def test_empty_cells_take_their_defaults(folder: CatalogFolder) -> None:
    folder.edit("accounts.csv", 3, name="", is_tax_exempt="", country_code="")
    folder.remove("taxes.csv")
    folder.edit("skus.csv", 2, billed_when="")
    catalog = folder.read()
    account = catalog.accounts[1]
    assert (account.name, account.is_tax_exempt, account.gateway, account.payment_terms_days) == ("acc-2", False, "", 30)
    skus = {sku.sku_id: sku for sku in catalog.skus}
    assert (skus["cpu"].billed_when, skus["cpu"].divisor, skus["egress-eu"].name) == ("running", Decimal(1), "egress-eu")
    assert (catalog.prices[0].valid_from, catalog.prices[0].valid_to) == (EPOCH, FOREVER)
    assert catalog.price_tiers[0].flat_fee == 0
    assert (catalog.budgets[1].scope_type, catalog.budgets[1].thresholds) == ("all", (Decimal(100),))


@pytest.mark.parametrize(("cell", "gateway"), [("stripe", "stripe"), ("adyen", "adyen"), ("bank_transfer", ""), ("", "")])
def test_an_account_that_pays_by_bank_transfer_has_no_gateway(folder: CatalogFolder, cell: str, gateway: str) -> None:
    folder.edit("accounts.csv", 2, gateway=cell)
    assert folder.read().accounts[0].gateway == gateway


def test_only_accounts_skus_and_prices_are_required(folder: CatalogFolder) -> None:
    folder.remove(*(name for name, file_format in FORMATS.items() if not file_format.is_required))
    folder.write("prices.csv", folder.path.joinpath("prices.csv").read_text().splitlines()[0])
    catalog = folder.read()
    assert len(catalog.skus) == 4
    assert catalog.prices == catalog.taxes == catalog.budgets == ()


def test_optional_account_columns_are_read_where_the_header_names_them(folder: CatalogFolder) -> None:
    folder.write(
        "accounts.csv",
        "city,account_id,name,currency_code,country_code,tax_id,is_tax_exempt,email,gateway,payment_terms_days,address\n"
        'Bonn,acc-1,"Anna, AG",EUR,DE,,TRUE,,adyen,0,"Hof 1\r\nHaus ""B"""\n'
        "Reno,acc-2,Bob,USD,US,,false,,bank_transfer,365,\n",
    )
    first = folder.read().accounts[0]
    assert (first.name, first.city, first.address, first.legal_name) == ("Anna, AG", "Bonn", 'Hof 1\nHaus "B"', "")
    assert (first.is_tax_exempt, first.gateway, first.payment_terms_days) == (True, "adyen", 0)


@pytest.mark.parametrize("name", FORMATS)
def test_a_byte_order_mark_windows_line_ends_spaces_and_blank_lines_change_nothing(folder: CatalogFolder, name: str) -> None:
    plain = folder.read()
    path = folder.path / name
    header, *lines = path.read_text().splitlines()
    spaced = [f" {line.replace(',', ' ,	')} " for line in lines]
    path.write_bytes("\r\n".join([header, "", *spaced, "   ", "," * header.count(",")]).encode("utf-8-sig"))
    assert folder.read() == plain


def test_rows_come_in_key_order_whatever_the_order_of_the_files(folder: CatalogFolder) -> None:
    plain = folder.read()
    for name in FORMATS:
        header, *lines = (folder.path / name).read_text().splitlines()
        folder.write(name, "\n".join([header, *reversed(lines)]))
    assert folder.read() == plain
    assert [sku.sku_id for sku in plain.skus] == ["calls", "cpu", "egress", "egress-eu"]


def test_rows_may_refer_to_accounts_that_only_the_control_store_knows(folder: CatalogFolder) -> None:
    folder.append("prices.csv", "cpu-acc-9", "cpu", "acc-9", "JPY", "per_unit", "2", "", "", "")
    folder.append("commitments.csv", "c-9", "acc-9", "cpu", "1", "1.5", "JPY", "2026-01-01", "")
    folder.append("credits.csv", "k-9", "acc-9", "1500", "JPY", "", "")
    folder.append("budgets.csv", "b-9", "acc-9", "project", "prj-1", "9000", "JPY", "")
    folder.append("discounts.csv", "d-9", "acc-9", "all", "", "1", "", "")
    assert len(folder.problems()) == 5
    assert folder.read(acc_9="JPY").credits[-1].amount == 1500


def test_files_that_are_not_csv_and_hidden_files_are_ignored(folder: CatalogFolder) -> None:
    plain = folder.read()
    folder.write("README.md", "our prices")
    folder.write("._prices.csv", "left by a copy")
    assert folder.read() == plain


def test_without_known_accounts_the_folder_stands_alone(folder: CatalogFolder) -> None:
    assert read_catalog(folder.path) == folder.read()


def test_a_price_may_hold_at_both_sides_of_a_change_and_in_several_currencies(folder: CatalogFolder) -> None:
    catalog = folder.read()
    first, second = catalog.prices[1:3]
    assert first.valid_to == second.valid_from


@pytest.mark.parametrize("text", ["50;80;100", "100 ;80; 50", "50|80|100", "50 80 100", "50.0;80;100.00"])
def test_budget_thresholds_may_be_separated_by_semicolons_bars_or_spaces(folder: CatalogFolder, text: str) -> None:
    folder.edit("budgets.csv", 2, thresholds=text)
    assert folder.read().budgets[0].thresholds == (Decimal(50), Decimal(80), Decimal(100))
