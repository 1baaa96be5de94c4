"""Applying a catalog on the real engine: all or nothing, exactly, and nothing where nothing changed."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from ingestion.catalog import Catalog, CatalogVersion, apply_catalog, current_catalog_version
from ingestion.catalog.catalog import WAREHOUSE_TABLES
from ingestion.catalog.rows import Account, Budget, Commitment, Credit, Discount, Price, PriceTier, Sku, Tax
from warehouse.errors import WarehouseError
from warehouse.settings import Settings
from warehouse.ticks import EPOCH, FOREVER

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
FINEST = Decimal("0.000000000001")
LARGEST_PRICE = Decimal("999999999999999.999999999999")
LARGEST_QUANTITY = Decimal(10**18)
FULLEST_QUANTITY = Decimal("999999999999999999.999999999999")

CATALOG = Catalog(
    accounts=(
        Account(
            account_id="acc-1",
            name="Anna",
            currency_code="EUR",
            country_code="DE",
            tax_id="",
            is_tax_exempt=False,
            email="",
            gateway="stripe",
            payment_terms_days=30,
            legal_name="",
            address="",
            postal_code="",
            city="",
        ),
    ),
    skus=(
        Sku(
            sku_id="cpu",
            service="Compute",
            name="vCPU",
            metric="compute.vcpu",
            region="",
            unit="vCPU-hour",
            aggregation="time_weighted",
            billed_when="running",
            divisor=Decimal("0.000000001"),
        ),
        Sku(
            sku_id="egress",
            service="Réseau",
            name="出口",
            metric="net.bytes",
            region="eu",
            unit="GiB",
            aggregation="sum",
            billed_when="running",
            divisor=LARGEST_QUANTITY,
        ),
    ),
    prices=(
        Price(
            price_id="p-1",
            sku_id="cpu",
            account_id="",
            currency_code="EUR",
            model="per_unit",
            unit_price=LARGEST_PRICE,
            package_size=Decimal(0),
            valid_from=EPOCH,
            valid_to=FOREVER,
        ),
        Price(
            price_id="p-2",
            sku_id="egress",
            account_id="acc-1",
            currency_code="EUR",
            model="package",
            unit_price=FINEST,
            package_size=FULLEST_QUANTITY,
            valid_from=JANUARY,
            valid_to=datetime(2026, 2, 1, 13, tzinfo=UTC),
        ),
        Price(
            price_id="p-3",
            sku_id="egress",
            account_id="",
            currency_code="EUR",
            model="graduated",
            unit_price=Decimal(0),
            package_size=Decimal(0),
            valid_from=EPOCH,
            valid_to=FOREVER,
        ),
    ),
    price_tiers=(
        PriceTier(price_id="p-3", tier=1, up_to=FINEST, unit_price=LARGEST_PRICE, flat_fee=LARGEST_PRICE),
        PriceTier(price_id="p-3", tier=2, up_to=LARGEST_QUANTITY, unit_price=FINEST, flat_fee=FINEST),
        PriceTier(price_id="p-3", tier=3, up_to=None, unit_price=Decimal(0), flat_fee=Decimal(0)),
    ),
    discounts=(
        Discount(
            discount_id="d-1",
            account_id="",
            scope_type="all",
            scope_value="",
            percent=Decimal("99.999999"),
            valid_from=JANUARY,
            valid_to=FOREVER,
        ),
    ),
    commitments=(
        Commitment(
            commitment_id="c-1",
            account_id="acc-1",
            sku_id="cpu",
            quantity_per_hour=LARGEST_QUANTITY,
            unit_price=FINEST,
            currency_code="EUR",
            valid_from=JANUARY,
            valid_to=FOREVER,
        ),
    ),
    credits=(Credit(credit_id="k-1", account_id="acc-1", amount=Decimal(1), currency_code="EUR", valid_from=EPOCH, valid_to=FOREVER),),
    taxes=(
        Tax(country_code="DE", tax_name="VAT", percent=Decimal("0.000001"), valid_from=EPOCH, valid_to=JANUARY),
        Tax(country_code="DE", tax_name="VAT", percent=Decimal(100), valid_from=JANUARY, valid_to=FOREVER),
    ),
    budgets=(
        Budget(
            budget_id="b-1",
            account_id="acc-1",
            scope_type="all",
            scope_value="",
            amount=Decimal(1),
            currency_code="EUR",
            thresholds=(Decimal(100),),
        ),
    ),
)
DEARER = replace(CATALOG, prices=(replace(CATALOG.prices[0], unit_price=Decimal(2)), *CATALOG.prices[1:]))


def stored(client: Client, settings: Settings, table: str, version: int) -> list[tuple[Any, ...]]:
    """The rows of one version, without the version, in key order."""
    columns = ", ".join(field.name for field in fields(getattr(CATALOG, table)[0]))
    # The columns of a row begin with its key, and the rows of a catalog are in key order.
    query = f"SELECT {columns} FROM {settings.database('raw')}.catalog_{table} WHERE catalog_version = {version} ORDER BY 1, 2"
    return client.query(f"{query}, valid_from" if table == "taxes" else query).result_rows


def contents(client: Client, settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that raw holds of catalogs."""
    raw = settings.database("raw")
    tables = [f"catalog_{table}" for table in WAREHOUSE_TABLES] + ["catalog_versions"]
    return {table: client.query(f"SELECT * FROM {raw}.{table} ORDER BY ALL").result_rows for table in tables}


