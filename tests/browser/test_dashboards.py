"""The dashboards as a person sees them: real warehouse, real analyst, real browser.

Pages are reached by the navigation: on a direct call of a page Streamlit first probes for its server below the page's path,
which the browser writes down as an error.
"""

from __future__ import annotations

import contextlib
import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from dashboards.formatting import exact_text, rounded_text
from tests.browser.conftest import PAGE_MILLISECONDS, Site
from warehouse.client import connect

pytestmark = pytest.mark.needs_chromium

ROW_HEIGHT = 35  # pixels of a row of Streamlit's grid, its head included

expect.set_options(timeout=PAGE_MILLISECONDS)


def totals(site: Site, where: str) -> dict[str, Decimal]:
    """Currency → exact cost, by SQL that is not the dashboards'."""
    with contextlib.closing(connect(site.settings, user="analyst")) as client:
        rows = client.query(f"SELECT currency_code, sum(amount_unrounded) FROM rating.charges_daily WHERE {where} GROUP BY currency_code")
        return dict(rows.result_rows)


def expect_totals(page: Page, expected: dict[str, Decimal]) -> None:
    """The cards of the cost page hold these amounts, and no other currency has a card."""
    ordered = sorted(expected.items())
    values = [f"{rounded_text(total, currency_code)} {currency_code}" for currency_code, total in ordered]
    # Lists, because a page that is being redrawn holds old and new cards at once; a list is awaited as a whole.
    expect(page.get_by_test_id("stMetricValue")).to_have_text(values)
    expect(page.locator("[class*=st-key-total_]")).to_contain_text([f"exactly {exact_text(total)}" for _, total in ordered])


def open_cost(page: Page, site: Site) -> None:
    page.goto(site.url)
    expect(page.get_by_role("heading", name="From cost to invoices")).to_be_visible()


