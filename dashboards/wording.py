"""Codes of the public tables in words for readers. An unknown code is shown as it is, never hidden."""

from __future__ import annotations

from dashboards.formatting import period_text
from dashboards.queries import Invoice

_UNRATED_REASONS = {
    "unknown_metric": "no SKU of the catalog has the metric",
    "aggregation_mismatch": "the SKU of the metric expects the other kind of event",
    "unknown_account": "the account is not in the catalog",
    "no_price": "no price is valid for the SKU in the account's currency",
}


def reason_text(reason_code: str) -> str:
    """Why usage has no price; empty for a code this page does not know."""
    return _UNRATED_REASONS.get(reason_code, "")


def words(code: str) -> str:
    """`partially_paid` as `Partially paid`."""
    return code.replace("_", " ").capitalize()


def number_text(invoice: Invoice) -> str:
    """The number of a document, or `draft`."""
    return invoice.invoice_number or "draft"


def title_text(invoice: Invoice) -> str:
    """What a document is called: `Invoice MH-000001`, `Credit note for January 2026 (draft)`."""
    return f"{kind_text(invoice)} {invoice.invoice_number or '(draft)'}"


def kind_text(invoice: Invoice) -> str:
    """`Invoice`, or the kind of note and the month it corrects: `Credit note for January 2026`."""
    kind = words(invoice.kind)
    return f"{kind} for {period_text(invoice.adjusted_period)}" if invoice.adjusted_period else kind
