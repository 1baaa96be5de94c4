"""The invoice page: the documents of each month, drafts included, and the lines of one of them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboards import queries, tables
from dashboards.formatting import amount_text, count_text, exact_text, money_text, negated, percent_text, period_text, plain_text
from dashboards.queries import LISTED_INVOICES, Invoice, InvoiceFilter, InvoiceLine, InvoiceTotals
from dashboards.reading import analyst, cached
from dashboards.wording import kind_text, number_text, title_text, words
from warehouse.currencies import minor_units
from warehouse.settings import Settings, load_settings

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

STATUSES = ("draft", "issued", "partially_paid", "paid", "uncollectible")

# Lines drawn on the page; a longer invoice is read in the download, which has them all.
SHOWN_LINES = 500

# Rows of the list that are seen at once; it scrolls.
_LIST_ROWS = 10
_LIST_ROW_HEIGHT = 35  # pixels, Streamlit's own

CSV_COLUMNS = (
    "invoice_number", "invoice_id", "account_id", "period", "kind", "adjusted_period", "status",
    "line_number", "line_type", "sku_id", "price_id", "quantity", "unit", "currency_code", "amount",
)  # fmt: skip

_MONEY = ("Subtotal", "Credits", "Tax", "Total")


@cached
def _choices(settings: Settings) -> tuple[list[str], list[str]]:
    with analyst(settings) as client:
        return queries.invoiced_periods(client, settings), queries.invoiced_accounts(client, settings)


@cached
def _invoices(settings: Settings, invoice_filter: InvoiceFilter) -> tuple[list[Invoice], list[InvoiceTotals]]:
    with analyst(settings) as client:
        return queries.invoices(client, settings, invoice_filter), queries.invoice_totals(client, settings, invoice_filter)


@cached
def _lines(settings: Settings, invoice_id: str) -> list[InvoiceLine]:
    with analyst(settings) as client:
        return queries.invoice_lines(client, settings, invoice_id)


def render() -> None:
    """Draw the page."""
    settings = load_settings()
    st.title("Invoices")
    periods, accounts = _choices(settings)
    if not periods:
        st.info(
            "There are no invoices yet: `meterhouse run` drafts them, `meterhouse close` issues those of a month.",
            icon=":material/hourglass_empty:",
        )
        return
    invoices, totals = _invoices(settings, _ask_filter(periods, accounts))
    if not invoices:
        st.info("No invoice matches this selection.", icon=":material/filter_alt:")
        return
    with st.container(border=True):
        st.subheader("Totals")
        st.html(tables.table("Totals of the invoices", _TOTALS_COLUMNS, [_totals_row(row) for row in totals]))
    invoice = _choose(invoices, count=sum(row.document_count for row in totals))
    _show(invoice, _lines(settings, invoice.invoice_id))


def lines_csv(invoice: Invoice, lines: Sequence[InvoiceLine]) -> str:
    """All lines with the columns of invoicing.invoice_lines; amounts without groups, in the decimals of the currency."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    decimals = minor_units(invoice.currency_code)
    for line in lines:
        quantity, amount = plain_text(line.quantity), plain_text(line.amount, least_decimals=decimals)
        writer.writerow((
            invoice.invoice_number, invoice.invoice_id, invoice.account_id, invoice.period, invoice.kind, invoice.adjusted_period,
            invoice.status, line.line_number, line.line_type, line.sku_id, line.price_id, quantity, line.unit, line.currency_code, amount,
        ))  # fmt: skip
    return output.getvalue()


def csv_name(invoice: Invoice) -> str:
    """A file name for the lines: the number, or account and month of a draft; only letters, digits, dots, dashes and `_`."""
    name = invoice.invoice_number or f"draft-{invoice.account_id}-{invoice.period}"
    return f"{re.sub(r'[^A-Za-z0-9.-]', '_', name)}-lines.csv"


def _ask_filter(periods: Sequence[str], accounts: Sequence[str]) -> InvoiceFilter:
    month, status, account = st.columns([1.2, 1.2, 1.6])
    chosen = month.multiselect(
        "Months",
        periods,
        default=periods[:1],
        format_func=period_text,
        placeholder="All months",
        key="period",
        bind="query-params",
    )
    statuses = status.multiselect("Status", STATUSES, format_func=words, placeholder="Any status", key="status", bind="query-params")
    # An account that is not offered can be typed: a large cloud has more than a list should hold.
    names = account.multiselect(
        "Accounts", accounts, placeholder="All accounts", accept_new_options=True, key="account", bind="query-params"
    )
    return InvoiceFilter(periods=tuple(sorted(chosen)), statuses=tuple(sorted(statuses)), accounts=tuple(sorted(names)))


_TOTALS_COLUMNS = (
    tables.Column(title="Currency"),
    tables.Column(title="Documents", is_number=True),
    tables.Column(title="In drafts", is_number=True),
    tables.Column(title="Issued", is_number=True),
    tables.Column(title="Paid", is_number=True),
    tables.Column(title="Open", is_number=True),
)


def _totals_row(row: InvoiceTotals) -> list[str]:
    amounts = (row.draft_amount, row.issued_amount, row.paid_amount, row.open_amount)
    return [row.currency_code, f"{row.document_count:,}", *(amount_text(amount, row.currency_code) for amount in amounts)]


