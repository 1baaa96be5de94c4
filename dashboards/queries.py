"""All SQL of the dashboards, over public tables only, and the rows it gives.

Sums are made here, in ClickHouse, in Decimal: the pages only show them. What belongs together on a page comes from one
statement where it can, so that a total and its breakdown read the same state of a table while a tick replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from clickhouse_connect.driver.client import Client

from dashboards.formatting import period_bounds
from warehouse.currencies import MINOR_UNITS
from warehouse.settings import Settings

# A breakdown shows this many rows and one row for the rest; more are no longer read, and fewer hide who pays.
TOP_ROWS = 12

# Accounts, services and projects a filter offers; any other can be typed. More than this makes the page itself slow.
OFFERED_VALUES = 2_000

# Invoices of one list and lines of one invoice on a page; totals and the download always cover all of them.
LISTED_INVOICES = 5_000

Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class CostFilter:
    """A month and what of it; an empty tuple means all."""

    period: str
    accounts: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FilterValues:
    """What has cost in a month, the most expensive `OFFERED_VALUES` of each at most, in alphabetical order."""

    accounts: tuple[str, ...]
    services: tuple[str, ...]
    projects: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CostRow:
    """A sum of charges in one currency. Columns that the breakdown does not divide by are empty (1970-01-01 for the date)."""

    breakdown: str  # total, day (by service), service, account, project, resource
    currency_code: str
    charge_date: date
    service: str
    account_id: str
    project_id: str
    resource_id: str
    is_rest: bool  # all rows below the first TOP_ROWS, as one
    member_count: int  # how many rows it stands for
    amount_unrounded: Decimal


@dataclass(frozen=True, kw_only=True)
class CostReport:
    """Charges by each breakdown, the most expensive first, the rest last. Within a currency each breakdown adds up to the total."""

    rows: tuple[CostRow, ...]

    def of(self, breakdown: str, currency_code: str) -> list[CostRow]:
        """Rows of one breakdown in one currency."""
        return [row for row in self.rows if row.breakdown == breakdown and row.currency_code == currency_code]

    @property
    def totals(self) -> dict[str, Decimal]:
        """Currency → total, in order of the code. Different currencies are never added."""
        return {row.currency_code: row.amount_unrounded for row in self.rows if row.breakdown == "total"}


@dataclass(frozen=True, kw_only=True)
class UnratedReason:
    """Usage that no price was found for: rows of rating.unrated_consumption with one reason."""

    reason_code: str
    row_count: int  # one resource and SKU (or metric) in one hour
    resource_count: int
    metrics: Sequence[str]
    first_hour_at: datetime
    last_hour_at: datetime


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """From the charges of a month to its documents, in one currency."""

    currency_code: str
    charged_amount_unrounded: Decimal
    rounding_amount_unrounded: Decimal  # what rounding per account, line type, SKU and price (an invoice line) adds
    draft_amount: Decimal  # lines of drafts
    issued_amount: Decimal  # lines of issued documents
    difference_amount: Decimal  # lines less rounded charges; 0 unless a tick is half done or something is wrong
    credit_amount: Decimal
    tax_amount: Decimal
    total_amount: Decimal
    document_count: int


@dataclass(frozen=True, kw_only=True)
class PipelineState:
    """The last committed tick, and the last attempt. Ids are 0 and instants 1970-01-01 where there was none."""

    committed_tick_id: int
    as_of: datetime
    committed_at: datetime
    last_tick_id: int
    last_attempt_at: datetime

    @property
    def is_tick_open(self) -> bool:
        """Whether an attempt started and did not end: it is running, or it failed."""
        return self.last_tick_id > self.committed_tick_id


@dataclass(frozen=True, kw_only=True)
class InvoiceFilter:
    """Which invoices; an empty tuple means all."""

    periods: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Invoice:
    """A row of invoicing.invoices. `issued_at` and `due_date` are 1970-01-01 on drafts."""

    invoice_id: str
    invoice_number: str
    kind: str
    account_id: str
    period: str
    adjusted_period: str
    status: str
    currency_code: str
    subtotal_amount: Decimal
    credit_amount: Decimal
    tax_percent: Decimal
    tax_amount: Decimal
    total_amount: Decimal
    paid_amount: Decimal
    tax_note: str
    issued_at: datetime
    due_date: date


@dataclass(frozen=True, kw_only=True)
class InvoiceTotals:
    """Sums over invoices in one currency."""

    currency_code: str
    document_count: int
    draft_amount: Decimal  # total_amount of drafts
    issued_amount: Decimal  # total_amount of issued documents
    paid_amount: Decimal
    open_amount: Decimal  # issued less paid, without what is written off


@dataclass(frozen=True, kw_only=True)
class InvoiceLine:
    """A row of invoicing.invoice_lines; the columns it shares with its invoice left out."""

    line_number: int
    line_type: str
    sku_id: str
    price_id: str
    quantity: Decimal
    unit: str
    currency_code: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class EventAccounting:
    """Where the lines of all batches ended. `unbalanced_batch_count` must be 0: each line is in exactly one bucket."""

    batch_count: int
    lines: int
    blank: int
    accepted: int
    duplicates: int
    conflicts: int
    rejected: int
    unbalanced_batch_count: int


@dataclass(frozen=True, kw_only=True)
class RejectedReason:
    """Rejected lines with one reason."""

    reason_code: str
    line_count: int
    batch_count: int
    last_rejected_at: datetime


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A loaded batch with the buckets of its lines."""

    batch_id: str
    source_name: str
    location: str
    loaded_at: datetime
    lines: int
    accepted: int
    duplicates: int
    conflicts: int
    rejected: int


