"""Stand-ins for the invoicing tables that the models build: the columns the control plane reads, with drafts put in by hand."""

from __future__ import annotations

import json

from clickhouse_connect.driver.client import Client

from control.domain.documents import Draft
from control.domain.money import plain
from warehouse.settings import Settings

_TABLES = {
    "invoices": """
        invoice_id String, invoice_number String, kind String, account_id String, period String, adjusted_period String, status String,
        currency_code String, subtotal_amount Decimal(38, 4), credit_amount Decimal(38, 4), tax_percent Decimal(9, 6),
        tax_amount Decimal(38, 4), total_amount Decimal(38, 4), paid_amount Decimal(38, 4), tax_note String,
        issued_at DateTime64(3, 'UTC'), due_date Date
    """,
    "invoice_lines": """
        invoice_id String, line_number UInt32, account_id String, period String, kind String, adjusted_period String, line_type String,
        sku_id String, price_id String, quantity Decimal(76, 12), unit String, currency_code String, amount Decimal(38, 4)
    """,
    "credit_uses": "invoice_id String, credit_id String, use_order UInt32, amount Decimal(38, 4)",
}


def create_invoicing(client: Client, settings: Settings) -> None:
    """The three tables, empty."""
    for name, columns in _TABLES.items():
        client.command(f"CREATE TABLE {settings.database('invoicing')}.{name} ({columns}) ENGINE = MergeTree ORDER BY invoice_id")


def put_drafts(client: Client, settings: Settings, *drafts: Draft) -> None:
    """Add drafts, as a run of the models would leave them."""
    lines = [{"invoice_id": draft.invoice_id, **_place(draft), **_line} for draft in drafts for _line in _lines(draft)]
    uses = [
        {"invoice_id": draft.invoice_id, "credit_id": use.credit_id, "use_order": use.use_order, "amount": plain(use.amount.amount)}
        for draft in drafts
        for use in draft.credit_uses
    ]
    for name, rows in (("invoices", [_head(draft) for draft in drafts]), ("invoice_lines", lines), ("credit_uses", uses)):
        if rows:
            block = "\n".join(json.dumps(row) for row in rows).encode()
            client.raw_insert(f"{settings.database('invoicing')}.{name}", insert_block=block, fmt="JSONEachRow")


def clear_drafts(client: Client, settings: Settings) -> None:
    """As after a run that found nothing open."""
    for name in _TABLES:
        client.command(f"TRUNCATE TABLE {settings.database('invoicing')}.{name}")


def _place(draft: Draft) -> dict[str, str]:
    return {
        "account_id": draft.account_id,
        "period": draft.period,
        "kind": draft.kind.value,
        "adjusted_period": draft.adjusted_period,
        "currency_code": draft.total.currency_code,
    }


def _head(draft: Draft) -> dict[str, str]:
    return {
        "invoice_id": draft.invoice_id,
        **_place(draft),
        "status": "draft",
        "subtotal_amount": plain(draft.subtotal.amount),
        "credit_amount": plain(draft.credit.amount),
        "tax_percent": plain(draft.tax_percent),
        "tax_amount": plain(draft.tax.amount),
        "total_amount": plain(draft.total.amount),
        "tax_note": draft.tax_note,
    }


def _lines(draft: Draft) -> list[dict[str, object]]:
    return [
        {
            "line_number": line.line_number,
            "line_type": line.line_type,
            "sku_id": line.sku_id,
            "price_id": line.price_id,
            "quantity": plain(line.quantity),
            "unit": line.unit,
            "amount": plain(line.amount.amount),
        }
        for line in draft.lines
    ]
