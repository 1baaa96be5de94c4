"""The cost page: what a month has cost, by day, service, project, account and resource, and how that becomes invoices.

All amounts are sums of rating.charges_daily: before rounding to invoice lines, without credits and tax.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time

import streamlit as st

from dashboards import charts, queries, tables
from dashboards.formatting import (
    amount_text,
    count_text,
    exact_text,
    instant_text,
    money_text,
    negated,
    period_bounds,
    period_text,
    rounded_text,
    share_of,
)
from dashboards.queries import CostFilter, CostReport, CostRow, FilterValues, PipelineState, Reconciliation, UnratedReason
from dashboards.reading import analyst, cached
from dashboards.wording import reason_text
from warehouse.settings import Settings, load_settings

# Totals beside each other; in more columns a large amount would be cut off.
CARDS_A_ROW = 4

# Breakdown → its heading, what a row is, and the plural.
_BREAKDOWNS = {
    "service": ("Cost by service", "Service", "services"),
    "account": ("Cost by account", "Account", "accounts"),
    "project": ("Cost by project", "Project", "projects"),
    "resource": ("Top resources", "Resource", "resources"),
}


@cached
def _state(settings: Settings) -> tuple[list[str], PipelineState]:
    with analyst(settings) as client:
        return queries.charged_periods(client, settings), queries.pipeline_state(client, settings)


@cached
def _values(settings: Settings, period: str) -> FilterValues:
    with analyst(settings) as client:
        return queries.filter_values(client, settings, period)


@cached
def _report(settings: Settings, cost_filter: CostFilter) -> tuple[CostReport, list[UnratedReason]]:
    with analyst(settings) as client:
        return queries.cost_report(client, settings, cost_filter), queries.unrated_reasons(client, settings, cost_filter)


@cached
def _reconciliation(settings: Settings, period: str, accounts: tuple[str, ...]) -> list[Reconciliation]:
    with analyst(settings) as client:
        return queries.reconciliation(client, settings, period=period, accounts=accounts)


def render() -> None:
    """Draw the page."""
    settings = load_settings()
    st.title("Cost")
    periods, state = _state(settings)
    if not periods:
        st.info(
            "There are no charges yet: load events with `meterhouse ingest` and prices with `meterhouse catalog apply`,"
            " then build the bills with `meterhouse run`.",
            icon=":material/hourglass_empty:",
        )
        return
    cost_filter = _ask_filter(settings, periods)
    report, unrated = _report(settings, cost_filter)
    _warn_of_unrated(unrated)
    if not report.totals:
        st.info("Nothing was charged for this selection.", icon=":material/filter_alt:")
        return
    reconciled = _reconciliation(settings, cost_filter.period, cost_filter.accounts)
    _show_totals(report, cost_filter, reconciled, state=state)
    currency_code = _ask_currency(list(report.totals))
    _show_days(report, period=cost_filter.period, currency_code=currency_code)
    _show_breakdowns(report, currency_code=currency_code)
    _show_reconciliation(reconciled, cost_filter, state=state)


def described(row: CostRow) -> tuple[str, str]:
    """Name and detail of a row of a breakdown, with words where the identifier is empty."""
    if row.breakdown == "service":
        return row.service or "(no service)", ""
    if row.breakdown == "account":
        return row.account_id, ""
    if row.breakdown == "project":
        return row.project_id or "(no project)", row.account_id
    return row.resource_id or "(unused commitments)", " / ".join(part for part in (row.account_id, row.project_id) if part)


def _ask_filter(settings: Settings, periods: Sequence[str]) -> CostFilter:
    month, account, service, project = st.columns([1, 1.3, 1.3, 1.3])
    period = month.selectbox("Month", periods, format_func=period_text, key="month", bind="query-params")
    values = _values(settings, period)
    # Values that are not offered can be typed: a filter offers only the most expensive ones of a large cloud.
    accounts = account.multiselect(
        "Accounts", values.accounts, placeholder="All accounts", accept_new_options=True, key="account", bind="query-params"
    )
    services = service.multiselect(
        "Services", values.services, placeholder="All services", accept_new_options=True, key="service", bind="query-params"
    )
    projects = project.multiselect(
        "Projects",
        values.projects,
        placeholder="All projects",
        accept_new_options=True,
        format_func=lambda name: name or "(no project)",
        key="project",
        bind="query-params",
    )
    return CostFilter(period=period, accounts=tuple(sorted(accounts)), services=tuple(sorted(services)), projects=tuple(sorted(projects)))


def _warn_of_unrated(reasons: Sequence[UnratedReason]) -> None:
    if not reasons:
        return
    row_count = sum(reason.row_count for reason in reasons)
    lines = "".join(
        f"\n- **{count_text(reason.row_count, 'resource-hour')}** `{reason.reason_code}`: {reason_text(reason.reason_code)}"
        for reason in reasons
    )
    st.warning(
        f"Usage without a price in this month: {count_text(row_count, 'resource-hour')}, in no amount below."
        f" Once the catalog covers it, the next run bills it.{lines}",
        icon=":material/warning:",
    )


def _show_totals(report: CostReport, cost_filter: CostFilter, reconciled: Sequence[Reconciliation], *, state: PipelineState) -> None:
    month = period_text(cost_filter.period)
    is_running = state.as_of < datetime.combine(period_bounds(cost_filter.period)[1], time(), tzinfo=UTC)
    span = f"{month} to {instant_text(state.as_of)}" if is_running and state.committed_tick_id else month
    st.caption(f"{span}. Charges before rounding to invoice lines, without credits and tax. Currencies are never added together.")
    # Invoices are not divided by service or project: beside a part of the cost their total would mislead.
    is_whole = not (cost_filter.services or cost_filter.projects)
    invoiced = {row.currency_code: row.total_amount for row in reconciled if is_whole and row.document_count}
    totals = list(report.totals.items())
    width = min(CARDS_A_ROW, max(3, len(totals)))  # one currency alone does not fill the page
    slots = [slot for _ in range(0, len(totals), width) for slot in st.columns(width)]
    for slot, (currency_code, total) in zip(slots, totals, strict=False):
        with slot.container(border=True, height="stretch", key=f"total_{currency_code}"):
            label = "Month to date" if is_running else "Month"
            st.metric(f"{label} in {currency_code}", f"{rounded_text(total, currency_code)} {currency_code}")
            notes = [f"exactly {exact_text(total)}"]
            if currency_code in invoiced:
                documents = "drafts so far" if is_running else "invoices"
                notes.append(f"{documents}: {money_text(invoiced[currency_code], currency_code)} after credits, with tax")
            st.caption("  \n".join(notes))


def _ask_currency(currencies: list[str]) -> str:
    if len(currencies) == 1:
        return currencies[0]
    chosen = st.segmented_control("Breakdowns in", currencies, default=currencies[0], required=True, key="currency", bind="query-params")
    return chosen or currencies[0]


def _show_days(report: CostReport, *, period: str, currency_code: str) -> None:
    with st.container(border=True):
        st.subheader(f"Cost by day and service, {currency_code}")
        st.altair_chart(
            charts.cost_by_day(report.of("day", currency_code), period=period, currency_code=currency_code),
            alt=f"Stacked bars of the cost of each day of {period_text(period)} by service, in {currency_code}",
        )


def _show_breakdowns(report: CostReport, *, currency_code: str) -> None:
    left, right = st.columns(2)
    with left:
        _show_breakdown(report, "service", currency_code=currency_code)
        _show_breakdown(report, "account", currency_code=currency_code)
    with right:
        _show_breakdown(report, "project", currency_code=currency_code)
    _show_breakdown(report, "resource", currency_code=currency_code)
    st.caption("Rows are rounded for reading; point at an amount to see all its digits. Each breakdown adds up to the total exactly.")


def _show_breakdown(report: CostReport, breakdown: str, *, currency_code: str) -> None:
    title, heading, plural = _BREAKDOWNS[breakdown]
    rows = [_share(row, report, plural=plural) for row in report.of(breakdown, currency_code)]
    with st.container(border=True):
        st.subheader(title)
        st.html(tables.breakdown(f"Cost by {breakdown} in {currency_code}", heading, f"Cost ({currency_code})", rows))


def _share(row: CostRow, report: CostReport, *, plural: str) -> tables.Share:
    name, detail = (f"{row.member_count:,} other {plural}", "") if row.is_rest else described(row)
    return tables.Share(
        name=name,
        detail=detail,
        amount=rounded_text(row.amount_unrounded, row.currency_code),
        exact=f"{exact_text(row.amount_unrounded)} {row.currency_code}",
        share=share_of(row.amount_unrounded, report.totals[row.currency_code]),
    )


def _show_reconciliation(rows: Sequence[Reconciliation], cost_filter: CostFilter, *, state: PipelineState) -> None:
    with st.container(border=True, key="reconciliation"):
        st.subheader("From cost to invoices")
        if cost_filter.services or cost_filter.projects:
            st.caption("For whole accounts: invoices are not divided by service or project, so these filters are left out here.")
        st.html(tables.table("From cost to invoices", _RECONCILIATION_COLUMNS, [_reconciled(row) for row in rows]))
        different = [row.currency_code for row in rows if row.difference_amount]
        if not different:
            st.success(
                "The cost of the month, rounded line by line (account, type, SKU, price), equals the lines of its invoices and notes.",
                icon=":material/check_circle:",
            )
        elif state.is_tick_open:
            st.warning(
                f"Cost and invoice lines differ in {', '.join(different)}: run {state.last_tick_id} started at"
                f" {instant_text(state.last_attempt_at)} and has not ended. Look again after it, or repeat it with `meterhouse run`.",
                icon=":material/sync:",
            )
        else:
            st.error(
                f"Cost and invoice lines differ in {', '.join(different)}. Run `meterhouse run`;"
                " if the difference stays, its checks name the rows.",
                icon=":material/error:",
            )


_RECONCILIATION_COLUMNS = (
    tables.Column(title="Currency"),
    tables.Column(title="Cost, unrounded", is_number=True),
    tables.Column(title="Rounding of lines", is_number=True),
    tables.Column(title="Lines of drafts", is_number=True),
    tables.Column(title="Lines issued", is_number=True),
    tables.Column(title="Difference", is_number=True),
    tables.Column(title="Credits", is_number=True),
    tables.Column(title="Tax", is_number=True),
    tables.Column(title="Invoice total", is_number=True),
)


def _reconciled(row: Reconciliation) -> list[str]:
    code = row.currency_code
    return [
        code,
        exact_text(row.charged_amount_unrounded),
        exact_text(row.rounding_amount_unrounded),
        amount_text(row.draft_amount, code),
        amount_text(row.issued_amount, code),
        amount_text(row.difference_amount, code),
        amount_text(negated(row.credit_amount), code),
        amount_text(row.tax_amount, code),
        amount_text(row.total_amount, code),
    ]