def charged_periods(client: Client, settings: Settings) -> list[str]:
    """Months that have charges, newest first."""
    rows = client.query(
        f"SELECT DISTINCT formatDateTime(charge_date, '%Y-%m') AS period FROM {settings.database('rating')}.charges_daily"
        " ORDER BY period DESC"
    ).result_rows
    return [row[0] for row in rows]


def filter_values(client: Client, settings: Settings, period: str) -> FilterValues:
    """Accounts, services and projects with charges in a month."""
    where, parameters = _charges_where(CostFilter(period=period))

    def values(column: str) -> tuple[str, ...]:
        rows = client.query(
            f"SELECT {column} FROM {settings.database('rating')}.charges_daily WHERE {where}"
            f" GROUP BY {column} ORDER BY sum(amount_unrounded) DESC, {column} LIMIT {OFFERED_VALUES}",
            parameters=parameters,
        ).result_rows
        return tuple(sorted(row[0] for row in rows))

    return FilterValues(accounts=values("account_id"), services=values("service"), projects=values("project_id"))


def cost_report(client: Client, settings: Settings, cost_filter: CostFilter) -> CostReport:
    """All breakdowns of the cost page, in one pass over the month."""
    where, parameters = _charges_where(cost_filter)
    # grouping() has a bit for each of its columns that a row is not divided by, the first column's bit the highest.
    rows = _query(
        client,
        CostRow,
        f"""
        WITH
        sums AS
        (
            SELECT
                transform(
                    grouping(charge_date, service, account_id, project_id, resource_id),
                    [0b11111, 0b00111, 0b10111, 0b11011, 0b11001, 0b11000],
                    ['total', 'day', 'service', 'account', 'project', 'resource'],
                    ''
                ) AS breakdown,
                currency_code, charge_date, service, account_id, project_id, resource_id,
                sum(amount_unrounded) AS amount
            FROM {settings.database("rating")}.charges_daily
            WHERE {where}
            GROUP BY GROUPING SETS
            (
                (currency_code),
                (currency_code, charge_date, service),
                (currency_code, service),
                (currency_code, account_id),
                (currency_code, account_id, project_id),
                (currency_code, account_id, project_id, resource_id)
            )
        ),
        ranked AS
        (
            SELECT
                *,
                row_number() OVER (
                    PARTITION BY breakdown, currency_code
                    ORDER BY amount DESC, service, account_id, project_id, resource_id
                ) > {TOP_ROWS} AND breakdown != 'day' AS is_below
            FROM sums
        ),
        shown AS
        (
            SELECT
                breakdown, currency_code, charge_date, toBool(is_below) AS is_rest, amount,
                if(is_below, '', ranked.service) AS shown_service,
                if(is_below, '', ranked.account_id) AS shown_account_id,
                if(is_below, '', ranked.project_id) AS shown_project_id,
                if(is_below, '', ranked.resource_id) AS shown_resource_id
            FROM ranked
        )
        SELECT
            breakdown, currency_code, charge_date, shown_service AS service, shown_account_id AS account_id,
            shown_project_id AS project_id, shown_resource_id AS resource_id, is_rest, count() AS member_count,
            sum(amount) AS amount_unrounded
        FROM shown
        GROUP BY breakdown, currency_code, charge_date, service, account_id, project_id, resource_id, is_rest
        ORDER BY breakdown, currency_code, charge_date, is_rest, amount_unrounded DESC, service, account_id, project_id, resource_id
        """,
        parameters,
    )
    return CostReport(rows=tuple(rows))


