"""Reads draft documents from the warehouse's invoicing tables, exactly and sorted as they will be numbered."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from clickhouse_connect.driver.client import Client

from control.domain.documents import CreditUse, Draft, Kind, Line
from control.domain.money import Money
from warehouse.errors import RefusedError
from warehouse.settings import Settings

# Decimals come as text: the drivers' own conversion works within 28 digits, a quantity may have 76.
_HEADS = """
    SELECT invoice_id, kind, account_id, period, adjusted_period, currency_code, tax_note, toString(subtotal_amount),
        toString(credit_amount), toString(tax_percent), toString(tax_amount), toString(total_amount)
    FROM {invoicing}.invoices WHERE status = 'draft' AND period = {{period:String}}
"""
_LINES = """
    SELECT invoice_id, line_number, line_type, sku_id, price_id, toString(quantity), unit, currency_code, toString(amount)
    FROM {invoicing}.invoice_lines
    WHERE invoice_id IN (SELECT invoice_id FROM {invoicing}.invoices WHERE status = 'draft' AND period = {{period:String}})
    ORDER BY invoice_id, line_number
"""
_CREDIT_USES = """
    SELECT invoice_id, credit_id, use_order, toString(amount)
    FROM {invoicing}.credit_uses
    WHERE invoice_id IN (SELECT invoice_id FROM {invoicing}.invoices WHERE status = 'draft' AND period = {{period:String}})
    ORDER BY invoice_id, use_order, credit_id
"""


def read_drafts(client: Client, settings: Settings, period: str) -> list[Draft]:
    """All drafts of a period, notes included, ordered by (account_id, kind, adjusted_period).

    Raises:
        RefusedError: an amount has more decimals than its currency; the models rounded in the wrong place.
    """
    invoicing = settings.database("invoicing")

    def rows(template: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in client.query(template.format(invoicing=invoicing), parameters={"period": period}).result_rows]

    lines: dict[str, list[Line]] = defaultdict(list)
    for invoice_id, number, line_type, sku_id, price_id, quantity, unit, currency, amount in rows(_LINES):
        line = Line(
            line_number=number,
            line_type=line_type,
            sku_id=sku_id,
            price_id=price_id,
            quantity=Decimal(quantity),
            unit=unit,
            amount=_money(amount, currency, invoice_id),
        )
        lines[invoice_id].append(line)
    uses: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for invoice_id, *use in rows(_CREDIT_USES):
        uses[invoice_id].append(tuple(use))
    drafts = []
    for invoice_id, kind, account_id, of_period, adjusted, currency, tax_note, subtotal, credit, percent, tax, total in rows(_HEADS):
        draft = Draft(
            invoice_id=invoice_id,
            kind=Kind(kind),
            account_id=account_id,
            period=of_period,
            adjusted_period=adjusted,
            subtotal=_money(subtotal, currency, invoice_id),
            credit=_money(credit, currency, invoice_id),
            tax_percent=Decimal(percent),
            tax=_money(tax, currency, invoice_id),
            total=_money(total, currency, invoice_id),
            tax_note=tax_note,
            lines=tuple(lines[invoice_id]),
            credit_uses=tuple(
                CreditUse(credit_id=credit_id, use_order=order, amount=_money(amount, currency, invoice_id))
                for credit_id, order, amount in uses[invoice_id]
            ),
        )
        drafts.append(draft)
    return sorted(drafts, key=lambda draft: draft.order)


def periods_with_drafts_before(client: Client, settings: Settings, period: str) -> list[str]:
    """Earlier periods that have drafts, oldest first."""
    table = f"{settings.database('invoicing')}.invoices"
    query = f"SELECT DISTINCT period FROM {table} WHERE status = 'draft' AND period < {{period:String}} ORDER BY period"
    return [row[0] for row in client.query(query, parameters={"period": period}).result_rows]


def _money(text: str, currency_code: str, invoice_id: str) -> Money:
    try:
        return Money.from_decimal(Decimal(text), currency_code)
    except ValueError as error:
        raise RefusedError(f"draft {invoice_id} cannot be issued: {error}") from None
