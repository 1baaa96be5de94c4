"""Reads documents from the public tables, for the command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from control.domain.periods import Period
from warehouse.errors import InputError, RefusedError
from warehouse.settings import Settings

COLUMNS = (
    "invoice_number", "kind", "account_id", "period", "adjusted_period", "status", "currency_code", "subtotal_amount",
    "credit_amount", "tax_amount", "total_amount", "paid_amount", "issued_at", "due_date", "invoice_id",
)  # fmt: skip
LINE_COLUMNS = (
    "invoice_id", "line_number", "account_id", "period", "kind", "adjusted_period", "line_type", "sku_id", "price_id", "quantity",
    "unit", "currency_code", "amount",
)  # fmt: skip
SHOWN_LINE_COLUMNS = ("line_number", "line_type", "sku_id", "price_id", "quantity", "unit", "amount", "currency_code")

Row = dict[str, Any]


def find(client: Client, settings: Settings, *, period: str | None = None, is_issued: bool = False) -> list[Row]:
    """Documents in the order of period, account, kind and adjusted period; none where no tick has run yet."""
    invoicing = settings.database("invoicing")
    if not _exists(client, invoicing):
        return []
    conditions = ["1", *(["period = {period:String}"] if period else []), *(["status != 'draft'"] if is_issued else [])]
    return _rows(
        client,
        f"SELECT {', '.join(COLUMNS)} FROM {invoicing}.invoices WHERE {' AND '.join(conditions)}"
        " ORDER BY period, account_id, kind, adjusted_period",
        {"period": period or ""},
    )


def get(client: Client, settings: Settings, document: str) -> Row:
    """One document by its number or invoice_id.

    Raises:
        InputError: there is none.
    """
    invoicing = settings.database("invoicing")
    found = (
        _rows(
            client,
            f"SELECT {', '.join(COLUMNS)} FROM {invoicing}.invoices WHERE {{document:String}} IN (invoice_number, invoice_id)",
            {"document": document},
        )
        if document and _exists(client, invoicing)
        else []
    )
    if not found:
        raise InputError(f"no invoice {document!r}; `meterhouse invoice list` shows numbers and ids")
    return found[0]


def lines(client: Client, settings: Settings, invoice_id: str) -> list[Row]:
    """The lines of a document in their order."""
    return _rows(
        client,
        f"SELECT {', '.join(LINE_COLUMNS)} FROM {settings.database('invoicing')}.invoice_lines"
        " WHERE invoice_id = {invoice_id:String} ORDER BY line_number",
        {"invoice_id": invoice_id},
    )


def refuse_unfinished(period: str, as_of: datetime | None) -> None:
    """Say at once what closing would say after a tick.

    Raises:
        RefusedError: the month's end is after a given as-of.
    """
    month = Period.parse(period)
    if as_of is not None and month.end_at > as_of:
        given, earliest = f"{as_of:%Y-%m-%dT%H:%M:%SZ}", f"{month.end_at:%Y-%m-%d}"
        raise RefusedError(f"{period} ends after the as-of {given}; close it at an as-of from {earliest} on")


def _exists(client: Client, invoicing: str) -> bool:
    return bool(client.command(f"EXISTS VIEW {invoicing}.invoices"))


def _rows(client: Client, statement: str, parameters: dict[str, Any]) -> list[Row]:
    result: Sequence[Row] = list(client.query(statement, parameters=parameters).named_results())
    return [dict(row) for row in result]
