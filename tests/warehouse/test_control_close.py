"""Closing a month on a real warehouse and both control stores: once, gapless, all or nothing, and published whole."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from pydantic import SecretStr
from sqlalchemy import select, update

from control.bootstrap import Control, open_control
from control.domain.documents import IssuedInvoice, Kind
from control.domain.status import InvoiceStatus
from control.services.accounts import upsert_accounts, upsert_budgets, upsert_credits
from control.services.close import close_period
from control.services.lifecycle import suspend
from control.services.payment_methods import save_card
from control.services.publish import publish
from control.services.push import push
from control.services.refund import refund_invoice
from control.services.show import list_invoices, show_invoice
from control.services.verify import verify_hashes, verify_ledger, verify_numbers
from control.store.tables import closed_periods, credits_
from tests.conftest import fresh_databases
from tests.contract.fake_gateway import PAYS, FakeGateway
from tests.control_bench.builders import AS_OF, NOW, a_budget, a_credit, a_credit_note, a_draft, an_account, usd
from tests.control_bench.drafts import clear_drafts, create_invoicing, put_drafts
from tests.control_bench.stores import control_settings, emptied_postgresql, fresh_sqlite, postgresql_server
from warehouse.client import connect
from warehouse.errors import InputError, RefusedError
from warehouse.settings import LAYERS, Settings


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    with postgresql_server() as url:
        yield url


@pytest.fixture(scope="module")
def databases(server: Settings) -> Iterator[Settings]:
    """Databases with the tables of drafts, for one test after the other: making them costs more than closing a month."""
    with fresh_databases(server) as own:
        with contextlib.closing(connect(own)) as client:
            create_invoicing(client, own)
        yield own


@pytest.fixture
def settings(databases: Settings) -> Settings:
    """The databases, with every table emptied."""
    with contextlib.closing(connect(databases)) as client:
        for layer in LAYERS:
            client.command(f"TRUNCATE ALL TABLES FROM {databases.database(layer)}")
    return databases


@pytest.fixture(params=["sqlite", "postgresql"])
def control(request: pytest.FixtureRequest, settings: Settings, client: Client, tmp_path: Path) -> Iterator[Control]:
    url = fresh_sqlite(tmp_path) if request.param == "sqlite" else emptied_postgresql(request.getfixturevalue("postgresql"))
    gateway = FakeGateway()
    own = settings.model_copy(update={"control_url": SecretStr(url)})
    with open_control(own, control_settings(), gateways=lambda _: gateway) as control:
        upsert_accounts(control, [an_account(f"acc-{number}") for number in (1, 2, 3)])
        yield control


def close(control: Control, client: Client, settings: Settings, period: str = "2026-01", **values: Any) -> list[IssuedInvoice]:  # noqa: ANN401 - as_of or now
    return close_period(control, client, settings, period, **({"as_of": AS_OF, "now": NOW} | values))


def rows(client: Client, settings: Settings, table: str, *columns: str) -> list[tuple[Any, ...]]:
    names = ", ".join(columns)
    return list(map(tuple, client.query(f"SELECT {names} FROM {settings.database('raw')}.{table} FINAL ORDER BY {names}").result_rows))


def counts(client: Client, settings: Settings) -> dict[str, int]:
    tables = ("invoices", "invoice_lines", "credit_uses", "closed_taxes", "closed_periods")
    return {name: len(rows(client, settings, f"control_{name}", "revision")) for name in tables}


def test_a_close_issues_every_draft_of_the_month_in_a_fixed_order_without_gaps(
    control: Control, client: Client, settings: Settings
) -> None:
    put_drafts(client, settings, a_draft("acc-2"), a_draft("acc-1"), a_credit_note("acc-1"), a_draft("acc-3", period="2026-02"))
    issued = close(control, client, settings)
    assert [(invoice.invoice_number, invoice.content.account_id, invoice.content.kind) for invoice in issued] == [
        ("INV-000001", "acc-1", Kind.CREDIT_NOTE),
        ("INV-000002", "acc-1", Kind.INVOICE),
        ("INV-000003", "acc-2", Kind.INVOICE),
    ]
    assert {invoice.status for invoice in issued} == {InvoiceStatus.ISSUED}
    assert (issued[0].issued_at, issued[0].due_date) == (NOW, date(2026, 2, 17))
    assert close(control, client, settings, "2026-02", as_of=AS_OF + timedelta(days=60))[0].invoice_number == "INV-000004"
    assert (verify_numbers(control), verify_ledger(control), verify_hashes(control)) == ([], [], [])


def test_what_was_issued_is_what_the_draft_said_to_the_last_digit(control: Control, client: Client, settings: Settings) -> None:
    upsert_credits(control, [a_credit(amount="50.00")])
    draft = a_draft(amounts=(10**30 + 1, -7, 25), uses=[("credit-1", 1234)], percent="19.5")
    quantity = Decimal("123456789012345678901234567890123456.123456789012")
    exact = replace(draft, lines=(replace(draft.lines[0], quantity=quantity), *draft.lines[1:]))
    put_drafts(client, settings, exact)
    (issued,) = close(control, client, settings)
    assert issued.content == exact
    assert show_invoice(control, "INV-000001") == issued
    assert list_invoices(control, "2026-01") == [issued]


def test_closing_again_changes_nothing_and_returns_the_same(control: Control, client: Client, settings: Settings) -> None:
    put_drafts(client, settings, a_draft("acc-1"), a_draft("acc-2"))
    first = close(control, client, settings)
    before = counts(client, settings)
    clear_drafts(client, settings)
    put_drafts(client, settings, a_draft("acc-1", amounts=(1,)), a_draft("acc-3"))
    assert close(control, client, settings, now=NOW + timedelta(days=9), as_of=AS_OF + timedelta(days=9)) == first
    assert counts(client, settings) == before
    assert publish(control, client, settings) == dict.fromkeys(publish(control, client, settings), 0)


def test_a_month_without_drafts_closes_empty(control: Control, client: Client, settings: Settings) -> None:
    assert close(control, client, settings) == []
    assert rows(client, settings, "control_closed_periods", "period", "as_of") == [("2026-01", AS_OF)]


def test_the_warehouse_holds_what_was_issued(control: Control, client: Client, settings: Settings) -> None:
    upsert_credits(control, [a_credit(amount="50.00", valid_to=datetime(2026, 6, 1, tzinfo=UTC)), a_credit("credit-2", "1.00")])
    upsert_budgets(control, [a_budget(thresholds=(Decimal(50), Decimal("99.5")))])
    put_drafts(client, settings, a_draft(amounts=(10_000, 5), uses=[("credit-1", 1234)], percent="19"))
    (issued,) = close(control, client, settings)
    assert rows(
        client, settings, "control_invoices", "invoice_number", "status", "subtotal_amount", "credit_amount", "tax_percent", "tax_amount",
        "total_amount", "paid_amount", "issued_at", "due_date", "content_hash", "seller_tax_id", "buyer_name",
    ) == [(
        "INV-000001", "issued", Decimal("100.05"), Decimal("12.34"), Decimal(19), Decimal("16.66"), Decimal("104.37"), Decimal(0),
        NOW, date(2026, 2, 17), issued.content_hash, "DE123456788", "Name of acc-1",
    )]  # fmt: skip
    line = ("line_number", "account_id", "period", "kind", "sku_id", "quantity", "unit", "amount")
    assert rows(client, settings, "control_invoice_lines", *line) == [
        (1, "acc-1", "2026-01", "invoice", "sku-1", Decimal("2.5"), "gib_hour", Decimal(100)),
        (2, "acc-1", "2026-01", "invoice", "sku-2", Decimal("2.5"), "gib_hour", Decimal("0.05")),
    ]
    assert rows(client, settings, "control_credit_uses", "invoice_id", "credit_id", "use_order", "amount") == [
        (issued.invoice_id, "credit-1", 1, Decimal("12.34"))
    ]
    assert rows(client, settings, "control_credits", "credit_id", "amount", "valid_from", "valid_to") == [
        ("credit-1", Decimal(50), datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)),
        ("credit-2", Decimal(1), datetime(1970, 1, 1, tzinfo=UTC), datetime(2299, 12, 31, tzinfo=UTC)),
    ]
    assert rows(client, settings, "control_budgets", "budget_id", "amount", "thresholds") == [
        ("budget-1", Decimal(10), [Decimal("50.00"), Decimal("99.50")])
    ]
    assert [row[:2] for row in rows(client, settings, "control_accounts", "account_id", "is_tax_exempt")] == [
        (f"acc-{number}", False) for number in (1, 2, 3)
    ]


def test_a_payment_moves_the_published_status_and_only_changed_rows_are_sent(control: Control, client: Client, settings: Settings) -> None:
    save_card(control, "acc-1", PAYS)
    put_drafts(client, settings, a_draft("acc-1"), a_draft("acc-2"))
    close(control, client, settings)
    push(control, now=NOW)
    sent = publish(control, client, settings)
    assert {table: count for table, count in sent.items() if count} == {"control_invoices": 1, "control_payments": 1, "control_journal": 2}
    assert rows(client, settings, "control_invoices", "account_id", "status", "paid_amount") == [
        ("acc-1", "paid", Decimal(100)),
        ("acc-2", "issued", Decimal(0)),
    ]
    assert rows(client, settings, "control_payments", "account_id", "status", "charged_amount", "balance_amount") == [
        ("acc-1", "paid", Decimal(100), Decimal(0))
    ]


def test_accounts_refunds_and_the_ledger_reach_the_warehouse(control: Control, client: Client, settings: Settings) -> None:
    client.command(
        f"INSERT INTO {settings.database('raw')}.catalog_skus (catalog_version, sku_id, service)"
        " VALUES (1, 'sku-1', 'compute'), (2, 'sku-2', 'storage'), (2, 'sku-1', 'gpu')"
    )
    save_card(control, "acc-1", PAYS)
    put_drafts(client, settings, a_draft("acc-1", amounts=(10_000, 2_500), percent="19"))
    close(control, client, settings)
    push(control, now=NOW)
    refund_invoice(control, "INV-000001", amount=usd(1_190), reason="goodwill", actor="ada", now=NOW)
    suspend(control, "acc-2", reason="abuse", actor="ada", now=NOW)
    publish(control, client, settings)
    raw = settings.database("raw")
    found = client.query(
        f"SELECT ledger_account, detail, sum(amount) FROM {raw}.control_journal FINAL GROUP BY ALL HAVING sum(amount) != 0 ORDER BY ALL"
    ).result_rows
    assert [tuple(row) for row in found] == [
        ("cash", "fake", Decimal("136.85")),
        ("revenue", "gpu", Decimal(-92)),
        ("revenue", "storage", Decimal(-23)),
        ("tax_payable", "", Decimal("-21.85")),
    ]
    assert rows(client, settings, "control_refunds", "account_id", "amount", "status", "reason") == [
        ("acc-1", Decimal("11.90"), "succeeded", "goodwill")
    ]
    assert rows(client, settings, "control_billing_accounts", "account_id", "state", "changes") == [
        ("acc-1", "active", 1), ("acc-2", "suspended", 2), ("acc-3", "active", 1),
    ]  # fmt: skip
    assert ("acc-2", 2, "active", "suspended", "abuse", "ada") in rows(
        client, settings, "control_account_changes", "account_id", "number", "from_state", "to_state", "reason", "actor"
    )


def test_a_wiped_warehouse_gets_everything_again(control: Control, client: Client, settings: Settings) -> None:
    put_drafts(client, settings, a_draft("acc-1"), a_draft("acc-2"))
    close(control, client, settings)
    before = counts(client, settings)
    for table in ("accounts", "credits", "budgets", *before):
        client.command(f"TRUNCATE TABLE {settings.database('raw')}.control_{table}")
    publish(control, client, settings)
    assert counts(client, settings) == before
    assert len(rows(client, settings, "control_accounts", "account_id")) == 3


def test_publishing_resumes_within_a_table_after_a_crash(
    control: Control, client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control.services.publish.CHUNK_ROWS", 2)
    put_drafts(client, settings, *(a_draft(f"acc-{number}", amounts=(100, 200, 300)) for number in (1, 2, 3)))
    real, calls = client.raw_insert, 0

    def dies_midway(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - stands for raw_insert
        nonlocal calls
        calls += 1
        if calls == 5:
            raise ConnectionError("power cut")
        return real(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(client, "raw_insert", dies_midway)
        with pytest.raises(ConnectionError):
            close(control, client, settings)
    assert counts(client, settings)["closed_periods"] == 0
    assert len(close(control, client, settings)) == 3
    assert counts(client, settings) == {"invoices": 3, "invoice_lines": 9, "credit_uses": 0, "closed_taxes": 3, "closed_periods": 1}


def test_a_warehouse_of_another_control_store_is_refused(control: Control, client: Client, settings: Settings) -> None:
    row = {"account_id": "x", "revision": 10_000}
    client.raw_insert(f"{settings.database('raw')}.control_accounts", insert_block=json.dumps(row).encode(), fmt="JSONEachRow")
    with pytest.raises(RefusedError, match="belongs to another or later control store"):
        publish(control, client, settings)


def test_the_month_must_be_over_at_the_as_of(control: Control, client: Client, settings: Settings) -> None:
    with pytest.raises(RefusedError, match="2026-01 ends after the as-of 2026-01-31T23:59:59Z"):
        close(control, client, settings, as_of=datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC))
    assert close(control, client, settings, as_of=datetime(2026, 2, 1, tzinfo=UTC)) == []
    with pytest.raises(InputError, match="such as 2026-01"):
        close(control, client, settings, "January")


def test_an_earlier_month_with_drafts_must_be_closed_first(control: Control, client: Client, settings: Settings) -> None:
    put_drafts(client, settings, a_draft(period="2025-11"), a_draft(period="2026-01"))
    with pytest.raises(RefusedError, match="2025-11 has drafts and is not closed; close it before 2026-01"):
        close(control, client, settings)
    close(control, client, settings, "2025-11")
    assert len(close(control, client, settings)) == 1


@pytest.mark.parametrize(
    ("draft", "complaint"),
    [
        (a_draft("acc-2", subtotal=usd(10_001)), "its lines add up to 100.00 USD"),
        (a_draft("acc-2", total=usd(1)), "its total is 0.01 USD"),
        (a_draft("acc-2", tax=usd(1), total=usd(10_001)), "its tax is 0.01 USD"),
        (a_draft("acc-2", credit=usd(1), total=usd(9_999)), "its credit uses add up to 0.00 USD"),
        (a_draft("acc-2", lines=()), "no lines"),
        (a_draft("acc-9"), "names account 'acc-9', which the control store does not know"),
        (a_draft("acc-2", currency="EUR"), "is in EUR, its account acc-2 in USD"),
        (a_draft("acc-2", uses=[("credit-9", 1)]), "uses credit 'credit-9', which the control store does not know"),
        (a_draft("acc-2", uses=[("credit-1", 1)]), "uses credit credit-1, which is of account acc-1 in USD"),
        (a_draft("acc-1", uses=[("credit-1", 1001)], period="2026-01"), "credit credit-1 of 10.00 USD would have 10.01 USD used"),
    ],
)
def test_one_unfit_draft_freezes_nothing(control: Control, client: Client, settings: Settings, draft: Any, complaint: str) -> None:  # noqa: ANN401 - a Draft
    upsert_credits(control, [a_credit(amount="10.00")])
    put_drafts(client, settings, a_draft("acc-3"), draft)
    with pytest.raises(RefusedError, match="2026-01 is not closed") as caught:
        close(control, client, settings)
    assert complaint in str(caught.value)
    assert list_invoices(control, "2026-01") == []
    with control.store.reading() as connection:
        assert connection.execute(select(closed_periods)).all() == []
        assert connection.execute(select(credits_.c.used_minor)).scalars().all() == [0]
    assert set(counts(client, settings).values()) == {0}


def test_an_amount_finer_than_the_currency_is_refused(control: Control, client: Client, settings: Settings) -> None:
    put_drafts(client, settings, a_draft())
    client.command(f"ALTER TABLE {settings.database('invoicing')}.invoice_lines UPDATE amount = 99.999 WHERE 1 SETTINGS mutations_sync = 2")
    with pytest.raises(RefusedError, match="more decimals than USD"):
        close(control, client, settings)


def test_a_long_list_of_complaints_is_cut_and_counted(control: Control, client: Client, settings: Settings) -> None:
    put_drafts(client, settings, *(a_draft(f"stranger-{number}") for number in range(9)))
    with pytest.raises(RefusedError, match="and 4 more"):
        close(control, client, settings)


def test_credits_are_spent_down_and_given_back_over_months(control: Control, client: Client, settings: Settings) -> None:
    upsert_credits(control, [a_credit(amount="10.00")])

    def used() -> int:
        with control.store.reading() as connection:
            value: int = connection.execute(select(credits_.c.used_minor)).scalar_one()
            return value

    put_drafts(client, settings, a_draft(period="2026-01", uses=[("credit-1", 700)]))
    close(control, client, settings)
    assert used() == 700
    late = AS_OF + timedelta(days=90)
    back = a_draft(amounts=(-500,), uses=[("credit-1", -500)], kind=Kind.CREDIT_NOTE, adjusted_period="2026-01", period="2026-02")
    put_drafts(client, settings, back, a_draft(period="2026-02", uses=[("credit-1", 800)]))
    close(control, client, settings, "2026-02", as_of=late)
    assert used() == 1000
    put_drafts(client, settings, a_draft(period="2026-03", uses=[("credit-1", 1)]))
    with pytest.raises(RefusedError, match=r"would have 10\.01 USD used"):
        close(control, client, settings, "2026-03", as_of=late)
    assert used() == 1000


def test_the_tax_of_every_account_is_frozen_with_the_month(control: Control, client: Client, settings: Settings) -> None:
    raw, ops = settings.database("raw"), settings.database("ops")
    ever, last_hour, never = "1970-01-01 00:00:00", "2026-01-31 23:00:00", "2299-12-31 00:00:00"
    rates = [
        (1, "old", "99", ever, last_hour),
        (1, "vat", "19", last_hour, never),
        (1, "city", "0.5", ever, never),
        (2, "vat", "25", ever, never),
    ]
    names = ("catalog_version", "tax_name", "percent", "valid_from", "valid_to")
    taxes = [{"country_code": "DE", **dict(zip(names, rate, strict=True))} for rate in rates]
    client.raw_insert(f"{raw}.catalog_taxes", insert_block="\n".join(map(json.dumps, taxes)).encode(), fmt="JSONEachRow")
    ticks = [
        {"tick_id": 1, "status": "committed", "catalog_version": 1, "seller_country": "DE"},
        {"tick_id": 2, "status": "started", "catalog_version": 2},
    ]
    client.raw_insert(f"{ops}.ticks", insert_block="\n".join(map(json.dumps, ticks)).encode(), fmt="JSONEachRow")
    upsert_accounts(
        control,
        [
            an_account("acc-2", is_tax_exempt=True, tax_id="FR1", country_code="FR"),
            an_account("acc-3", is_tax_exempt=True, tax_id="DE1"),
            an_account("acc-4"),
        ],
    )
    put_drafts(client, settings, a_draft("acc-4", percent="7"))
    close(control, client, settings)
    assert rows(client, settings, "control_closed_taxes", "account_id", "period", "tax_percent", "tax_note") == [
        ("acc-1", "2026-01", Decimal("19.5"), ""),
        ("acc-2", "2026-01", Decimal(0), "reverse_charge"),
        ("acc-3", "2026-01", Decimal(0), ""),
        ("acc-4", "2026-01", Decimal(7), ""),
    ]


def test_each_legal_entity_has_its_own_series_and_an_unnamed_one_hands_its_series_on(
    control: Control, client: Client, settings: Settings
) -> None:
    late = AS_OF + timedelta(days=200)

    def number(period: str, **seller: str) -> str:
        own = replace(control, settings=control_settings(seller_tax_id="", **seller))
        put_drafts(client, settings, a_draft(period=period))
        return close_period(own, client, settings, period, as_of=late, now=NOW)[0].invoice_number

    assert number("2026-01", seller_legal_name="") == "INV-000001"
    assert number("2026-02", seller_legal_name="Cloud AG") == "INV-000002"
    assert number("2026-03", seller_legal_name="Cloud Ltd") == "INV2-000001"
    assert number("2026-04", seller_legal_name="Cloud AG", seller_city="Bonn") == "INV-000003"
    assert number("2026-05", seller_legal_name="Cloud Inc", invoice_prefix="US") == "US-000001"
    assert (verify_numbers(control), verify_hashes(control)) == ([], [])


def test_closes_at_once_issue_once(control: Control, client: Client, settings: Settings) -> None:
    upsert_credits(control, [a_credit(amount="10.00")])
    put_drafts(client, settings, a_draft("acc-1", uses=[("credit-1", 1000)]), a_draft("acc-2"))
    results: list[list[IssuedInvoice]] = []
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        results.append(close(control, client, settings))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(result == results[0] for result in results)
    assert [invoice.invoice_number for invoice in results[0]] == ["INV-000001", "INV-000002"]
    assert counts(client, settings)["invoices"] == 2
    with control.store.reading() as connection:
        assert connection.execute(select(credits_.c.used_minor)).scalar_one() == 1000


def test_an_account_that_changes_after_the_close_changes_no_document(control: Control, client: Client, settings: Settings) -> None:
    put_drafts(client, settings, a_draft())
    (issued,) = close(control, client, settings)
    upsert_accounts(control, [an_account("acc-1", legal_name="Renamed GmbH", payment_terms_days=60)])
    control.store.transact(lambda connection: connection.execute(update(credits_).values(used_minor=0)))
    assert show_invoice(control, issued.invoice_number) == issued
    assert verify_hashes(control) == []