def open_invoices(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.get_by_role("link", name="Invoices").click()
    expect(lines(page)).to_be_visible()


def choose(page: Page, filter_name: str, value: str) -> None:
    """Pick a value in a filter, as by typing it."""
    page.get_by_role("combobox", name=filter_name).click()
    page.keyboard.type(value)
    page.get_by_role("option", name=value, exact=True).first.click()
    page.keyboard.press("Escape")


def lines(page: Page) -> Locator:
    return page.get_by_role("table", name="Lines of the invoice")


def select_row(page: Page, number: int) -> None:
    """Tick a row of the list, counted from 1."""
    canvas = page.get_by_test_id("data-grid-canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + ROW_HEIGHT / 2, box["y"] + ROW_HEIGHT * (number + 0.5))


def expect_rows(table: Locator, *rows: str) -> None:
    """The rows of a table's body and foot, their cells parted by a space; waits until they are so."""
    expect(table.locator("tbody tr, tfoot tr")).to_have_text(list(rows), use_inner_text=True)


def test_the_cost_page_shows_the_totals_that_sql_gives(page: Page, site: Site) -> None:
    open_cost(page, site)
    expect_totals(page, totals(site, "charge_date >= '2026-02-01'"))
    expect_rows(page.get_by_role("table", name="Cost by service in EUR"), "Compute 28.32 78.0 %", "Network 8.00 22.0 %")


def test_the_chart_has_a_bar_for_each_day_and_service_and_names_its_unit(page: Page, site: Site) -> None:
    open_cost(page, site)
    chart = page.get_by_test_id("stVegaLiteChart")
    expect(chart.locator("path[aria-roledescription=bar]")).to_have_count(10 * 2)
    expect(chart).to_contain_text("Cost (EUR)")
    expect(chart).to_contain_text("Day of February 2026 (UTC)")
    expect(chart).to_contain_text("Network")


def test_choosing_another_month_shows_that_month(page: Page, site: Site) -> None:
    open_cost(page, site)
    choose(page, "Month", "January 2026")
    expect(page.get_by_test_id("stMetricLabel").first).to_have_text("Month in EUR")
    expect_totals(page, totals(site, "charge_date < '2026-02-01'"))
    expect(page.get_by_text("Usage without a price")).to_have_count(0)


def test_filters_narrow_the_page_and_stand_in_its_address(page: Page, site: Site) -> None:
    open_cost(page, site)
    choose(page, "Accounts", "acc-boston")
    expect_totals(page, totals(site, "charge_date >= '2026-02-01' AND account_id = 'acc-boston'"))
    choose(page, "Services", "Compute")
    expect_totals(page, totals(site, "charge_date >= '2026-02-01' AND account_id = 'acc-boston' AND service = 'Compute'"))
    expect(page.get_by_text("For whole accounts")).to_be_visible()
    page.reload()
    expect_totals(page, totals(site, "charge_date >= '2026-02-01' AND account_id = 'acc-boston' AND service = 'Compute'"))


def test_choosing_a_currency_breaks_that_one_down(page: Page, site: Site) -> None:
    open_cost(page, site)
    page.get_by_role("radio", name="USD").click()
    expect_rows(
        page.get_by_role("table", name="Cost by resource in USD"),
        "vm-102 acc-boston / ml 538.92 86.4 %",
        "vm-101 acc-boston / web 60.80 9.7 %",
        "vm-103 acc-boston / web 19.20 3.1 %",
        "bucket-7 acc-boston / data 3.29 0.5 %",
        "(unused commitments) acc-boston 1.44 0.2 %",
    )


def test_cost_equals_invoice_lines_in_every_currency(page: Page, site: Site) -> None:
    open_cost(page, site)
    expect_rows(
        page.get_by_role("table", name="From cost to invoices"),
        "EUR 36.3199875 0.0000125 36.32 0.00 0.00 0.00 6.90 43.22",
        "JPY 2,485.5 0.5 2,486 0 0 0 249 2,735",
        "USD 623.646396 0.003604 623.65 0.00 0.00 -25.00 0.00 598.65",
    )
    expect(page.get_by_text("equals the lines of its invoices")).to_be_visible()


def test_usage_without_a_price_is_announced_with_its_reasons(page: Page, site: Site) -> None:
    open_cost(page, site)
    warning = page.get_by_test_id("stAlert").filter(has_text="Usage without a price")
    expect(warning).to_contain_text("5 resource-hours")
    expect(warning).to_contain_text("3 resource-hours no_price: no price is valid")
    expect(warning).to_contain_text("2 resource-hours unknown_metric: no SKU of the catalog has the metric")


def test_selecting_an_invoice_shows_its_lines_and_totals(page: Page, site: Site) -> None:
    open_invoices(page, site)
    select_row(page, 4)
    expect(page.locator(".mh-facts")).to_contain_text("acc-tokyo")
    expect_rows(
        lines(page),
        "1 storage Usage storage-jpy 50,000 gib_hour 206",
        "2 vcpu Usage vcpu-jpy 480 vcpu_hour 2,280",
        "Subtotal of 2 lines 2,486",
        "Credits 0",
        "Tax 10 % 249",
        "Total 2,735",
    )
    select_row(page, 2)
    expect(page.get_by_role("heading", name="Credit note for January 2026 (draft)")).to_be_visible()
    expect_rows(
        lines(page),
        "1 egress Adjustment egress-eur -37.5 gib -0.80",
        "Subtotal of 1 line -0.80",
        "Credits 0.00",
        "Tax 19 % -0.15",
        "Total -0.95",
    )


def test_money_stands_on_the_right(page: Page, site: Site) -> None:
    open_invoices(page, site)
    cells = lines(page).locator("td:last-child")
    edges = {round(box["x"] + box["width"]) for cell in cells.all() if (box := cell.bounding_box())}
    assert len(edges) == 1
    assert cells.first.evaluate("cell => getComputedStyle(cell).textAlign") == "right"


def test_the_lines_download_as_exact_csv(page: Page, site: Site) -> None:
    open_invoices(page, site)
    choose(page, "Months", "January 2026")
    choose(page, "Status", "Paid")
    expect(page.get_by_role("heading", name="Invoice MH-000002")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Lines as CSV").click()
    assert download.value.suggested_filename == "MH-000002-lines.csv"
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert [(row["sku_id"], row["quantity"], row["amount"]) for row in rows] == [
        ("vcpu", "2976", "59.52"),
        ("gpu-h100", "480", "1077.84"),
        ("storage", "372000", "10.19"),
        ("vcpu", "5952", "188.48"),
    ]
    assert sum(Decimal(row["amount"]) for row in rows) == Decimal("1336.03")


def test_the_data_quality_page_accounts_for_every_line(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.get_by_role("link", name="Data quality").click()
    cells = page.get_by_role("table", name="Where every line ended").locator("td:last-child")
    expect(cells).to_have_text(["159,980", "22", "1", "5", "2", "160,010"])
    expect(page.get_by_text("In every batch the buckets add up to the lines read.")).to_be_visible()


def test_an_empty_warehouse_is_a_clear_message_on_every_page(page: Page, empty_site: Site) -> None:
    page.goto(empty_site.url)
    for link, words in (
        ("Cost", "Nothing is built yet: load events with meterhouse ingest"),
        ("Invoices", "Nothing is built yet"),
        ("Data quality", "Nothing has been loaded yet"),
    ):
        page.get_by_role("link", name=link).click()
        expect(page.get_by_role("heading", name=link)).to_be_visible()
        expect(page.get_by_test_id("stAlert")).to_contain_text(words)
        expect(page.get_by_text("Traceback")).to_have_count(0)
        expect(page.get_by_test_id("stException")).to_have_count(0)