def test_before_the_first_apply_the_version_is_zero(client: Client, settings: Settings) -> None:
    assert current_catalog_version(client, settings) == 0


def test_every_digit_and_instant_comes_back_as_it_was(client: Client, settings: Settings) -> None:
    assert apply_catalog(client, settings, CATALOG) == CatalogVersion(1, changed=True)
    for table in WAREHOUSE_TABLES:
        expected = [
            tuple(Decimal(0) if (value := getattr(row, field.name)) is None else value for field in fields(row))
            for row in getattr(CATALOG, table)
        ]
        assert stored(client, settings, table, 1) == expected
    tiers = client.query(f"SELECT tier, is_last FROM {settings.database('raw')}.catalog_price_tiers ORDER BY tier").result_rows
    assert tiers == [(1, False), (2, False), (3, True)]


def test_what_the_warehouse_multiplies_is_what_was_written(client: Client, settings: Settings) -> None:
    apply_catalog(client, settings, CATALOG)
    raw = settings.database("raw")
    rows = client.query(
        f"SELECT toString(max(unit_price)), toString(min(unit_price)), (SELECT toString(max(up_to)) FROM {raw}.catalog_price_tiers) "
        f"FROM {raw}.catalog_prices WHERE unit_price > 0"
    ).result_rows
    assert rows == [("999999999999999.999999999999", "0.000000000001", "1000000000000000000")]


def test_applying_equal_content_again_changes_nothing(client: Client, settings: Settings) -> None:
    apply_catalog(client, settings, CATALOG)
    before = contents(client, settings)
    renamed = replace(CATALOG, accounts=(replace(CATALOG.accounts[0], name="Anna AG"),), credits=(), budgets=())
    assert apply_catalog(client, settings, CATALOG) == CatalogVersion(1, changed=False)
    assert apply_catalog(client, settings, renamed) == CatalogVersion(1, changed=False)
    assert contents(client, settings) == before


def test_each_change_is_a_version_of_its_own_and_going_back_is_one_too(client: Client, settings: Settings) -> None:
    versions = [apply_catalog(client, settings, catalog).version for catalog in (CATALOG, DEARER, CATALOG)]
    assert versions == [1, 2, 3]
    assert current_catalog_version(client, settings) == 3
    assert stored(client, settings, "prices", 1) == stored(client, settings, "prices", 3) != stored(client, settings, "prices", 2)
    hashes = client.query(f"SELECT content_hash FROM {settings.database('raw')}.catalog_versions ORDER BY catalog_version").result_rows
    assert hashes == [(CATALOG.content_hash,), (DEARER.content_hash,), (CATALOG.content_hash,)]


def test_an_empty_catalog_takes_everything_away(client: Client, settings: Settings) -> None:
    assert apply_catalog(client, settings, Catalog()).version == 1
    apply_catalog(client, settings, CATALOG)
    assert apply_catalog(client, settings, Catalog()) == CatalogVersion(3, changed=True)
    assert stored(client, settings, "skus", 3) == []


class Crash(Exception):
    """The process dies here."""


@pytest.mark.parametrize("survived", range(len(WAREHOUSE_TABLES) + 1))
def test_a_crash_after_any_insert_leaves_the_old_version_and_the_next_apply_is_clean(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    apply_catalog(client, settings, CATALOG)
    insert, calls = client.insert, []

    def dying_insert(*arguments: Any, **named: Any) -> object:  # noqa: ANN401 - passes on whatever insert takes
        if len(calls) == survived:
            raise Crash
        calls.append(arguments)
        return insert(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(client, "insert", dying_insert)
        with pytest.raises(Crash):
            apply_catalog(client, settings, DEARER)
    assert current_catalog_version(client, settings) == 1
    # Another catalog than the one that crashed, smaller: nothing of the leftovers may shine through.
    smaller = replace(DEARER, discounts=(), taxes=DEARER.taxes[:1], prices=DEARER.prices[:2], price_tiers=())
    assert apply_catalog(client, settings, smaller) == CatalogVersion(2, changed=True)
    for table in WAREHOUSE_TABLES:
        assert len(stored(client, settings, table, 2)) == len(getattr(smaller, table))
        assert len(stored(client, settings, table, 1)) == len(getattr(CATALOG, table))
    assert stored(client, settings, "prices", 2)[0][5] == 2


def test_rows_written_twice_by_a_repeated_request_are_not_committed(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = client.insert

    def doubled_insert(table: str, *arguments: Any, **named: Any) -> object:  # noqa: ANN401 - passes on whatever insert takes
        if table.endswith("catalog_taxes"):
            insert(table, *arguments, **named)
        return insert(table, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(client, "insert", doubled_insert)
        with pytest.raises(WarehouseError, match=r"catalog version 1 was not written completely .* apply it again"):
            apply_catalog(client, settings, CATALOG)
    assert current_catalog_version(client, settings) == 0
    assert apply_catalog(client, settings, CATALOG).version == 1
    assert len(stored(client, settings, "taxes", 1)) == 2


def test_a_catalog_of_thousands_of_prices_is_one_version(client: Client, settings: Settings) -> None:
    many = tuple(replace(CATALOG.prices[0], price_id=f"p-{number:05d}", account_id=f"acc-{number}") for number in range(20_000))
    apply_catalog(client, settings, replace(CATALOG, prices=many))
    assert len(stored(client, settings, "prices", 1)) == 20_000