def unrated_reasons(client: Client, settings: Settings, cost_filter: CostFilter) -> list[UnratedReason]:
    """Unrated usage of the month, accounts and projects of the filter. Its services are not looked at: unrated usage may have none."""
    start, end = period_bounds(cost_filter.period)
    clauses = ["hour_at >= toDateTime64({start:Date}, 3, 'UTC')", "hour_at < toDateTime64({end:Date}, 3, 'UTC')"]
    parameters: dict[str, Any] = {"start": start, "end": end}
    _restrict(clauses, parameters, account_id=cost_filter.accounts, project_id=cost_filter.projects)
    return _unrated(client, settings, " AND ".join(clauses), parameters)


def all_unrated_reasons(client: Client, settings: Settings) -> list[UnratedReason]:
    """Unrated usage of all time."""
    return _unrated(client, settings, "1", {})


def reconciliation(client: Client, settings: Settings, *, period: str, accounts: tuple[str, ...] = ()) -> list[Reconciliation]:
    """Charges of a month beside the documents for it (its invoices and the notes that correct it), by currency.

    Refund notes are left out: they stand outside the identity of charges and lines.
    """
    where, parameters = _charges_where(CostFilter(period=period, accounts=accounts))
    clauses = ["kind != 'refund_note'", "if(kind = 'invoice', period, adjusted_period) = {period:String}"]
    _restrict(clauses, parameters, account_id=accounts)
    parameters |= {"period": period, "codes": list(MINOR_UNITS), "decimals": list(MINOR_UNITS.values())}
    invoicing = settings.database("invoicing")
    return _query(
        client,
        Reconciliation,
        f"""
        WITH
        charged AS
        (
            SELECT
                currency_code,
                transform(currency_code, {{codes:Array(String)}}, {{decimals:Array(UInt8)}}, toUInt8(0)) AS minor_unit,
                sum(amount_unrounded) AS exact_amount,
                round(exact_amount, minor_unit) AS rounded_amount
            FROM {settings.database("rating")}.charges_daily
            WHERE {where}
            GROUP BY currency_code, account_id, charge_type, sku_id, price_id
        ),
        documents AS
        (
            SELECT invoice_id, currency_code, status, credit_amount, tax_amount, total_amount
            FROM {invoicing}.invoices
            WHERE {" AND ".join(clauses)}
        ),
        parts AS
        (
            SELECT
                currency_code,
                sum(exact_amount) AS charged,
                sum(rounded_amount) AS rounded,
                toDecimal256(0, 32) AS draft,
                toDecimal256(0, 32) AS issued,
                toDecimal256(0, 32) AS credit,
                toDecimal256(0, 32) AS tax,
                toDecimal256(0, 32) AS total,
                toUInt64(0) AS documents
            FROM charged
            GROUP BY currency_code
            UNION ALL
            SELECT
                documents.currency_code, toDecimal256(0, 32), toDecimal256(0, 32),
                sumIf(toDecimal256(invoice_lines.amount, 32), documents.status = 'draft'),
                sumIf(toDecimal256(invoice_lines.amount, 32), documents.status != 'draft'),
                toDecimal256(0, 32), toDecimal256(0, 32), toDecimal256(0, 32), toUInt64(0)
            FROM {invoicing}.invoice_lines AS invoice_lines
            INNER JOIN documents ON documents.invoice_id = invoice_lines.invoice_id
            GROUP BY documents.currency_code
            UNION ALL
            SELECT
                currency_code, toDecimal256(0, 32), toDecimal256(0, 32), toDecimal256(0, 32), toDecimal256(0, 32),
                sum(toDecimal256(credit_amount, 32)), sum(toDecimal256(tax_amount, 32)), sum(toDecimal256(total_amount, 32)), count()
            FROM documents
            GROUP BY currency_code
        )
        SELECT
            currency_code,
            sum(charged) AS charged_amount_unrounded,
            sum(rounded) - sum(charged) AS rounding_amount_unrounded,
            sum(draft) AS draft_amount,
            sum(issued) AS issued_amount,
            sum(draft) + sum(issued) - sum(rounded) AS difference_amount,
            sum(credit) AS credit_amount,
            sum(tax) AS tax_amount,
            sum(total) AS total_amount,
            sum(documents) AS document_count
        FROM parts
        GROUP BY currency_code
        ORDER BY currency_code
        """,
        parameters,
    )


