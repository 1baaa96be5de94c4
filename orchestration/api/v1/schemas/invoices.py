"""Invoices and notes, their lines, and what stands behind a line."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from orchestration.api.v1.schemas.fields import DecimalText, Instant, Schema

Status = Literal["draft", "issued", "partially_paid", "paid", "uncollectible"]
DocumentKind = Literal["invoice", "debit_note", "credit_note", "refund_note"]


class Invoice(Schema):
    """A document. A draft has no number and no dates, and changes with each tick; an issued one changes in status only."""

    invoice_id: str
    invoice_number: str = Field(description="Empty on a draft.")
    kind: DocumentKind
    account_id: str
    period: str
    adjusted_period: str = Field(description="The month that a note corrects; empty on an invoice.")
    status: Status
    currency_code: str
    subtotal_amount: DecimalText
    credit_amount: DecimalText
    tax_percent: DecimalText
    tax_amount: DecimalText
    total_amount: DecimalText
    paid_amount: DecimalText
    tax_note: str
    issued_at: Instant | None
    due_date: date | None


class InvoiceLine(Schema):
    """A line of a document."""

    invoice_id: str
    line_number: int
    account_id: str
    period: str
    kind: DocumentKind
    adjusted_period: str
    line_type: Literal["usage", "commitment", "commitment_unused", "adjustment", "refund"]
    sku_id: str
    price_id: str
    quantity: DecimalText
    unit: str
    currency_code: str
    amount: DecimalText


class Explanation(Schema):
    """An hour of one resource behind a line, with its price and the events that made it."""

    invoice_id: str
    invoice_number: str
    account_id: str
    line_type: str
    sku_id: str
    price_id: str
    charge_type: str
    hour_at: Instant
    project_id: str
    resource_id: str
    region: str
    quantity: DecimalText
    unit: str
    currency_code: str
    list_amount_unrounded: DecimalText
    discount_id: str
    amount_unrounded: DecimalText
    price_model: str
    unit_price: DecimalText
    event_ids: list[str] = Field(description="`<source> <id>` of each event.")