def _choose(invoices: Sequence[Invoice], *, count: int) -> Invoice:
    """The list; the row that is selected in it, the first where none is."""
    note = f"; the first {LISTED_INVOICES:,} are listed" if count > len(invoices) else ""
    st.subheader("Documents")
    st.caption(f"{count_text(count, 'document')}{note}. Select one to see its lines.")
    state = st.dataframe(
        invoice_grid(invoices),
        hide_index=True,
        height=_LIST_ROW_HEIGHT * (min(len(invoices), _LIST_ROWS) + 1) + 2,
        row_height=_LIST_ROW_HEIGHT,
        on_select="rerun",
        selection_mode="single-row-required",
        key=f"list_{hash(tuple(invoice.invoice_id for invoice in invoices))}",  # a selection is a row number: it must not outlive its list
        column_config={name: st.column_config.Column(alignment="right") for name in _MONEY},
    )
    selected = state.selection.rows
    return invoices[selected[0]] if selected and selected[0] < len(invoices) else invoices[0]


def invoice_grid(invoices: Sequence[Invoice]) -> Styler:
    """The list for Streamlit's grid: amounts stay Decimals underneath, so that a column sorts by value; the text on top is ours."""
    frame = pd.DataFrame(
        {
            "Number": [number_text(invoice) for invoice in invoices],
            "Month": [invoice.period for invoice in invoices],
            "Account": [invoice.account_id for invoice in invoices],
            "Document": [kind_text(invoice) for invoice in invoices],
            "Status": [words(invoice.status) for invoice in invoices],
            "Currency": [invoice.currency_code for invoice in invoices],
            "Subtotal": [invoice.subtotal_amount for invoice in invoices],
            "Credits": [negated(invoice.credit_amount) for invoice in invoices],
            "Tax": [invoice.tax_amount for invoice in invoices],
            "Total": [invoice.total_amount for invoice in invoices],
        }
    )
    styler = frame.style
    for code in sorted(set(frame["Currency"])):

        def text(amount: object, code: str = code) -> str:
            return amount_text(amount, code)  # type: ignore[arg-type]  # the column holds Decimals only

        styler = styler.format(dict.fromkeys(_MONEY, text), subset=(frame["Currency"] == code, list(_MONEY)))
    return styler


def _show(invoice: Invoice, lines: Sequence[InvoiceLine]) -> None:
    with st.container(border=True, key="document"):
        title, download = st.columns([3, 1], vertical_alignment="center")
        title.html(tables.heading(title_text(invoice)))
        download.download_button(
            "Lines as CSV",
            lines_csv(invoice, lines),
            file_name=csv_name(invoice),
            mime="text/csv",
            icon=":material/download:",
            width="stretch",
        )
        st.html(tables.facts(_facts(invoice)))
        shown = lines[:SHOWN_LINES]
        rows = [_line_row(line) for line in shown]
        st.html(tables.table("Lines of the invoice", _line_columns(invoice), rows, footer=_footer(invoice, lines)))
        if len(lines) > len(shown):
            st.caption(f"The first {SHOWN_LINES:,} of {count_text(len(lines), 'line')}; the download has all of them.")


def _facts(invoice: Invoice) -> list[tuple[str, str]]:
    facts = [
        ("Account", invoice.account_id),
        ("Month", period_text(invoice.period)),
        ("Status", words(invoice.status)),
        ("Currency", invoice.currency_code),
    ]
    if invoice.status != "draft":
        facts += [
            ("Issued", f"{invoice.issued_at:%Y-%m-%d}"),
            ("Due", f"{invoice.due_date:%Y-%m-%d}"),
            ("Paid", money_text(invoice.paid_amount, invoice.currency_code)),
        ]
    if invoice.tax_note:
        facts.append(("Tax note", words(invoice.tax_note)))
    return facts


def _line_columns(invoice: Invoice) -> tuple[tables.Column, ...]:
    return (
        tables.Column(title="Line", is_number=True),
        tables.Column(title="SKU"),
        tables.Column(title="Type"),
        tables.Column(title="Price"),
        tables.Column(title="Quantity", is_number=True),
        tables.Column(title="Unit"),
        tables.Column(title=f"Amount ({invoice.currency_code})", is_number=True),
    )


def _line_row(line: InvoiceLine) -> list[str]:
    return [
        str(line.line_number),
        line.sku_id,
        words(line.line_type),
        line.price_id,
        exact_text(line.quantity),
        line.unit,
        amount_text(line.amount, line.currency_code),
    ]


def _footer(invoice: Invoice, lines: Sequence[InvoiceLine]) -> list[list[str]]:
    code = invoice.currency_code
    rows = [
        (f"Subtotal of {count_text(len(lines), 'line')}", amount_text(invoice.subtotal_amount, code)),
        ("Credits", amount_text(negated(invoice.credit_amount), code)),
        (f"Tax {percent_text(invoice.tax_percent)}", amount_text(invoice.tax_amount, code)),
        ("Total", amount_text(invoice.total_amount, code)),
    ]
    return [["", "", "", "", "", label, amount] for label, amount in rows]