def pipeline_state(client: Client, settings: Settings) -> PipelineState:
    """What the tables reflect, and whether a tick is open."""
    return _query(
        client,
        PipelineState,
        f"""
        SELECT
            maxIf(tick_id, status = 'committed') AS committed_tick_id,
            argMaxIf(as_of, tick_id, status = 'committed') AS as_of,
            argMaxIf(recorded_at, tick_id, status = 'committed') AS committed_at,
            max(tick_id) AS last_tick_id,
            max(recorded_at) AS last_attempt_at
        FROM {settings.database("ops")}.ticks
        """,
        {},
    )[0]


def invoiced_periods(client: Client, settings: Settings) -> list[str]:
    """Months that have invoices, newest first."""
    rows = client.query(f"SELECT DISTINCT period FROM {settings.database('invoicing')}.invoices ORDER BY period DESC").result_rows
    return [row[0] for row in rows]


def invoiced_accounts(client: Client, settings: Settings) -> list[str]:
    """Accounts that have invoices, the first `OFFERED_VALUES` of them."""
    rows = client.query(
        f"SELECT DISTINCT account_id FROM {settings.database('invoicing')}.invoices ORDER BY account_id LIMIT {OFFERED_VALUES}"
    ).result_rows
    return [row[0] for row in rows]


def invoices(client: Client, settings: Settings, invoice_filter: InvoiceFilter) -> list[Invoice]:
    """At most `LISTED_INVOICES` invoices: newest month first, then by account, the month's invoice before its notes."""
    where, parameters = _invoices_where(invoice_filter)
    return _query(
        client,
        Invoice,
        f"""
        SELECT {", ".join(_names(Invoice))}
        FROM {settings.database("invoicing")}.invoices
        WHERE {where}
        ORDER BY period DESC, account_id, kind != 'invoice', adjusted_period, invoice_number, invoice_id
        LIMIT {LISTED_INVOICES}
        """,
        parameters,
    )


def invoice_totals(client: Client, settings: Settings, invoice_filter: InvoiceFilter) -> list[InvoiceTotals]:
    """Sums over all invoices of the filter, listed or not, by currency."""
    where, parameters = _invoices_where(invoice_filter)
    return _query(
        client,
        InvoiceTotals,
        f"""
        SELECT
            currency_code,
            count() AS document_count,
            sumIf(total_amount, status = 'draft') AS draft_amount,
            sumIf(total_amount, status != 'draft') AS issued_amount,
            sum(invoices.paid_amount) AS paid_amount,
            sumIf(total_amount - invoices.paid_amount, status NOT IN ('draft', 'uncollectible')) AS open_amount
        FROM {settings.database("invoicing")}.invoices AS invoices
        WHERE {where}
        GROUP BY currency_code
        ORDER BY currency_code
        """,
        parameters,
    )


def invoice_lines(client: Client, settings: Settings, invoice_id: str) -> list[InvoiceLine]:
    """All lines of an invoice, in its order."""
    return _query(
        client,
        InvoiceLine,
        f"""
        SELECT {", ".join(_names(InvoiceLine))}
        FROM {settings.database("invoicing")}.invoice_lines
        WHERE invoice_id = {{invoice_id:String}}
        ORDER BY line_number
        """,
        {"invoice_id": invoice_id},
    )


