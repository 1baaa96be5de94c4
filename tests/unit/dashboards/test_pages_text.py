"""What pages call things, and the file they give away."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from dashboards.costs import described
from dashboards.invoices import CSV_COLUMNS, csv_name, invoice_grid, lines_csv
from dashboards.queries import CostRow, Invoice, InvoiceLine
from dashboards.wording import kind_text, number_text, reason_text, title_text, words

INVOICE = Invoice(
    invoice_id="i-1", invoice_number="MH-000001", kind="invoice", account_id="acc-1", period="2026-02", adjusted_period="", status="issued",
    currency_code="KWD", subtotal_amount=Decimal("10.0000"), credit_amount=Decimal("2.5000"), tax_percent=Decimal("0.000000"),
    tax_amount=Decimal("0.0000"), total_amount=Decimal("7.5000"), paid_amount=Decimal("0.0000"), tax_note="",
    issued_at=datetime(2026, 3, 1, tzinfo=UTC), due_date=date(2026, 3, 31),
)  # fmt: skip
NOTE = replace(INVOICE, kind="credit_note", adjusted_period="2026-01", invoice_number="", status="draft")
LINE = InvoiceLine(
    line_number=1, line_type="usage", sku_id='sku,"1"', price_id="p-1", quantity=Decimal("1234567.500000000000"), unit="hour",
    currency_code="KWD", amount=Decimal("12345.6000"),
)  # fmt: skip
ROW = CostRow(
    breakdown="resource", currency_code="USD", charge_date=date(1970, 1, 1), service="", account_id="acc-1", project_id="", resource_id="",
    is_rest=False, member_count=1, amount_unrounded=Decimal(1),
)  # fmt: skip


def test_a_draft_is_called_draft_where_its_number_would_stand() -> None:
    assert [number_text(INVOICE), number_text(NOTE)] == ["MH-000001", "draft"]
    assert title_text(INVOICE) == "Invoice MH-000001"
    assert title_text(NOTE) == "Credit note for January 2026 (draft)"


def test_a_note_names_the_month_it_corrects() -> None:
    assert kind_text(NOTE) == "Credit note for January 2026"
    assert kind_text(INVOICE) == "Invoice"
    assert words("partially_paid") == "Partially paid"


def test_an_unknown_reason_is_shown_without_an_explanation() -> None:
    assert reason_text("no_price")
    assert reason_text("something_new") == ""


@pytest.mark.parametrize(
    ("breakdown", "expected"),
    [
        ("service", ("(no service)", "")),
        ("account", ("acc-1", "")),
        ("project", ("(no project)", "acc-1")),
        ("resource", ("(unused commitments)", "acc-1")),
    ],
)
def test_an_empty_identifier_is_named_in_words(breakdown: str, expected: tuple[str, str]) -> None:
    assert described(replace(ROW, breakdown=breakdown)) == expected


def test_the_download_holds_each_line_with_plain_exact_numbers() -> None:
    rows = list(csv.DictReader(io.StringIO(lines_csv(INVOICE, [LINE, replace(LINE, line_number=2, amount=Decimal("-0.0010"))]))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert rows[0]["sku_id"] == 'sku,"1"'
    assert [rows[0]["quantity"], rows[0]["amount"], rows[1]["amount"]] == ["1234567.5", "12345.600", "-0.001"]


def test_the_download_of_a_draft_is_named_by_account_and_month() -> None:
    assert csv_name(INVOICE) == "MH-000001-lines.csv"
    assert csv_name(replace(NOTE, account_id="../acc 1")) == "draft-.._acc_1-2026-02-lines.csv"


def test_the_list_shows_our_text_and_sorts_by_the_amount_underneath() -> None:
    yen = replace(INVOICE, currency_code="JPY", total_amount=Decimal("1234.0000"))
    grid = invoice_grid([INVOICE, yen])
    assert grid.data["Total"].tolist() == [Decimal("7.5000"), Decimal("1234.0000")]  # type: ignore[attr-defined]  # missing in pandas-stubs
    page = grid.to_html()
    assert ">7.500</td>" in page
    assert ">1,234</td>" in page
    assert ">-2.500</td>" in page
