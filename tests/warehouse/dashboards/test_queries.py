"""The dashboards' SQL on the real engine, held against amounts worked out by hand (public_tables.py)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal, localcontext

import pytest
from clickhouse_connect.driver.client import Client

from dashboards import queries
from dashboards.formatting import EXACT
from dashboards.queries import TOP_ROWS, CostFilter, CostReport, InvoiceFilter
from tests.warehouse.dashboards import public_tables
from warehouse.settings import Settings

JANUARY, FEBRUARY = CostFilter(period="2026-01"), CostFilter(period="2026-02")

BREAKDOWNS = ("day", "service", "project", "account", "resource")


def added(report: CostReport, breakdown: str, currency_code: str) -> Decimal:
    """Sum of a breakdown, exact."""
    with localcontext(EXACT):
        return sum((row.amount_unrounded for row in report.of(breakdown, currency_code)), Decimal(0))


def test_totals_are_exact_and_one_for_each_currency(reader: Client, example: Settings) -> None:
    totals = queries.cost_report(reader, example, JANUARY).totals
    assert totals == {"EUR": Decimal("109.39196625"), "JPY": Decimal("7705.05"), "USD": Decimal("1336.0278276")}
    assert list(totals) == ["EUR", "JPY", "USD"]


def test_every_breakdown_adds_up_to_the_total_of_its_currency(reader: Client, example: Settings) -> None:
    for cost_filter in (JANUARY, FEBRUARY):
        report = queries.cost_report(reader, example, cost_filter)
        for currency_code, total in report.totals.items():
            assert {breakdown: added(report, breakdown, currency_code) for breakdown in BREAKDOWNS} == dict.fromkeys(BREAKDOWNS, total)


def test_breakdowns_name_what_they_divide_by_the_most_expensive_first(reader: Client, example: Settings) -> None:
    report = queries.cost_report(reader, example, JANUARY)
    assert [(row.service, row.amount_unrounded) for row in report.of("service", "USD")] == [
        ("GPU", Decimal("1077.84")),
        ("Compute", Decimal("247.996032")),
        ("Storage", Decimal("10.1917956")),
    ]
    assert [(row.account_id, row.project_id) for row in report.of("project", "EUR")] == [("acc-berlin", "shop"), ("acc-berlin", "")]
    assert [row.resource_id for row in report.of("resource", "USD")] == ["vm-102", "vm-101", "vm-103", "bucket-7"]
    days = report.of("day", "JPY")
    assert {row.charge_date for row in days} == {date(2026, 1, day) for day in range(1, 32)}
    assert {(row.service, row.amount_unrounded) for row in days} == {("Compute", Decimal(228)), ("Storage", Decimal("20.55"))}


@pytest.mark.parametrize(
    ("cost_filter", "totals"),
    [
        (CostFilter(period="2026-01", accounts=("acc-tokyo",)), {"JPY": Decimal("7705.05")}),
        (CostFilter(period="2026-01", services=("Storage",)), {"JPY": Decimal("637.05"), "USD": Decimal("10.1917956")}),
        (CostFilter(period="2026-02", projects=("",)), {"EUR": Decimal("7.9999875"), "USD": Decimal("1.44")}),
        (
            CostFilter(period="2026-01", accounts=("acc-tokyo", "acc-berlin"), services=("Compute",)),
            {"EUR": Decimal("87.792"), "JPY": Decimal(7068)},
        ),
        (CostFilter(period="2026-01", accounts=("' OR 1 = 1 --",)), {}),
        (CostFilter(period="2025-12"), {}),
    ],
)
def test_filters_narrow_all_of_the_report(reader: Client, example: Settings, cost_filter: CostFilter, totals: dict[str, Decimal]) -> None:
    report = queries.cost_report(reader, example, cost_filter)
    assert report.totals == totals
    for currency_code, total in totals.items():
        assert added(report, "resource", currency_code) == total


def test_a_filter_offers_what_has_cost_in_the_month(reader: Client, example: Settings) -> None:
    values = queries.filter_values(reader, example, "2026-02")
    assert values.accounts == ("acc-berlin", "acc-boston", "acc-tokyo")
    assert values.services == ("Compute", "GPU", "Network", "Storage")
    assert values.projects == ("", "data", "game", "ml", "shop", "web")
    assert queries.charged_periods(reader, example) == ["2026-02", "2026-01"]


def test_rows_below_the_top_become_one_row_and_nothing_is_lost(client: Client, settings: Settings) -> None:
    public_tables.create(client, settings)
    shape = "account_id, project_id, resource_id, service, charge_date, currency_code, amount_unrounded"
    client.command(
        f"INSERT INTO {settings.database('rating')}.charges_daily ({shape})"
        " SELECT 'acc', concat('p', toString(number)), concat('r', toString(number)), 'Compute', '2026-01-01', 'EUR',"
        " toDecimal256(toString(number), 32) + toDecimal256('0.00000000000000000000000000000001', 32) FROM numbers(100)"
    )
    report = queries.cost_report(client, settings, JANUARY)
    for breakdown in ("project", "resource"):
        rows = report.of(breakdown, "EUR")
        assert [row.is_rest for row in rows] == [False] * TOP_ROWS + [True]
        assert rows[-1].member_count == 100 - TOP_ROWS
        assert rows[0].project_id == "p99"
        assert added(report, breakdown, "EUR") == report.totals["EUR"] == Decimal("4950.00000000000000000000000000000100")


def test_cost_of_a_month_rounded_by_line_equals_the_lines_of_its_invoices_and_notes(reader: Client, example: Settings) -> None:
    rows = {row.currency_code: row for row in queries.reconciliation(reader, example, period="2026-01")}
    assert [row.difference_amount for row in rows.values()] == [0, 0, 0]
    berlin = rows["EUR"]
    assert (berlin.issued_amount, berlin.draft_amount, berlin.document_count) == (Decimal("110.19"), Decimal("-0.80"), 2)
    assert (berlin.tax_amount, berlin.total_amount) == (Decimal("20.79"), Decimal("130.18"))
    assert rows["USD"].credit_amount == 100
    assert rows["JPY"].rounding_amount_unrounded == Decimal("-0.05")


@pytest.mark.usefixtures("filled")
def test_a_line_that_is_a_cent_off_shows_as_a_difference(client: Client, settings: Settings) -> None:
    client.command(
        f"ALTER TABLE {settings.database('invoicing')}.invoice_lines UPDATE amount = amount + 0.01"
        " WHERE invoice_id = 'i-6' AND sku_id = 'storage' SETTINGS mutations_sync = 1"
    )
    rows = queries.reconciliation(client, settings, period="2026-02")
    assert {row.currency_code: row.difference_amount for row in rows} == {"EUR": 0, "JPY": 0, "USD": Decimal("0.01")}
    assert [row.currency_code for row in queries.reconciliation(client, settings, period="2026-02", accounts=("acc-tokyo",))] == ["JPY"]


@pytest.mark.usefixtures("filled")
def test_refund_notes_are_outside_the_identity_of_cost_and_lines(client: Client, settings: Settings) -> None:
    invoicing = settings.database("invoicing")
    client.command(
        f"INSERT INTO {invoicing}.invoices (invoice_id, kind, account_id, period, adjusted_period, status, currency_code, total_amount)"
        " VALUES ('i-8', 'refund_note', 'acc-boston', '2026-02', '2026-01', 'issued', 'USD', -10)"
    )
    client.command(
        f"INSERT INTO {invoicing}.invoice_lines (invoice_id, line_number, kind, currency_code, amount)"
        " VALUES ('i-8', 1, 'refund_note', 'USD', -10)"
    )
    rows = {row.currency_code: row for row in queries.reconciliation(client, settings, period="2026-01")}
    assert rows["USD"].difference_amount == 0
    assert rows["USD"].total_amount == Decimal("1236.03")


def test_unrated_usage_is_counted_by_reason_within_month_account_and_project(reader: Client, example: Settings) -> None:
    reasons = queries.unrated_reasons(reader, example, FEBRUARY)
    assert [(reason.reason_code, reason.row_count, reason.resource_count, list(reason.metrics)) for reason in reasons] == [
        ("no_price", 3, 1, ["compute.gpu_h100"]),
        ("unknown_metric", 2, 1, ["gpu.fabric_gib"]),
    ]
    only = CostFilter(period="2026-02", accounts=("acc-boston",), projects=("ml",))
    assert [reason.reason_code for reason in queries.unrated_reasons(reader, example, only)] == ["unknown_metric"]
    assert queries.unrated_reasons(reader, example, JANUARY) == []
    assert len(queries.all_unrated_reasons(reader, example)) == 2


def test_invoices_come_newest_month_first_and_notes_after_the_invoice(reader: Client, example: Settings) -> None:
    listed = [invoice.invoice_id for invoice in queries.invoices(reader, example, InvoiceFilter())]
    assert listed == ["i-4", "i-5", "i-6", "i-7", "i-1", "i-2", "i-3"]
    paid = queries.invoices(reader, example, InvoiceFilter(periods=("2026-01",), statuses=("paid", "issued"), accounts=("acc-boston",)))
    assert [(invoice.invoice_number, invoice.total_amount) for invoice in paid] == [("MH-000002", Decimal("1236.03"))]
    assert queries.invoiced_periods(reader, example) == ["2026-02", "2026-01"]
    assert queries.invoiced_accounts(reader, example) == ["acc-berlin", "acc-boston", "acc-tokyo"]


def test_lines_of_an_invoice_add_up_to_its_subtotal(reader: Client, example: Settings) -> None:
    for invoice in queries.invoices(reader, example, InvoiceFilter()):
        lines = queries.invoice_lines(reader, example, invoice.invoice_id)
        assert [line.line_number for line in lines] == list(range(1, len(lines) + 1))
        assert sum(line.amount for line in lines) == invoice.subtotal_amount
        assert invoice.subtotal_amount - invoice.credit_amount + invoice.tax_amount == invoice.total_amount


def test_totals_of_invoices_keep_currencies_and_states_apart(reader: Client, example: Settings) -> None:
    rows = {row.currency_code: row for row in queries.invoice_totals(reader, example, InvoiceFilter())}
    berlin = rows["EUR"]
    assert (berlin.document_count, berlin.draft_amount, berlin.issued_amount) == (3, Decimal("42.27"), Decimal("131.13"))
    assert (berlin.paid_amount, berlin.open_amount) == (Decimal(50), Decimal("81.13"))
    assert rows["USD"].open_amount == 0


@pytest.mark.usefixtures("filled")
def test_an_attempt_without_a_commit_is_an_open_tick(client: Client, settings: Settings) -> None:
    state = queries.pipeline_state(client, settings)
    assert (state.committed_tick_id, state.as_of, state.is_tick_open) == (7, public_tables.AS_OF, False)
    public_tables.add_tick(client, settings, tick_id=8, status="started", recorded_at=datetime(2026, 2, 11, 1, tzinfo=UTC))
    state = queries.pipeline_state(client, settings)
    assert (state.committed_tick_id, state.last_tick_id, state.is_tick_open) == (7, 8, True)


def test_every_line_of_input_is_in_one_bucket(reader: Client, example: Settings) -> None:
    accounting = queries.event_accounting(reader, example)
    assert (accounting.batch_count, accounting.lines, accounting.unbalanced_batch_count) == (2, 160_010, 0)
    assert accounting.lines == (accounting.blank + accounting.accepted + accounting.duplicates + accounting.conflicts + accounting.rejected)
    reasons = queries.rejected_reasons(reader, example)
    assert [(reason.reason_code, reason.line_count) for reason in reasons] == [
        ("unknown_type", 3),
        ("invalid_json", 1),
        ("invalid_quantity", 1),
    ]
    assert sum(reason.line_count for reason in reasons) == accounting.rejected
    assert [batch.batch_id for batch in queries.latest_batches(reader, example, limit=1)] == ["b-2"]


def test_a_batch_that_lost_a_line_is_counted_as_unbalanced(client: Client, settings: Settings) -> None:
    client.command(f"INSERT INTO {settings.database('ops')}.batches (batch_seq, batch_id, lines, rows_accepted) VALUES (1, 'b', 2, 1)")
    assert queries.event_accounting(client, settings).unbalanced_batch_count == 1