def event_accounting(client: Client, settings: Settings) -> EventAccounting:
    """The buckets of all batches together."""
    return _query(
        client,
        EventAccounting,
        f"""
        SELECT
            count() AS batch_count,
            sum(batch.lines) AS lines,
            sum(batch.blank) AS blank,
            sum(batch.accepted) AS accepted,
            sum(batch.duplicates) AS duplicates,
            sum(batch.conflicts) AS conflicts,
            sum(batch.rejected) AS rejected,
            countIf(batch.lines != batch.blank + batch.accepted + batch.duplicates + batch.conflicts + batch.rejected)
                AS unbalanced_batch_count
        FROM {settings.database("ops")}.event_accounting AS batch
        """,
        {},
    )[0]


def rejected_reasons(client: Client, settings: Settings) -> list[RejectedReason]:
    """Rejected lines by reason, the most frequent first."""
    return _query(
        client,
        RejectedReason,
        f"""
        SELECT reason_code, count() AS line_count, uniqExact(batch_id) AS batch_count, max(rejected_at) AS last_rejected_at
        FROM {settings.database("ops")}.rejected_events
        GROUP BY reason_code
        ORDER BY line_count DESC, reason_code
        """,
        {},
    )


def latest_batches(client: Client, settings: Settings, *, limit: int) -> list[Batch]:
    """The batches loaded last, the newest first."""
    ops = settings.database("ops")
    return _query(
        client,
        Batch,
        f"""
        SELECT
            batches.batch_id AS batch_id, source_name, location, loaded_at,
            accounting.lines AS lines, accepted, duplicates, conflicts, rejected
        FROM {ops}.batches AS batches
        INNER JOIN {ops}.event_accounting AS accounting ON accounting.batch_id = batches.batch_id
        ORDER BY loaded_at DESC, batch_id
        LIMIT {limit}
        """,
        {},
    )


def _unrated(client: Client, settings: Settings, where: str, parameters: Mapping[str, Any]) -> list[UnratedReason]:
    return _query(
        client,
        UnratedReason,
        f"""
        SELECT
            reason_code,
            count() AS row_count,
            uniqExact(account_id, resource_id) AS resource_count,
            arraySort(groupUniqArray({TOP_ROWS})(metric)) AS metrics,
            min(hour_at) AS first_hour_at,
            max(hour_at) AS last_hour_at
        FROM {settings.database("rating")}.unrated_consumption
        WHERE {where}
        GROUP BY reason_code
        ORDER BY row_count DESC, reason_code
        """,
        parameters,
    )


def _charges_where(cost_filter: CostFilter) -> tuple[str, dict[str, Any]]:
    start, end = period_bounds(cost_filter.period)
    clauses = ["charge_date >= {start:Date}", "charge_date < {end:Date}"]
    parameters: dict[str, Any] = {"start": start, "end": end}
    _restrict(clauses, parameters, account_id=cost_filter.accounts, service=cost_filter.services, project_id=cost_filter.projects)
    return " AND ".join(clauses), parameters


def _invoices_where(invoice_filter: InvoiceFilter) -> tuple[str, dict[str, Any]]:
    clauses = ["1"]
    parameters: dict[str, Any] = {}
    _restrict(clauses, parameters, period=invoice_filter.periods, status=invoice_filter.statuses, account_id=invoice_filter.accounts)
    return " AND ".join(clauses), parameters


def _restrict(clauses: list[str], parameters: dict[str, Any], **columns: Sequence[str]) -> None:
    """Add `column IN values` for each column that has values; values are bound, never written into the text."""
    for column, values in columns.items():
        if values:
            clauses.append(f"{column} IN {{{column}_values:Array(String)}}")
            parameters[f"{column}_values"] = list(values)


def _query(client: Client, row_type: type[Row], statement: str, parameters: Mapping[str, Any]) -> list[Row]:
    """Rows of a statement whose column names are the fields of `row_type`."""
    result = client.query(statement, parameters=dict(parameters))
    return [row_type(**row) for row in result.named_results()]


def _names(row_type: type) -> list[str]:
    return [field.name for field in fields(row_type)]
