"""Whole pages drawn in this process on the real engine: what they say when there is something, nothing, or no warehouse."""

from __future__ import annotations

import pytest
import streamlit as st
from clickhouse_connect.driver.client import Client
from streamlit.testing.v1 import AppTest

from tests.warehouse.dashboards import public_tables
from warehouse.settings import Settings, load_settings

PAGES = ("costs", "invoices", "data_quality")


def drawn(page: str) -> AppTest:
    """A page, drawn once; no page may raise."""
    app = AppTest.from_string(
        f"from dashboards import {page}\nfrom dashboards.reading import explained_errors\nwith explained_errors():\n    {page}.render()\n",
        default_timeout=60,
    ).run()
    assert not app.exception
    return app


def html(app: AppTest) -> str:
    """All tables of a page."""
    return "\n".join(element.proto.body for element in app.get("html"))


def messages(app: AppTest) -> str:
    """All boxes of a page: what is missing or wrong."""
    return "\n".join(box.value for box in (*app.info, *app.warning, *app.error, *app.success))


@pytest.mark.usefixtures("example_pages")
def test_the_cost_page_shows_currencies_side_by_side_with_their_exact_totals() -> None:
    app = drawn("costs")
    assert [(metric.label, metric.value) for metric in app.metric] == [
        ("Month to date in EUR", "36.32 EUR"),
        ("Month to date in JPY", "2,486 JPY"),
        ("Month to date in USD", "623.65 USD"),
    ]
    captions = "\n".join(caption.value for caption in app.caption)
    for exact in ("exactly 36.3199875", "exactly 2,485.5", "exactly 623.646396"):
        assert exact in captions
    assert "drafts so far: 598.65 USD" in captions
    assert "equals the lines" in messages(app)


@pytest.mark.usefixtures("example_pages")
def test_the_cost_page_warns_of_usage_without_a_price() -> None:
    app = drawn("costs")
    (warning,) = app.warning
    assert "5 resource-hours" in warning.value
    assert "**3 resource-hours** `no_price`" in warning.value
    assert "**2 resource-hours** `unknown_metric`" in warning.value
    app.selectbox(key="month").select("2026-01").run()
    assert not app.warning


@pytest.mark.usefixtures("example_pages")
def test_choosing_a_currency_breaks_that_one_down() -> None:
    app = drawn("costs")
    assert "Cost by service in EUR" in html(app)
    app.segmented_control(key="currency").set_value("JPY").run()
    assert "Cost by service in JPY" in html(app)
    assert "Cost by service in EUR" not in html(app)


@pytest.mark.usefixtures("example_pages")
def test_a_filter_by_service_leaves_the_invoices_whole_and_says_so() -> None:
    app = drawn("costs")
    app.multiselect(key="service").select("Storage").run()
    captions = "\n".join(caption.value for caption in app.caption)
    assert [metric.value for metric in app.metric] == ["206 JPY", "3.29 USD"]
    assert "drafts so far" not in captions
    assert "For whole accounts" in captions


@pytest.mark.usefixtures("pages", "filled")
def test_cost_and_lines_that_differ_are_an_error_and_while_a_tick_is_open_a_warning(client: Client, settings: Settings) -> None:
    client.command(
        f"ALTER TABLE {settings.database('invoicing')}.invoice_lines DELETE WHERE invoice_id = 'i-7' SETTINGS mutations_sync = 1"
    )
    app = drawn("costs")
    assert "Cost and invoice lines differ in JPY" in app.error[0].value
    public_tables.add_tick(client, settings, tick_id=8, status="started", recorded_at=public_tables.AS_OF)
    st.cache_data.clear()
    app = drawn("costs")
    assert not app.error
    assert "run 8 started" in messages(app)


@pytest.mark.usefixtures("example_pages")
def test_the_invoice_page_shows_lines_and_totals_in_the_decimals_of_the_currency() -> None:
    app = drawn("invoices")
    app.multiselect(key="account").select("acc-tokyo").run()
    page = html(app)
    assert "Invoice (draft)" in page
    for text in ("vcpu-jpy", ">2,280<", ">206<", "Subtotal of 2 lines", ">2,486<", "Tax 10 %", ">249<", ">2,735<"):
        assert text in page
    assert ".00<" not in page


@pytest.mark.usefixtures("example_pages")
def test_the_data_quality_page_accounts_for_every_line() -> None:
    app = drawn("data_quality")
    page = html(app)
    assert ">160,010<" in page
    assert "unknown_type" in page
    assert "no_price: no price is valid" in page
    assert "add up to the lines read" in messages(app)


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize(
    ("page", "words"),
    [("costs", "Nothing is built yet"), ("invoices", "Nothing is built yet"), ("data_quality", "Nothing has been loaded")],
)
def test_missing_tables_are_explained(page: str, words: str) -> None:
    assert words in messages(drawn(page))


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize(
    ("page", "words"),
    [("costs", "There are no charges yet"), ("invoices", "There are no invoices yet"), ("data_quality", "Nothing has been loaded")],
)
def test_empty_tables_are_explained(client: Client, settings: Settings, page: str, words: str) -> None:
    public_tables.create(client, settings)
    assert words in messages(drawn(page))


@pytest.mark.parametrize("page", PAGES)
def test_a_warehouse_that_is_down_is_one_sentence(example_pages: Settings, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    monkeypatch.setenv("METERHOUSE_CLICKHOUSE_URL", "http://127.0.0.1:9")
    load_settings.cache_clear()
    (error,) = drawn(page).error
    assert error.value.startswith("The warehouse at http://127.0.0.1:9 ")
    assert "\n" not in error.value
    assert example_pages.analyst_password.get_secret_value() not in error.value


@pytest.mark.usefixtures("example_pages")
@pytest.mark.parametrize("page", PAGES)
def test_a_server_without_an_analyst_is_one_sentence(monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    monkeypatch.delenv("METERHOUSE_ANALYST_USER")
    load_settings.cache_clear()
    (error,) = drawn(page).error
    assert error.value.startswith("The dashboards are not configured: set METERHOUSE_ANALYST_USER")


@pytest.mark.usefixtures("example_pages")
def test_an_embedded_warehouse_that_does_not_run_says_how_to_start_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METERHOUSE_CLICKHOUSE_URL")
    load_settings.cache_clear()
    (error,) = drawn("costs").error
    assert error.value == "The warehouse is not running; start it with `meterhouse warehouse start`."


@pytest.mark.usefixtures("pages", "filled")
def test_what_a_page_read_is_kept_for_a_moment(client: Client, settings: Settings) -> None:
    assert drawn("costs").metric
    client.command(f"TRUNCATE TABLE {settings.database('rating')}.charges_daily")
    assert drawn("costs").metric
    st.cache_data.clear()
    assert not drawn("costs").metric


def test_an_analyst_without_grants_is_told_which(example: Settings, example_pages: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METERHOUSE_CLICKHOUSE_URL")
    monkeypatch.setenv("METERHOUSE_HOME", str(example.home))
    load_settings.cache_clear()
    (error,) = drawn("costs").error
    assert error.value.startswith("The analyst may not read the public tables; grant it SELECT")
